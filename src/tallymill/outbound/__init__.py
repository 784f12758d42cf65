"""The HTTP client, for whatever Tallymill sends to others."""
