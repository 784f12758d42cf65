"""Sending answers out: an outbox, and the courier that empties it."""
