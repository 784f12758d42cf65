"""The laws that a statistic keeps, tried on pseudo-random cases from a seed.

Shards are folded side by side, in batches of any size, and merged: only a statistic
that keeps these laws gives one answer. `tallymill check` asks for the user's own; the
tests go further, with hypothesis.

Source: the laws of a commutative monoid, and Apache Beam's `CombineFnTester`, which
shards, shuffles and inserts empty accumulators.
"""

import itertools
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from tallymill.events.model import Event
from tallymill.statistics.arrays import EventIntake, Intake
from tallymill.statistics.bound import RAISED, BoundStatistic

Row = tuple[Any, ...]  #: the arguments of one `add`, after the state

CASES: Final = 40  #: of each law
LONGEST: Final = 12  #: values in a case
POOLS: Final = 64  #: combinations of kinds of values that are tried for the fields


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenLaw:
    """A law, and the first case in which a statistic breaks it."""

    law: str
    detail: str


def check_laws(
    statistic: BoundStatistic,
    *,
    samples: Sequence[Row] | None = None,
    seed: int = 0,
    cases: int = CASES,
) -> tuple[BrokenLaw, ...]:
    """Return the laws that a statistic breaks; empty if none was found broken.

    Results are compared within the statistic's `tolerance`; where that is 0, states
    are too, byte for byte.

    Args:
        statistic: A shipped kind or the user's own.
        samples: Arguments of `add` to choose from; made up if left out: numbers, or
            text, or booleans, whichever `add` takes.
        seed: The same seed tries the same cases.
        cases: How many cases of each law, >= 1.
    """
    rng = random.Random(seed)  # noqa: S311 - cases for a test, not secrets
    pool = list(samples) if samples is not None else _samples(statistic, rng)
    if not pool:
        return (BrokenLaw(law="add", detail=_NOTHING_TAKEN),)
    subject = _Subject(statistic, pool, rng)
    broken = (_first_break(law, check, subject, cases) for law, check in LAWS.items())
    return tuple(found for found in broken if found is not None)


_NOTHING_TAKEN: Final = (
    "`add` raised for every number, text and boolean that was tried; give samples, or "
    "look whether it takes one argument for each field"
)


@dataclass(frozen=True, slots=True)
class _Subject:
    """A statistic under test and where its cases come from."""

    bound: BoundStatistic
    pool: Sequence[Row]
    rng: random.Random

    def rows(self) -> list[Row]:
        return self.rng.choices(self.pool, k=self.rng.randint(0, LONGEST))

    def state(self, rows: Sequence[Row]) -> Any:  # noqa: ANN401 - its State
        state = self.bound.new_state()
        for row in rows:
            self.bound.statistic.add(state, *row)
        return self.bound.load(self.bound.dump(state))

    def cut(self, rows: Sequence[Row]) -> list[Sequence[Row]]:
        places = sorted(self.rng.randint(0, len(rows)) for _ in range(3))
        bounds = [0, *places, len(rows)]
        return [rows[a:b] for a, b in itertools.pairwise(bounds)]

    def merged(self, *states: Any) -> Any:  # noqa: ANN401 - its State
        total = states[0]
        for state in states[1:]:
            total = self.bound.statistic.merge(total, state)
        return total

    def differ(self, a: Any, b: Any) -> str | None:  # noqa: ANN401 - its State
        """Return how two states differ; None if they answer alike."""
        tolerance = self.bound.statistic.tolerance
        left, right = self.bound.result(a), self.bound.result(b)
        if not alike(left, right, tolerance):
            return f"{_short(left)} and {_short(right)}"
        if tolerance == 0 and self.bound.dump(a) != self.bound.dump(b):
            return f"states {_short(a)} and {_short(b)}"
        return None


Check = Callable[[_Subject], str | None]  #: tries one case; says what went wrong


