"""The user's own classes: how they are called, and that their errors stay theirs."""

import asyncio
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest

from tallymill.events.model import Event
from tallymill.kernel.errors import Failed
from tallymill.statistics.bound import BoundStatistic
from tallymill.statistics.columns import ColumnReader, Columns
from tallymill.statistics.protocol import Statistic
from tallymill.statistics.registry import bind_class

NOW = datetime(2026, 11, 21, tzinfo=UTC)


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


class Picky(Statistic):
    """Sums halves; refuses what is odd, after having changed the state."""

    stream, field = "picture", "weight"

    class State(msgspec.Struct):
        total: int = 0

    def add(self, state, weight):
        state.total += weight // 2
        if weight % 2:
            raise ValueError(f"{weight} is odd")

    def merge(self, a, b):
        return self.State(a.total + b.total)

    def result(self, state):
        return state.total


def events(*datas: bytes | None) -> list[Event]:
    return [
        Event(NOW, msgspec.UNSET if data is None else msgspec.Raw(data))
        for data in datas
    ]


def weights(*values: object) -> list[Event]:
    return events(*(msgspec.json.encode({"weight": value}) for value in values))


def read(statistic: BoundStatistic, batch: list[Event]) -> Columns:
    return ColumnReader(statistic.paths).read(batch)


def fold(statistic: BoundStatistic, *datas: bytes | None):
    return statistic.fold(statistic.new_state(), read(statistic, events(*datas)))


def test_the_contracts_own_example_works_to_the_letter():
    bound = bind_class(RangeOfWeights)

    outcome = bound.fold(bound.new_state(), read(bound, weights(1778, 2000, 1500.5)))

    assert bound.name == "range_of_weights"
    assert bound.result(outcome.state) == 499.5
    assert bound.result(bound.new_state()) is None
    assert bound.load(bound.dump(outcome.state)) == outcome.state


def test_an_add_that_raises_harms_its_own_event_only():
    picky = bind_class(Picky)

    outcome = picky.fold(picky.new_state(), read(picky, weights(2, 3, 4, "x", 5, 6)))

    assert picky.result(outcome.state) == 6
    assert outcome.taken == 3
    assert outcome.rejected == (
        (1, "add raised ValueError: 3 is odd"),
        (
            3,
            "add raised TypeError: unsupported operand type(s) for //: 'str' and 'int'",
        ),
        (4, "add raised ValueError: 5 is odd"),
    )


def test_an_add_batch_that_raises_gives_way_to_add():
    class Batched(Picky):
        def add_batch(self, state, values):
            state.total += 1000
            raise RuntimeError("no")

    batched = bind_class(Batched)

    outcome = batched.fold(batched.new_state(), read(batched, weights(2, 3, 4)))

    assert batched.result(outcome.state) == 3
    assert [index for index, _ in outcome.rejected] == [1]


def test_a_state_that_cannot_be_stored_is_the_events_fault():
    class Spoils(Picky):
        def add(self, state, weight):
            state.total = "text" if weight == 3 else state.total + weight

    spoils = bind_class(Spoils)

    outcome = spoils.fold(spoils.new_state(), read(spoils, weights(1, 3, 5)))

    assert spoils.result(outcome.state) == 6
    assert outcome.rejected[0][0] == 1
    assert "add left a state that cannot be stored" in outcome.rejected[0][1]


def test_a_merge_or_result_that_raises_names_itself():
    class Broken(Picky):
        def merge(self, a, b):
            return a.total + b.total

        def result(self, state):
            return 1 / state.total

    broken = bind_class(Broken)

    with pytest.raises(Failed, match="statistic 'broken': result raised ZeroDivision"):
        broken.result(broken.new_state())
    with pytest.raises(Failed, match="merge returned what is no State"):
        broken.merge(broken.new_state(), broken.new_state())
    assert "result raised" in (broken.answer([]).error or "")


