"""The shipped kinds: count, sum, mean, min, max. All of them exact.

Each is a `Statistic` without stream or field: `registry` binds it to a definition.
"""

from collections.abc import Sized
from typing import ClassVar

import msgspec

from tallymill.statistics.numbers import (
    Column,
    ExactSum,
    Number,
    canonical,
    largest,
    smallest,
)
from tallymill.statistics.protocol import Statistic


class Count(Statistic):
    """How many events; with a field, how many that have a value there."""

    tolerance = 0.0

    class State(msgspec.Struct):
        """How many so far."""

        count: int = 0

    def add(self, state: State, value: object) -> None:  # noqa: ARG002 - any counts
        """Count one."""
        state.count += 1

    def add_batch(self, state: State, values: Sized) -> None:
        """Count them all."""
        state.count += len(values)

    def merge(self, a: State, b: State) -> State:
        """Return the count of both."""
        return self.State(a.count + b.count)

    def result(self, state: State) -> int:
        """Return the count; 0 for none."""
        return state.count


class Sum(Statistic):
    """The sum: an exact int of ints, else the float nearest to the exact sum."""

    numeric = True
    tolerance = 0.0

    class State(msgspec.Struct):
        """The sum so far, unrounded."""

        total: ExactSum = msgspec.field(default_factory=ExactSum)

    def add(self, state: State, value: Number) -> None:
        """Add one number."""
        state.total.add(value)

    def add_batch(self, state: State, values: Column) -> None:
        """Add a column of numbers."""
        state.total.add_batch(values)

    def merge(self, a: State, b: State) -> State:
        """Return the sum of both."""
        return self.State(a.total.merged(b.total))

    def result(self, state: State) -> Number | None:
        """Return the sum; 0 for none, None if it is beyond every float."""
        return state.total.value()


class Mean(Statistic):
    """The exact sum divided by the count, rounded once."""

    numeric = True
    tolerance = 0.0

    class State(msgspec.Struct):
        """Sum and count so far."""

        total: ExactSum = msgspec.field(default_factory=ExactSum)
        count: int = 0

    def add(self, state: State, value: Number) -> None:
        """Take one number in."""
        state.total.add(value)
        state.count += 1

    def add_batch(self, state: State, values: Column) -> None:
        """Take a column of numbers in."""
        state.total.add_batch(values)
        state.count += len(values)

    def merge(self, a: State, b: State) -> State:
        """Return sum and count of both."""
        return self.State(a.total.merged(b.total), a.count + b.count)

    def result(self, state: State) -> float | None:
        """Return the mean, always a float; None for none, or beyond every float."""
        return state.total.over(state.count) if state.count else None


class _Extreme(Statistic):
    """What the least and the greatest number have in common."""

    numeric = True
    tolerance = 0.0
    column_method: ClassVar[str]  #: of NumPy: "min" or "max"

    class State(msgspec.Struct):
        """The extreme so far."""

        found: Number | None = None

    def add(self, state: State, value: Number) -> None:
        """Take one number in."""
        state.found = self.pick(state.found, canonical(value))

    def add_batch(self, state: State, values: Column) -> None:
        """Take a column of numbers in."""
        if not len(values):
            return
        if values.dtype.kind == "O":
            for value in values:
                self.add(state, value)
            return
        self.add(state, getattr(values, self.column_method)().item())

    def merge(self, a: State, b: State) -> State:
        """Return the extreme of both."""
        return self.State(self.pick(a.found, b.found))

    def result(self, state: State) -> Number | None:
        """Return the extreme; None for none."""
        return state.found

    def pick(self, a: Number | None, b: Number | None) -> Number | None:
        """Return the one of both that is more so; None is nothing yet."""
        raise NotImplementedError


class Min(_Extreme):
    """The least number: an int stays an int; of 1 and 1.0 it is 1; -0.0 is 0.0."""

    column_method = "min"

    def pick(self, a: Number | None, b: Number | None) -> Number | None:
        """Return the least of both."""
        return smallest(a, b)


class Max(_Extreme):
    """The greatest number: an int stays an int; of 1 and 1.0 it is 1; -0.0 is 0.0."""

    column_method = "max"

    def pick(self, a: Number | None, b: Number | None) -> Number | None:
        """Return the greatest of both."""
        return largest(a, b)
