"""The way in: places a request's events on shards and has the log store them.

Says no, before a body is read, when more is waiting to be folded than may wait.
"""

import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from tallymill.events.model import Event, ShardId
from tallymill.events.ports import Append, EventLog, Receipt, Run
from tallymill.events.rate import History, Rate
from tallymill.events.sharding import split
from tallymill.kernel.clock import Clock
from tallymill.kernel.errors import Overloaded

RETRY_MOST_S = 60.0
#: A sender that was refused is called back when the backlog is at this part.
RESUME_AT = 0.8


class Backlog(Protocol):
    """What is accepted and not yet folded."""

    def pending(self) -> int:
        """Return how many events wait."""
        ...

    def folded_per_s(self) -> float:
        """Return how fast they are folded; 0 if that is not known."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RateHistory:
    """Events accepted, second by second."""

    until: datetime  #: where the last of the seconds ends, aware, UTC
    counts: Sequence[int]  #: oldest first


class Ingest:
    """Takes events in, durably."""

    def __init__(
        self,
        log: EventLog,
        clock: Clock,
        backlog: Backlog,
        *,
        shards: int,
        backlog_max: int,
    ) -> None:
        self._log = log
        self._clock = clock
        self._backlog = backlog
        self._shards = shards
        self._backlog_max = backlog_max
        self._turn = 0
        self._rate = Rate()
        self._history = History()
        # What anybody appends counts, not only what comes this way.
        log.subscribe(self._count)

    def admit(self) -> None:
        """Do nothing, or refuse, by how much is waiting.

        Raises:
            Overloaded: More than `backlog_max` accepted events are not folded yet.
        """
        waiting = self._backlog.pending()
        if waiting > self._backlog_max:
            raise Overloaded(
                f"{waiting} accepted events wait to be processed, more than the"
                f" {self._backlog_max} of backlog_max; try again later.",
                retry_after_s=retry_after_s(
                    waiting, self._backlog_max, self._backlog.folded_per_s()
                ),
            )

    async def accept(
        self,
        events: Sequence[Event],
        *,
        stream: str,
        size_bytes: int,
        single_shard: bool = False,
        key: str | None = None,
        note: bytes = b"",
    ) -> Receipt:
        """Store the events of one request; when this returns they are durable.

        Args:
            events: In order; none is fine.
            stream: A checked name.
            size_bytes: What they weigh together, roughly.
            single_shard: Put all on one shard, picked at random.
            key: The request's Idempotency-Key.
            note: Kept with the key, and given back when it comes again.

        Raises:
            Overloaded: The disk cannot keep up; nothing was stored.
            Unavailable: It cannot be written now; nothing was stored.
        """
        single = ShardId(secrets.randbelow(self._shards)) if single_shard else None
        # A list is three times as fast here as any() over a generator.
        has_ids = bool([1 for event in events if event.id is not None])
        # Before they are placed: on its shards a request's order is no longer known.
        kept = first_of_each_id(events) if has_ids else events
        shares = split(kept, self._shards, single=single, turn=self._turn)
        self._turn = (self._turn + 1) % self._shards
        return await self._log.append(
            Append(
                stream=stream,
                shares=shares,
                size_bytes=size_bytes,
                has_ids=has_ids,
                key=key,
                note=note,
                repeats=len(events) - len(kept),
            )
        )

    def rate(self) -> int:
        """Return how many events were accepted in the last second."""
        return self._rate.last_second(self._clock.monotonic_s())

    def history(self) -> RateHistory:
        """Return how many events were accepted in each of the last 300 seconds."""
        now_s = self._clock.monotonic_s()
        return RateHistory(
            until=self._clock.now() - timedelta(seconds=now_s % 1),
            counts=self._history.until(now_s),
        )

    def _count(self, runs: Sequence[Run]) -> None:
        now_s, count = self._clock.monotonic_s(), sum([run.count for run in runs])
        self._rate.add(now_s, count)
        self._history.add(now_s, count)


def first_of_each_id(events: Sequence[Event]) -> Sequence[Event]:
    """Return the events without those whose id came before; the others as they were."""
    seen: set[str] = set()
    kept: list[Event] = []
    for event in events:
        if event.id is not None:
            if event.id in seen:
                continue
            seen.add(event.id)
        kept.append(event)
    return kept


def retry_after_s(waiting: int, most: int, folded_per_s: float) -> float:
    """Return the seconds until the backlog is likely to have room, 1 to 60."""
    if folded_per_s <= 0:
        return 5.0
    seconds = math.ceil((waiting - RESUME_AT * most) / folded_per_s)
    return float(min(max(1, seconds), RETRY_MOST_S))
