"""fold(replay) + live == fold once, wherever the past is cut and whatever is in it."""

import itertools
import math
from datetime import UTC, datetime

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tallymill.events.model import Event, ShardId
from tallymill.events.ports import Run
from tallymill.statistics.model import StatisticDefinition
from tallymill.statistics.ports import Partial
from tallymill.statistics.registry import bind_definition
from tallymill.workers.fold import by_stream, fold, restore
from tallymill.workers.queue import part

AT = datetime(2026, 11, 21, tzinfo=UTC)
KINDS = ("count", "sum", "mean", "min", "max")
STATISTICS = [
    bind_definition(
        StatisticDefinition(name=kind, stream="picture", kind=kind, field="weight")
    )
    for kind in KINDS
]
STREAMS = by_stream(STATISTICS)

numbers = st.one_of(
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, -0.0, 1e308, -1e308, 5e-324, 0.1]),
)
datas = st.one_of(
    numbers.map(lambda n: {"weight": n}),
    st.sampled_from([{"weight": None}, {"weight": "x"}, {}, [], "x", None]),
)
streams = st.sampled_from(["picture", "picture", "elsewhere"])


def logged(events):
    """A shard's log: runs of one stream each, cut where the stream changes."""
    runs = []
    for offset, (stream, data) in enumerate(events):
        event = Event(AT, msgspec.Raw(msgspec.json.encode(data)))
        if runs and runs[-1].stream == stream:
            runs[-1] = longer(runs[-1], event)
            continue
        runs.append(
            Run(shard=ShardId(0), stream=stream, first=offset, count=1, events=[event])
        )
    return runs


def longer(run, event):
    return Run(
        shard=run.shard,
        stream=run.stream,
        first=run.first,
        count=run.count + 1,
        events=[*run.events, event],
    )


def between(runs, first, end):
    """The part of a log in [first, end)."""
    found = []
    for run in runs:
        if run.next <= first or run.first >= end:
            continue
        cut = part(run, first - run.first)[1] if run.first < first else run
        found.append(part(cut, end - cut.first)[0] if cut.next > end else cut)
    return found


def folded(runs, cuts):
    """Fold in batches, storing and loading the states between them as a restart does."""
    totals, aside, stored = restore(STREAMS, []), [], {}
    first = runs[0].first if runs else 0
    end = runs[-1].next if runs else 0
    edges = [first, *sorted(cut for cut in cuts if first < cut < end), end]
    for start, stop in itertools.pairwise(edges):
        outcome = fold(STREAMS, totals, between(runs, start, stop))
        aside += [(each.offset, each.statistic) for each in outcome.set_aside]
        stored |= {
            version: Partial(
                version=version,
                reader="live",
                shard=0,
                state=new.state,
                events=new.events,
                updated_at=AT,
            )
            for version, new in outcome.partials.items()
        }
        totals = restore(STREAMS, list(stored.values()))
    return totals, aside


def answers(*parts):
    return {
        each.name: each.answer([totals[each.version].state for totals in parts]).value
        for each in STATISTICS
    }


@settings(max_examples=200, deadline=None)
@given(
    events=st.lists(st.tuples(streams, datas), max_size=40),
    until=st.integers(0, 40),
    cuts=st.lists(st.integers(0, 40), max_size=6),
)
def test_past_and_present_merge_to_what_one_fold_gives(events, until, cuts):
    runs = logged(events)
    until = min(until, len(events))

    once, aside = folded(runs, [])
    past, aside_then = folded(between(runs, 0, until), cuts)
    live, aside_since = folded(between(runs, until, len(events)), cuts)

    assert answers(past, live) == answers(once)
    assert sorted(aside_then + aside_since) == sorted(aside)
    for each in STATISTICS:
        counts = [totals[each.version].events for totals in (past, live, once)]
        assert counts[0] + counts[1] == counts[2]


@settings(max_examples=100, deadline=None)
@given(weights=st.lists(numbers, max_size=30), cuts=st.lists(st.integers(0, 30)))
def test_mean_times_count_is_the_sum(weights, cuts):
    runs = logged([("picture", {"weight": weight}) for weight in weights])
    found = answers(folded(runs, cuts)[0])

    assert found["count"] == len(weights)
    if not weights or found["sum"] is None or found["mean"] is None:
        return
    tiny = 5e-324 * len(weights)
    assert math.isclose(
        found["mean"] * found["count"], found["sum"], rel_tol=1e-15, abs_tol=tiny
    ) or math.isinf(found["mean"] * found["count"])
