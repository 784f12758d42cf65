"""Tallymill: events in, numbers out, live and on schedule."""

__version__ = "0.1.0"
