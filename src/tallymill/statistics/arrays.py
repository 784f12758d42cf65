"""From cells to what `add` and `add_batch` are given, and the reasons for the rest."""

import math
from collections.abc import Sequence
from functools import cached_property
from itertools import compress
from typing import Any, Final

import msgspec
import numpy as np

from tallymill.statistics.numbers import Column
from tallymill.statistics.reading import BEYOND_FLOAT, Problem, kind_of

Rejection = tuple[int, str]  #: index in the batch, and the reason

EXACT_IN_FLOAT: Final = 2**53  #: every integer up to here is a float
NUMBERS: Final = frozenset({int, float})
FAULTY: Final = frozenset({msgspec.UnsetType, type(None), Problem})


class Intake:
    """The values that a statistic can take from a batch, and what it cannot.

    Args:
        values: For each field the usable values, aligned; or the events themselves.
        rejected: Where a value was missing, null or of the wrong type.
        rows: The index in the batch of each value.
        numeric: Whether all values are numbers, and groups are to be homogeneous.
    """

    def __init__(
        self,
        values: tuple[Sequence[Any], ...],
        rejected: Sequence[Rejection],
        rows: Sequence[int],
        *,
        numeric: bool,
    ) -> None:
        self.values = values
        self.rejected = rejected
        self.rows = rows
        self.numeric = numeric

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def groups(self) -> list[tuple[Column, ...]]:
        """The arguments of each call of `add_batch`; read-only arrays.

        A single numeric field comes as one int64, one float64 and one object array
        (integers beyond 64 bits), whichever are not empty: the order of events does
        not matter, and no integer becomes a float. Otherwise one call takes all.
        """
        if not len(self.rows):
            return []
        if self.numeric and len(self.values) == 1:
            return [(_frozen(part),) for part in _numbers(self.values[0])]
        return [tuple(_frozen(_column(values)) for values in self.values)]


class EventIntake(Intake):
    """The events themselves, for a statistic without fields."""

    @cached_property
    def groups(self) -> list[tuple[Any, ...]]:
        """One call with the sequence of events."""
        return [self.values] if len(self.rows) else []


def intake_of_events(events: Sequence[Any]) -> Intake:
    """Return an intake of whole events; all can be taken."""
    return EventIntake((events,), (), range(len(events)), numeric=False)


def intake_of_values(
    fields: tuple[str, ...], cells: tuple[list[Any], ...], *, numeric: bool
) -> Intake:
    """Return an intake of the rows in which every field has a usable value."""
    suspects = [_suspects(column, numeric=numeric) for column in cells]
    if not any(suspects):
        return Intake(cells, (), range(len(cells[0])), numeric=numeric)
    rejected: dict[int, str] = {}
    for path, column, places in zip(fields, cells, suspects, strict=True):
        for index in places:
            reason = _reason(path, column[index], numeric=numeric)
            rejected.setdefault(index, reason)
    good = bytearray(b"\1") * len(cells[0])
    for index in rejected:
        good[index] = 0
    return Intake(
        tuple(list(compress(column, good)) for column in cells),
        sorted(rejected.items()),
        list(compress(range(len(good)), good)),
        numeric=numeric,
    )


def _suspects(column: list[Any], *, numeric: bool) -> list[int]:
    """Return where a column holds what the statistic cannot take."""
    kinds = set(map(type, column))
    if not numeric:
        return _places(column, kinds & FAULTY)
    faulty = kinds - NUMBERS
    if int in kinds and (faulty or not _are_in_range(column)):
        return [
            at
            for at, cell in enumerate(column)
            if type(cell) in faulty or (type(cell) is int and _is_beyond(cell))
        ]
    return _places(column, faulty)


def _places(column: list[Any], faulty: set[type]) -> list[int]:
    if not faulty:
        return []
    return [at for at, kind in enumerate(map(type, column)) if kind in faulty]


def _are_in_range(numbers: list[Any]) -> bool:
    """Say whether every number is within the range of a float."""
    try:
        # Converts each, a few times faster than whatever else could tell (measured).
        math.hypot(*numbers)
    except OverflowError:
        return False
    return True


def _is_beyond(value: int) -> bool:
    """Say whether an integer is beyond the range of a float."""
    return not _are_in_range([value])


def _reason(path: str, cell: object, *, numeric: bool) -> str:
    if isinstance(cell, Problem):
        return cell.reason
    if cell is msgspec.UNSET:
        return f"data has no field '{path}'"
    if numeric and type(cell) is int:
        return f"field '{path}' {BEYOND_FLOAT.limit}"
    wanted = ", not a number" if numeric else ""
    return f"field '{path}' is {kind_of(cell)}{wanted}"


def _numbers(values: Sequence[Any]) -> list[Column]:
    kinds = set(map(type, values))
    if kinds == {float}:
        return [np.array(values, dtype=np.float64)]
    if kinds == {int}:
        return _integers(values)
    floats = [value for value in values if type(value) is float]
    integers = [value for value in values if type(value) is int]
    return [np.array(floats, dtype=np.float64), *_integers(integers)]


def _integers(values: Sequence[int]) -> list[Column]:
    try:
        return [np.array(values, dtype=np.int64)]
    except OverflowError:
        fits = [-(2**63) <= value < 2**63 for value in values]
    small = list(compress(values, fits))
    large = [value for value, fit in zip(values, fits, strict=True) if not fit]
    parts = [np.array(small, dtype=np.int64)] if small else []
    return [*parts, _objects(large)]


def _column(values: Sequence[Any]) -> Column:
    """Return int64, else float64 where no value changes by it, else objects."""
    kinds = set(map(type, values))
    if kinds == {int}:
        parts = _integers(values)
        return parts[0] if len(parts) == 1 else _objects(values)
    if kinds == {float}:
        return np.array(values, dtype=np.float64)
    if kinds == NUMBERS and all(
        abs(v) <= EXACT_IN_FLOAT for v in values if type(v) is int
    ):
        return np.array(values, dtype=np.float64)
    return _objects(values)


def _objects(values: Sequence[Any]) -> Column:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def _frozen(column: Column) -> Column:
    column.flags.writeable = False
    return column
