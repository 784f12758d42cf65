"""Sums without rounding: the same bits in any order and in any split.

An `ExactSum` keeps integers as an integer and floats as an integer count of 2**-1074,
the smallest step between two floats, so that adding never rounds; reading rounds once.
Large NumPy columns take a short cut through a few buckets, by exponent.
"""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np

STEP: Final = 1074  #: 2**-STEP is the least positive float
MANTISSA: Final = 53  #: bits of a float's mantissa
LOW_BITS: Final = 26  #: half of the mantissa; the other half has 27
MOST_BITS: Final = 14_000  #: of an integer that is answered; below 4300 digits
CHUNK: Final = 1 << 20  #: 27 bits of mantissa and 20 of count stay below 53
SMALL: Final = 48  #: below this many values Python is faster than NumPy (measured)

Number = int | float
Column = np.ndarray[Any, np.dtype[Any]]


class ExactSum:
    """The sum of finite numbers, exact until it is read.

    May stand in the `State` of a user's own statistic as well. No dataclass: `msgspec`
    would store one its own way, which ends at 64 bits.

    Args:
        whole: The sum of the integers.
        steps: The sum of the floats, in units of 2**-1074.
        floats: How many of the numbers were floats, >= 0.
    """

    __slots__ = ("floats", "steps", "whole")

    def __init__(self, whole: int = 0, steps: int = 0, floats: int = 0) -> None:
        self.whole = whole
        self.steps = steps
        self.floats = floats

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ExactSum):
            return NotImplemented
        return self._parts() == other._parts()

    __hash__ = None  # type: ignore[assignment]  # it changes, so it is no key

    def __repr__(self) -> str:
        return f"ExactSum{self._parts()}"

    def add(self, value: Number) -> None:
        """Add one finite number; a bool is no number.

        Raises:
            OverflowError: The number is infinite.
            ValueError: It is not a number (NaN).
        """
        if isinstance(value, int):
            self.whole += value
            return
        self.steps += _steps(value)
        self.floats += 1

    def add_batch(self, values: Column) -> None:
        """Add a column of finite int64, float64 or, as objects, Python's own numbers."""
        if values.dtype.kind == "i":
            self.whole += sum_of_integers(values)
            return
        if values.dtype.kind == "f":
            self.steps += steps_of_floats(values)
            self.floats += len(values)
            return
        for value in values:
            self.add(value)

    def merged(self, other: "ExactSum") -> "ExactSum":
        """Return the sum of both; neither changes."""
        return ExactSum(
            self.whole + other.whole,
            self.steps + other.steps,
            self.floats + other.floats,
        )

    def value(self) -> Number | None:
        """Return the sum: an exact int while only ints came, else the nearest float.

        None if a float would be beyond the largest (about 1.8e308), or an int beyond
        the 4300 digits that Python writes: there is no number to send then.
        """
        if not self.floats:
            return self.whole if self.whole.bit_length() <= MOST_BITS else None
        return self.over(1)

    def over(self, count: int) -> float | None:
        """Return the sum divided by `count` > 0, rounded once; None beyond any float.

        Python divides integers by integers correctly rounded, so this is the float
        nearest to the true quotient, not to the quotient of a rounded sum.
        """
        try:
            return ((self.whole << STEP) + self.steps) / (count << STEP)
        except OverflowError:
            return None

    def _parts(self) -> tuple[int, int, int]:
        return (self.whole, self.steps, self.floats)


def exact_sum(values: Iterable[Number]) -> ExactSum:
    """Return the exact sum of finite numbers."""
    total = ExactSum()
    for value in values:
        total.add(value)
    return total


def sum_of_integers(values: Column) -> int:
    """Return the exact sum of an int64 column of at most 2**31 values."""
    high = int((values >> 32).sum(dtype=np.int64))
    low = int((values & 0xFFFFFFFF).sum(dtype=np.int64))
    return (high << 32) + low


def steps_of_floats(values: Column) -> int:
    """Return the exact sum of finite float64 values in units of 2**-1074."""
    if len(values) < SMALL:
        return sum(map(_steps, values.tolist()))
    return sum(
        _steps_of_chunk(values[start : start + CHUNK])
        for start in range(0, len(values), CHUNK)
    )


def _steps(value: float) -> int:
    numerator, denominator = value.as_integer_ratio()
    return numerator << (STEP - denominator.bit_length() + 1)


def _steps_of_chunk(values: Column) -> int:
    mantissas, exponents = np.frexp(values)
    whole = np.ldexp(mantissas, MANTISSA).astype(np.int64)
    least = int(exponents.min())
    bucket = exponents - least
    # `bincount` adds in float64: exact, as no bucket's sum reaches 2**53.
    high = np.bincount(bucket, weights=whole >> LOW_BITS)
    low = np.bincount(bucket, weights=whole & ((1 << LOW_BITS) - 1))
    total = 0
    for index in np.flatnonzero((high != 0) | (low != 0)).tolist():
        scaled = (int(high[index]) << LOW_BITS) + int(low[index])
        shift = least + index - MANTISSA + STEP
        # A subnormal's mantissa ends in zeros, so the shift to the right drops none.
        total += scaled << shift if shift >= 0 else scaled >> -shift
    return total


def smallest(a: Number | None, b: Number | None) -> Number | None:
    """Return the lesser number; None is no number; an int before an equal float."""
    if a is None or b is None:
        return b if a is None else a
    return min(a, b, key=lambda number: (number, isinstance(number, float)))


def largest(a: Number | None, b: Number | None) -> Number | None:
    """Return the greater number; None is no number; an int before an equal float."""
    if a is None or b is None:
        return b if a is None else a
    return max(a, b, key=lambda number: (number, isinstance(number, int)))


def canonical(value: Number) -> Number:
    """Return the number with -0.0 as 0.0, so that equal floats have equal bytes."""
    return 0.0 if isinstance(value, float) and not value else value
