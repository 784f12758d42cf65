"""Asking on a schedule: when a job is due, what it asks, and what came of it."""
