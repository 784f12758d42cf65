"""The answers to `GET /statistics`: partial states of one snapshot, merged."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import msgspec

from tallymill.kernel.errors import Corrupt, NotFound
from tallymill.statistics.bound import BoundStatistic
from tallymill.statistics.model import Answer, StatisticView
from tallymill.statistics.ports import LIVE, Partial, PartialStates, Progress, Snapshot


class Replaying(msgspec.Struct, frozen=True, kw_only=True):
    """How far the replay of a new statistic has come."""

    done: int  #: events of the past that are folded
    total: int  #: events of the past


class View(StatisticView, frozen=True, kw_only=True):
    """One entry of `GET /statistics`, with its place in the log."""

    as_of: Mapping[int, int]  #: shard -> offset after the last event that is in
    lag: int  #: events in the log that are not in yet
    replaying: Replaying | msgspec.UnsetType = msgspec.UNSET


class Answers:
    """Answers from any instance's committed states; keeps nothing itself."""

    def __init__(
        self, states: PartialStates, statistics: Sequence[BoundStatistic]
    ) -> None:
        self._states = states
        self._statistics = {each.name: each for each in statistics}

    async def all(self) -> Sequence[View]:
        """Return every statistic, in the order of definition, of one snapshot."""
        snapshot = await self._states.snapshot()
        return [view(each, snapshot) for each in self._statistics.values()]

    async def one(self, name: str) -> View:
        """Return one statistic.

        Raises:
            NotFound: There is none of that name.
        """
        statistic = self._statistics.get(name)
        if statistic is None:
            near = get_close_matches(name, self._statistics, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise NotFound(f"There is no statistic '{name}'.{hint}")
        return view(statistic, await self._states.snapshot())


def view(statistic: BoundStatistic, snapshot: Snapshot) -> View:
    """Return what a snapshot says of a statistic. Pure."""
    partials = [p for p in snapshot.partials if p.version == statistic.version]
    answer = _answer(statistic, partials)
    live = {p.shard: p.next for p in snapshot.progress if p.reader == LIVE}
    past = [p for p in snapshot.progress if p.reader == statistic.version]
    return View(
        name=statistic.name,
        stream=statistic.stream,
        kind=statistic.kind,
        value=answer.value,
        events=sum(partial.events for partial in partials),
        updated_at=max((partial.updated_at for partial in partials), default=None),
        field=statistic.fields[0] if len(statistic.fields) == 1 else msgspec.UNSET,
        error=answer.error or msgspec.UNSET,
        as_of=live,
        lag=sum(head - live.get(shard, 0) for shard, head in snapshot.heads.items()),
        replaying=_replaying(past),
    )


def _answer(statistic: BoundStatistic, partials: Sequence[Partial]) -> Answer:
    try:
        states = [statistic.load(partial.state) for partial in partials]
    except Corrupt as error:
        return Answer(value=None, error=error.detail)
    return statistic.answer(states)


def _replaying(past: Sequence[Progress]) -> Replaying | msgspec.UnsetType:
    done = sum(p.next for p in past)
    total = sum(p.until or 0 for p in past)
    return Replaying(done=done, total=total) if done < total else msgspec.UNSET
