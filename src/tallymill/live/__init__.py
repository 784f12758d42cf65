"""Watching it move: the hub, its readers, replay from the log, and how events travel."""
