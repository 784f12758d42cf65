"""A batch folded into a state: what is taken, what is set aside, what is harmed."""

from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest

from tallymill.events.model import Event
from tallymill.kernel.errors import Failed
from tallymill.statistics.bound import BoundStatistic
from tallymill.statistics.columns import ColumnReader, Columns
from tallymill.statistics.model import StatisticDefinition
from tallymill.statistics.protocol import Statistic
from tallymill.statistics.registry import SHIPPED, bind_class, bind_definition

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


def builtin(kind: str, field: str | None = "weight", **more) -> BoundStatistic:
    return bind_definition(
        StatisticDefinition(name="it", stream="picture", kind=kind, field=field, **more)
    )


def value_of(statistic: BoundStatistic, *values: object):
    outcome = statistic.fold(statistic.new_state(), read(statistic, weights(*values)))
    return statistic.result(outcome.state)


def test_the_two_delivered_statistics_answer_as_the_contract_says():
    total, average = (bind_definition(definition) for definition in SHIPPED)
    message = b'{"picture_id": "000000243626", "weight": 1778}'

    counted, weighed = fold(total, message, message), fold(average, message, message)

    assert (total.name, total.result(counted.state)) == ("total_registrations", 2)
    assert (average.name, average.result(weighed.state)) == ("average_weight", 1778.0)
    assert average.result(average.new_state()) is None
    assert total.result(total.new_state()) == 0


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("sum", [1, 2, 3], 6),
        ("sum", [], 0),
        ("sum", [10**4299 * 9] * 2, None),
        ("mean", [2140] * 17 + [2146], 2140.3333333333335),
        ("sum", [2**53, 1], 2**53 + 1),
        ("sum", [2**66, 1], 2**66 + 1),
        ("sum", [0.1] * 10, 1.0),
        ("sum", [1e308, 1e308], None),
        ("mean", [1, 2], 1.5),
        ("mean", [2**2000], None),
        ("min", [3, 1.5, 2], 1.5),
        ("min", [1.0, 1], 1),
        ("max", [1, 1.0], 1),
        ("max", [2**66, 1e10], 2**66),
        ("min", [], None),
        ("count", ["a", 1, [], False], 4),
    ],
)
def test_a_kind_gives_the_exact_answer(kind, values, expected):
    answer = value_of(builtin(kind), *values)

    assert answer == expected
    assert type(answer) is type(expected)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{}", "data has no field 'weight'"),
        (b'{"weight": null}', "field 'weight' is null, not a number"),
        (b'{"weight": "12"}', "field 'weight' is a string, not a number"),
        (b'{"weight": true}', "field 'weight' is a boolean, not a number"),
        (b'{"weight": [1]}', "field 'weight' is an array, not a number"),
        (b'{"weight": {}}', "field 'weight' is an object, not a number"),
        (b'{"weight": 1e400}', "field 'weight' is beyond the range of a float"),
        (
            b'{"weight": ' + b"9" * 5000 + b"}",
            "field 'weight' is an integer of more than 4300 digits",
        ),
        (b"12312", "data is not a JSON object but a number"),
        (b"null", "data is not a JSON object but null"),
        (None, "the event has no data"),
        (
            b'{"weight": 1',
            "data is not JSON: Expecting ',' delimiter: line 1 column 13 (char 12)",
        ),
        (b'{"weight": NaN}', "data is not JSON: NaN is not a JSON value"),
        (b'{"weight": "\xff"}', "data is not UTF-8 (byte 12)"),
        (b'{"weight": ' + b"[" * 100_000, "data is nested too deeply"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_number_is_set_aside_and_stops_nothing(data, reason):
    outcome = fold(builtin("sum"), b'{"weight": 1}', data, b'{"weight": 2}')

    assert outcome.rejected == ((1, reason),)
    assert outcome.taken == 2
    assert builtin("sum").result(outcome.state) == 3


def test_malformed_messages_that_would_join_into_valid_ones_are_set_aside():
    outcome = fold(
        builtin("count"),
        b'{"weight":1},{"weight":2}',
        b'{"weight":3',
        b'"x":4}',
    )

    assert [index for index, _ in outcome.rejected] == [0, 1, 2]
    assert outcome.taken == 0


def test_a_lone_surrogate_elsewhere_in_the_data_disturbs_nobody():
    outcome = fold(builtin("sum"), b'{"name": "\\ud800", "weight": 4}')

    assert builtin("sum").result(outcome.state) == 4


def test_a_path_leads_into_nested_objects():
    width = builtin("max", "box.width")

    outcome = fold(
        width,
        b'{"box": {"width": 3}}',
        b'{"box": null}',
        b'{"box": 7}',
        b'{"box": {}}',
        b"{}",
    )

    assert width.result(outcome.state) == 3
    assert outcome.rejected == (
        (1, "field 'box' is null, not an object"),
        (2, "field 'box' is a number, not an object"),
        (3, "data has no field 'box.width'"),
        (4, "data has no field 'box.width'"),
    )


def test_a_field_and_a_path_below_it_can_be_wanted_together():
    whole, width = builtin("count", "box"), builtin("sum", "box.width")
    batch = ColumnReader([*whole.paths, *width.paths]).read(
        events(b'{"box": {"width": 3}}', b'{"box": 7}')
    )

    counted = whole.fold(whole.new_state(), batch)
    summed = width.fold(width.new_state(), batch)

    assert counted.taken == 2
    assert width.result(summed.state) == 3
    assert summed.rejected == ((1, "field 'box' is a number, not an object"),)


def test_an_event_that_does_not_meet_where_is_neither_taken_nor_rejected():
    parcels = builtin("sum", where=(("kind", "parcel"), ("box.open", True)))

    outcome = fold(
        parcels,
        b'{"kind": "letter", "box": {"open": true}, "weight": 1}',
        b'{"kind": "parcel", "box": {"open": true}, "weight": "x"}',
        b'{"kind": "parcel", "box": {"open": 1}, "weight": 4}',
        b'{"kind": "parcel", "box": {"open": true}, "weight": 8}',
        b"17",
        None,
    )

    assert parcels.result(outcome.state) == 8
    assert outcome.taken == 1
    assert outcome.rejected == ((1, "field 'weight' is a string, not a number"),)


def test_a_state_handed_to_fold_stays_as_it_was():
    for statistic in [builtin("sum"), builtin("mean"), bind_class(RangeOfWeights)]:
        first = statistic.fold(
            statistic.new_state(), read(statistic, weights(1, 2.5))
        ).state
        before = statistic.dump(first)

        statistic.fold(first, read(statistic, weights(7, 0.1)))

        assert statistic.dump(first) == before


def test_the_contracts_own_example_works_to_the_letter():
    bound = bind_class(RangeOfWeights)

    outcome = bound.fold(bound.new_state(), read(bound, weights(1778, 2000, 1500.5)))

    assert bound.name == "range_of_weights"
    assert bound.result(outcome.state) == 499.5
    assert bound.result(bound.new_state()) is None
    assert bound.load(bound.dump(outcome.state)) == outcome.state


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


@pytest.mark.parametrize("count", [1, 31, 32, 33, 100])
def test_integers_and_floats_in_one_column_stay_what_they_are(count):
    """A column of floats would turn 2**53 + 1 into 2**53."""
    values = [2**53 + 1, 0.5, 2**66] * count

    assert value_of(builtin("max"), *values) == 2**66
    assert value_of(builtin("min"), *values) == 0.5
    assert value_of(builtin("sum"), *values[::3], *values[2::3]) == count * (
        2**53 + 1 + 2**66
    )


def test_the_same_events_can_be_folded_by_statistics_with_different_conditions():
    yes = builtin("sum", where=(("open", True),))
    one = builtin("sum", where=(("open", 1),))
    batch = ColumnReader(yes.paths).read(
        events(b'{"open": true, "weight": 1}', b'{"open": 1.0, "weight": 2}')
    )

    first = yes.fold(yes.new_state(), batch)
    second = one.fold(one.new_state(), batch)

    assert (yes.result(first.state), one.result(second.state)) == (1, 2)


def test_an_empty_batch_changes_nothing():
    for statistic in [builtin("mean"), builtin("count", None), bind_class(Picky)]:
        outcome = statistic.fold(statistic.new_state(), read(statistic, []))

        assert outcome.state == statistic.new_state()
        assert (outcome.taken, outcome.rejected) == (0, ())
