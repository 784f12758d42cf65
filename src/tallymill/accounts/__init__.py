"""Who events are about: accounts, looked up together and checked with each event."""
