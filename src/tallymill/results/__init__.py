"""Taking answers in: the receiver behind `/result`."""