def test_add_batch_gets_one_read_only_array_for_each_field():
    seen: list[np.ndarray] = []

    class Area(Statistic):
        stream, fields = "picture", ("width", "height")

        class State(msgspec.Struct):
            total: float = 0.0

        def add(self, state, width, height):
            state.total += width * height

        def add_batch(self, state, width, height):
            seen.extend([width, height])
            state.total += (width * height).sum()

        def merge(self, a, b):
            return self.State(a.total + b.total)

        def result(self, state):
            return state.total

    area = bind_class(Area)

    outcome = fold(
        area,
        b'{"width": 2, "height": 1.5}',
        b'{"width": 3}',
        b'{"width": 4, "height": 2}',
    )

    assert area.result(outcome.state) == 11.0
    assert [array.dtype for array in seen] == [np.int64, np.float64]
    assert not any(array.flags.writeable for array in seen)
    assert outcome.rejected == ((1, "data has no field 'height'"),)


def test_a_statistic_without_fields_gets_the_event_and_text_fields_work():
    class Subjects(Statistic):
        stream = "picture"

        class State(msgspec.Struct):
            seen: dict[str, int] = {}

        def add(self, state, event):
            state.seen[event.subject] = state.seen.get(event.subject, 0) + 1

        def merge(self, a, b):
            keys = a.seen.keys() | b.seen.keys()
            return self.State({k: a.seen.get(k, 0) + b.seen.get(k, 0) for k in keys})

        def result(self, state):
            return dict(sorted(state.seen.items()))

    subjects = bind_class(Subjects)
    batch = [Event(NOW, subject="b"), Event(NOW, subject="a"), Event(NOW, subject="b")]

    outcome = subjects.fold(subjects.new_state(), read(subjects, batch))

    assert subjects.result(outcome.state) == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("returned", "answered"),
    [
        (np.int64(7), 7),
        (np.array([1.5, 2.0]), [1.5, 2.0]),
        (float("inf"), None),
        ({"low": np.float64(1.5), "high": float("nan")}, {"low": 1.5, "high": None}),
        (2**70, 2**70),
    ],
    ids=str,
)
def test_a_result_is_answered_as_json_has_it(returned, answered):
    class Returns(Picky):
        def result(self, state):
            return returned

    returns = bind_class(Returns)

    assert returns.result(returns.new_state()) == answered


def test_a_result_that_json_has_no_form_for_names_itself():
    class Returns(Picky):
        def result(self, state):
            return object()

    returns = bind_class(Returns)

    with pytest.raises(Failed, match="result returned no JSON value TypeError"):
        returns.result(returns.new_state())


def test_a_method_that_exits_does_not_end_the_server():
    class Exits(Picky):
        def add(self, state, weight):
            raise SystemExit(1)

    exits = bind_class(Exits)

    outcome = exits.fold(exits.new_state(), read(exits, weights(1)))

    assert outcome.rejected == ((0, "add raised SystemExit: 1"),)


@pytest.mark.parametrize(
    "kind", [KeyboardInterrupt, GeneratorExit, asyncio.CancelledError, BaseException]
)
def test_nothing_that_a_method_raises_gets_out(kind):
    """Each of them would end the server, or stop the shard's loop without a word."""

    class Raises(Picky):
        def add(self, state, weight):
            if weight == 3:
                raise kind("no")
            state.total += weight

        def result(self, state):
            raise kind("no")

    raises = bind_class(Raises)

    outcome = raises.fold(raises.new_state(), read(raises, weights(1, 3)))

    assert outcome.rejected == ((1, f"add raised {kind.__name__}: no"),)
    assert f"result raised {kind.__name__}" in raises.answer([outcome.state]).error


def test_partial_states_are_merged_into_one_answer():
    bound = bind_class(RangeOfWeights)
    parts = [
        bound.fold(bound.new_state(), read(bound, weights(*values))).state
        for values in [(1778, 2000), (), (1500,)]
    ]

    assert bound.answer(parts).value == 500.0
    assert bound.answer([]).value is None
