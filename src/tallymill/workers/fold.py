"""What a batch does to the partial states of one reader of one shard. Pure.

The statistics of a stream share one `ColumnReader`, so that each field is decoded
once a batch, however many statistics want it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tallymill.events.ports import Run
from tallymill.statistics.bound import BoundStatistic
from tallymill.statistics.columns import ColumnReader
from tallymill.statistics.ports import Partial
from tallymill.workers.model import NewPartial, SetAside


@dataclass(frozen=True, slots=True)
class Total:
    """What a reader has added up for a statistic so far."""

    state: Any  #: the statistic's State; never changed in place
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """The outcome of a batch."""

    totals: Mapping[str, Total]  #: all of the reader's totals, by version
    partials: Mapping[str, NewPartial]  #: those that changed, ready to be stored
    set_aside: Sequence[SetAside]


class StreamStatistics:
    """The statistics of one stream, and the reader of the fields that they need."""

    def __init__(self, statistics: Sequence[BoundStatistic]) -> None:
        self.statistics = tuple(statistics)
        self.columns = ColumnReader(path for each in statistics for path in each.paths)


Streams = Mapping[str, StreamStatistics]


def by_stream(statistics: Sequence[BoundStatistic]) -> Streams:
    """Return the statistics of each stream that has any."""
    streams: dict[str, list[BoundStatistic]] = {}
    for each in statistics:
        streams.setdefault(each.stream, []).append(each)
    return {stream: StreamStatistics(group) for stream, group in streams.items()}


def restore(streams: Streams, partials: Sequence[Partial]) -> Mapping[str, Total]:
    """Return the totals that were stored, and empty ones for what is new.

    Raises:
        Corrupt: A stored state is none of its statistic's.
    """
    stored = {partial.version: partial for partial in partials}
    totals = {}
    for group in streams.values():
        for each in group.statistics:
            found = stored.get(each.version)
            if found is None:
                totals[each.version] = Total(each.new_state(), 0)
            else:
                totals[each.version] = Total(each.load(found.state), found.events)
    return totals


def fold(streams: Streams, totals: Mapping[str, Total], runs: Sequence[Run]) -> Folded:
    """Add runs of events to the totals; what was handed in does not change."""
    new = dict(totals)
    changed: dict[str, BoundStatistic] = {}
    set_aside: list[SetAside] = []
    for run in runs:
        group = streams.get(run.stream)
        if group is None or run.events is None:
            continue
        batch = group.columns.read(run.events)
        for each in group.statistics:
            was = new[each.version]
            outcome = each.fold(was.state, batch)
            if outcome.taken:
                events = was.events + outcome.taken
                new[each.version] = Total(outcome.state, events)
                changed[each.version] = each
            set_aside += [
                SetAside(
                    offset=run.first + index,
                    stream=run.stream,
                    version=each.version,
                    statistic=each.name,
                    reason=reason,
                )
                for index, reason in outcome.rejected
            ]
    partials = {
        version: NewPartial(
            state=each.dump(new[version].state), events=new[version].events
        )
        for version, each in changed.items()
    }
    return Folded(totals=new, partials=partials, set_aside=set_aside)
