"""Who does the adding: shards, their pools of workers, and the fold."""
