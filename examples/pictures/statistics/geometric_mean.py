import math

import msgspec
import numpy as np

from tallymill import Statistic


class GeometricMean(Statistic):
    """The geometric mean of the weights, in grams."""

    stream, field = "picture", "weight"
    numeric = True

    class State(msgspec.Struct):
        logs: float = 0.0
        count: int = 0

    def add(self, state, weight):
        state.logs += math.log(weight)
        state.count += 1

    def add_batch(self, state, weights):
        if np.any(weights <= 0):
            raise ValueError("a weight is not above 0")  # `add` says which
        state.logs += float(np.log(weights.astype(float)).sum())
        state.count += len(weights)

    def merge(self, a, b):
        return self.State(a.logs + b.logs, a.count + b.count)

    def result(self, state):
        return round(math.exp(state.logs / state.count), 6) if state.count else None
