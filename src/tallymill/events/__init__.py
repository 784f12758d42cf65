"""What happened: the event, its encodings, its shard, and the way into the log."""
