"""The SQL adapters of all ports. What differs between databases stays in sqlite.py."""
