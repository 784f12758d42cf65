"""A statistic of one's own: a state, and three functions over it."""

import msgspec

from tallymill import Statistic


class RangeOfWeights(Statistic):
    """Heaviest minus lightest picture, in grams."""

    stream, field = "picture", "weight"

    class State(msgspec.Struct):
        low: float = float("inf")
        high: float = float("-inf")

    def add(self, state, weight):
        state.low, state.high = min(state.low, weight), max(state.high, weight)

    def merge(self, a, b):
        return self.State(min(a.low, b.low), max(a.high, b.high))

    def result(self, state):
        return state.high - state.low if state.high >= state.low else None
