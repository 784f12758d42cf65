"""A batch folded into a state: what is taken, what is set aside, what is harmed."""

from datetime import UTC, datetime

import msgspec
import pytest

from tallymill.events.model import Event
from tallymill.statistics.bound import BoundStatistic
from tallymill.statistics.columns import ColumnReader, Columns
from tallymill.statistics.model import StatisticDefinition
from tallymill.statistics.registry import SHIPPED, bind_definition

NOW = datetime(2026, 11, 21, tzinfo=UTC)


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
        ("sum", [10**308] * 2, 2 * 10**308),
        ("mean", [2140] * 17 + [2146], 2140.3333333333335),
        ("sum", [2**53, 1], 2**53 + 1),
        ("sum", [2**66, 1], 2**66 + 1),
        ("sum", [0.1] * 10, 1.0),
        ("sum", [1e308, 1e308], None),
        ("mean", [1, 2], 1.5),
        ("mean", [10**308], 1e308),
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
            b'{"weight": -' + b"9" * 401 + b"}",
            "field 'weight' is beyond the range of a float",
        ),
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
    for statistic in [builtin("sum"), builtin("mean"), builtin("min")]:
        first = statistic.fold(
            statistic.new_state(), read(statistic, weights(1, 2.5))
        ).state
        before = statistic.dump(first)

        statistic.fold(first, read(statistic, weights(7, 0.1)))

        assert statistic.dump(first) == before


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
    for statistic in [builtin("mean"), builtin("count", None)]:
        outcome = statistic.fold(statistic.new_state(), read(statistic, []))

        assert outcome.state == statistic.new_state()
        assert (outcome.taken, outcome.rejected) == (0, ())


def test_one_number_beyond_a_float_costs_the_others_nothing():
    """It left a mean at null for ever, and nobody could tell why."""
    mean = builtin("mean")
    values = [10, 10**400, 20.5, "x", -(10**400), 30]

    outcome = mean.fold(mean.new_state(), read(mean, weights(*values)))

    assert mean.result(outcome.state) == 60.5 / 3
    assert [index for index, _ in outcome.rejected] == [1, 3, 4]
    assert outcome.rejected[0][1] == "field 'weight' is beyond the range of a float"
