"""What a batch does to the totals of a reader: nothing twice, nothing in place."""

from datetime import UTC, datetime

import msgspec
import pytest

from tallymill.events.model import Event, ShardId
from tallymill.events.ports import Run
from tallymill.kernel.errors import Corrupt
from tallymill.statistics.model import StatisticDefinition
from tallymill.statistics.ports import LIVE, Partial
from tallymill.statistics.protocol import Statistic
from tallymill.statistics.registry import bind_class, bind_definition
from tallymill.workers.fold import by_stream, fold, restore

AT = datetime(2026, 11, 21, tzinfo=UTC)


def statistic(name, kind="sum", stream="picture", field="weight"):
    return bind_definition(
        StatisticDefinition(name=name, stream=stream, kind=kind, field=field)
    )


TOTAL = statistic("total", "count", field=None)
SUM = statistic("sum")
OTHER = statistic("other", stream="events")


def run(*datas, first=0, stream="picture"):
    events = [Event(AT, msgspec.Raw(msgspec.json.encode(data))) for data in datas]
    return Run(
        shard=ShardId(0), stream=stream, first=first, count=len(events), events=events
    )


def weights(*values, **more):
    return run(*({"weight": value} for value in values), **more)


def results(statistics, totals):
    return {s.name: s.result(totals[s.version].state) for s in statistics}


@pytest.fixture
def streams():
    return by_stream([TOTAL, SUM, OTHER])


def test_each_statistic_gets_the_events_of_its_stream(streams):
    folded = fold(
        streams,
        restore(streams, []),
        [weights(1, 2), weights(10, first=2, stream="events"), weights(4, first=3)],
    )

    assert results([TOTAL, SUM, OTHER], folded.totals) == {
        "total": 3,
        "sum": 7,
        "other": 10,
    }
    assert {v: p.events for v, p in folded.partials.items()} == {
        TOTAL.version: 3,
        SUM.version: 3,
        OTHER.version: 1,
    }


def test_the_totals_handed_in_do_not_change(streams):
    before = fold(streams, restore(streams, []), [weights(1, 2)]).totals
    was = results([TOTAL, SUM], before)
    fold(streams, before, [weights(100, first=2)])

    assert results([TOTAL, SUM], before) == was


def test_only_what_changed_is_stored(streams):
    folded = fold(streams, restore(streams, []), [weights("no number")])

    assert list(folded.partials) == [TOTAL.version]


def test_runs_that_nobody_asked_for_change_nothing(streams):
    counted = Run(shard=ShardId(0), stream="picture", first=9, count=3, events=None)
    folded = fold(streams, restore(streams, []), [weights(1, stream="?"), counted])

    assert (folded.partials, list(folded.set_aside)) == ({}, [])


def test_what_does_not_fit_is_set_aside_with_its_place(streams):
    folded = fold(
        streams,
        restore(streams, []),
        [weights(1, None, 3, "x", first=40), run("text", first=44)],
    )

    assert [(s.offset, s.statistic, s.version) for s in folded.set_aside] == [
        (41, "sum", SUM.version),
        (43, "sum", SUM.version),
        (44, "sum", SUM.version),
    ]
    assert all(s.reason for s in folded.set_aside)
    assert results([TOTAL, SUM], folded.totals) == {"total": 5, "sum": 4}


def test_what_was_stored_goes_on_after_a_restart(streams):
    folded = fold(streams, restore(streams, []), [weights(1, 2)])
    stored = [
        Partial(
            version=version,
            reader=LIVE,
            shard=0,
            state=partial.state,
            events=partial.events,
            updated_at=AT,
        )
        for version, partial in folded.partials.items()
    ]

    again = fold(streams, restore(streams, stored), [weights(4, first=2)])

    assert results([TOTAL, SUM], again.totals) == {"total": 3, "sum": 7}
    assert again.partials[SUM.version].events == 3


def test_a_stored_state_that_is_none_is_told(streams):
    rubbish = Partial(
        version=SUM.version,
        reader=LIVE,
        shard=0,
        state=b"\xc1",
        events=1,
        updated_at=AT,
    )
    with pytest.raises(Corrupt):
        restore(streams, [rubbish])


def test_a_statistic_that_raises_harms_no_other():
    class Moody(Statistic):
        stream, field = "picture", "weight"

        class State(msgspec.Struct):
            total: int = 0

        def add(self, state, weight):
            if weight == 13:
                raise RuntimeError("not that one")
            state.total += weight

        def merge(self, a, b):
            return self.State(a.total + b.total)

        def result(self, state):
            return state.total

    Moody.name = "moody"
    moody = bind_class(Moody)
    streams = by_stream([moody, SUM])

    folded = fold(streams, restore(streams, []), [weights(1, 13, 2)])

    assert results([moody, SUM], folded.totals) == {"moody": 3, "sum": 16}
    (aside,) = folded.set_aside
    assert (aside.offset, aside.statistic) == (1, "moody")
    assert "not that one" in aside.reason