def alike(a: Any, b: Any, tolerance: float) -> bool:  # noqa: ANN401 - JSON values
    """Tell whether two results are the same within a relative difference of numbers."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(alike(a[k], b[k], tolerance) for k in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        pairs = zip(a, b, strict=False)
        return len(a) == len(b) and all(alike(x, y, tolerance) for x, y in pairs)
    if tolerance == 0 or not _are_numbers(a, b):
        return type(a) is type(b) and bool(a == b)
    return a == b or math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)


def _first_break(
    law: str, check: Check, subject: _Subject, cases: int
) -> BrokenLaw | None:
    for _ in range(cases):
        try:
            detail = check(subject)
        except (*RAISED,) as error:
            detail = f"raised {type(error).__name__}: {error}"
        if detail is not None:
            return BrokenLaw(law=law, detail=detail)
    return None


def _identity(subject: _Subject) -> str | None:
    rows = subject.rows()
    nothing: list[Row] = []
    for parts in ((rows, nothing), (nothing, rows)):
        merged = subject.merged(*map(subject.state, parts))
        found = subject.differ(merged, subject.state(rows))
        if found:
            return f"merged with State(), {_short(rows)} gives {found}"
    return None


def _associativity(subject: _Subject) -> str | None:
    parts = [subject.rows() for _ in range(3)]
    a, b, c = map(subject.state, parts)
    left = subject.merged(subject.merged(a, b), c)
    a, b, c = map(subject.state, parts)
    right = subject.merged(a, subject.merged(b, c))
    found = subject.differ(left, right)
    return found and f"(a+b)+c and a+(b+c) of {_short(parts)} give {found}"


def _commutativity(subject: _Subject) -> str | None:
    parts = [subject.rows() for _ in range(2)]
    forward = subject.merged(*map(subject.state, parts))
    backward = subject.merged(*map(subject.state, reversed(parts)))
    found = subject.differ(forward, backward)
    return found and f"a+b and b+a of {_short(parts)} give {found}"


def _splits(subject: _Subject) -> str | None:
    rows = subject.rows()
    parts = subject.cut(rows)
    merged = subject.merged(*map(subject.state, parts))
    found = subject.differ(subject.state(rows), merged)
    return found and f"{_short(rows)}, whole and in parts, gives {found}"


def _order(subject: _Subject) -> str | None:
    rows = subject.rows()
    shuffled = subject.rng.sample(rows, len(rows))
    found = subject.differ(subject.state(rows), subject.state(shuffled))
    return found and f"{_short(rows)} and {_short(shuffled)} give {found}"


def _round_trip(subject: _Subject) -> str | None:
    state = subject.state(subject.rows())
    raw = subject.bound.dump(state)
    again = subject.bound.load(raw)
    if subject.bound.dump(again) != raw:
        return f"{_short(state)} has other bytes once stored and read"
    found = subject.differ(state, again)
    return found and f"{_short(state)}, stored and read, gives {found}"


def _batches(subject: _Subject) -> str | None:
    add_batch = subject.bound.statistic.add_batch
    if add_batch is None:
        return None
    rows = subject.rows()
    state = subject.bound.new_state()
    for part in subject.cut(rows):
        for arguments in _intake(subject.bound, part).groups:
            add_batch(state, *arguments)
    state = subject.bound.load(subject.bound.dump(state))
    found = subject.differ(subject.state(rows), state)
    return found and f"`add` and `add_batch` of {_short(rows)} give {found}"


def _pure_merge(subject: _Subject) -> str | None:
    a, b = subject.state(subject.rows()), subject.state(subject.rows())
    before = subject.bound.dump(a), subject.bound.dump(b)
    merged = subject.merged(a, b)
    for row in subject.rows():  # what it returns may share nothing with them either
        subject.bound.statistic.add(merged, *row)
    if (subject.bound.dump(a), subject.bound.dump(b)) == before:
        return None
    return "`merge`, or `add` to what it returned, changed one of its two states"


def _pure_result(subject: _Subject) -> str | None:
    state = subject.state(subject.rows())
    before = subject.bound.dump(state)
    first, second = subject.bound.result(state), subject.bound.result(state)
    if subject.bound.dump(state) != before:
        return "`result` changed the state"
    if not alike(first, second, 0.0):
        return f"`result` gave {_short(first)} and then {_short(second)}"
    subject.bound.result(subject.bound.new_state())  # must not raise
    return None


def _adding(subject: _Subject) -> str | None:
    state = subject.bound.new_state()
    returned = subject.bound.statistic.add(state, *subject.rng.choice(subject.pool))  # type: ignore[func-returns-value]  # the user's may
    if returned is None:
        return None
    return "`add` returned a value; it is ignored: change `state` instead"


LAWS: Final[dict[str, Check]] = {
    "add changes its state": _adding,
    "identity": _identity,
    "associativity": _associativity,
    "commutativity": _commutativity,
    "split invariance": _splits,
    "order invariance": _order,
    "round trip": _round_trip,
    "add_batch equals add": _batches,
    "merge is pure": _pure_merge,
    "result is pure": _pure_result,
}


def _intake(bound: BoundStatistic, rows: Sequence[Row]) -> Intake:
    columns = tuple(list(column) for column in zip(*rows, strict=True))
    make = Intake if bound.fields else EventIntake
    return make(columns, (), range(len(rows)), numeric=bound.statistic.numeric)


def _samples(bound: BoundStatistic, rng: random.Random) -> list[Row]:
    """Return rows of the first kind of values, for each field, that `add` takes."""
    pools: tuple[list[Any], ...] = (
        _numbers(rng, wild=bound.statistic.tolerance == 0),
        ["", "a", "b", "camera 1", "ä"],
        [True, False],
    )
    width = max(1, len(bound.fields))
    for chosen in itertools.islice(itertools.product(pools, repeat=width), POOLS):
        rows: list[Row] = [tuple(map(rng.choice, chosen)) for _ in range(40)]
        if not bound.fields:
            rows = [(_event(index, *row),) for index, row in enumerate(rows)]
        if all(_takes(bound, row) for row in rows):
            return rows
    return []


def _takes(bound: BoundStatistic, row: Row) -> bool:
    state = bound.new_state()
    try:
        bound.statistic.add(state, *row)
        bound.load(bound.dump(state))
    except (*RAISED,):  # the caller tries another kind, and says so when none is left
        return False
    return True


def _numbers(rng: random.Random, *, wild: bool) -> list[int | float]:
    tame: list[int | float] = [0, 1, 1.0, -7, 2.5, 1778, 2140, 0.1]
    tame += [rng.randint(-1000, 5000) for _ in range(8)]
    tame += [round(rng.uniform(0, 5000), 2) for _ in range(8)]
    if not wild:
        return tame
    extremes = [5e-324, -5e-324, 2.2e-308, 1e300, -1e300, 1e16, -0.0, 2.0**53]
    return [*tame, *extremes, 2**53 + 1, 2**63, -(2**63), 2**64, 3**50]


def _event(index: int, value: object) -> Event:
    return Event(
        timestamp=datetime(2026, 11, 21, 12, index % 60, tzinfo=UTC),
        data=msgspec.Raw(msgspec.json.encode({"value": value})),
        subject=f"subject-{index % 5}",
    )


def _are_numbers(*values: object) -> bool:
    return all(
        isinstance(value, int | float) and not isinstance(value, bool)
        for value in values
    )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:197]}..."
