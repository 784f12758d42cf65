"""What every room stands on: time, errors, ids, back-off, life cycle. Stdlib only."""
