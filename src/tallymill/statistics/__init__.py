"""What the events add up to: kinds, states, laws. Pure throughout; no store, no loop.

A statistic is a mergeable state: `add` a value, `merge` two states, read a `result`.
`protocol` says what one is, `builtin` ships five, `registry` binds them to a stream,
`bound` folds a batch that `columns` has decoded, `laws` proves one right.
"""
