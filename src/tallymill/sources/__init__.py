"""What jobs ask: SQL databases by name, opened read-only, and the statistics."""
