"""The HTTP surface: raw hot paths in front, the application behind, one problem table."""
