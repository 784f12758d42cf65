"""Folding the past for a statistic that is new, beside the live fold.

The live fold begins where the statistic was made known; the replay folds all before
it into a partial of its own. The two ranges do not meet, and their states merge.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import structlog

from tallymill.events.ports import EventLog, Run
from tallymill.kernel.clock import Clock
from tallymill.kernel.errors import TallymillError
from tallymill.kernel.service import cancel_and_wait
from tallymill.kernel.turnstile import Turnstile
from tallymill.statistics.bound import BoundStatistic
from tallymill.workers.fold import (
    Folded,
    Streams,
    StreamStatistics,
    Total,
    fold,
    restore,
)
from tallymill.workers.model import FoldCommit, NewPartial, Position, SetAside
from tallymill.workers.ports import Ledger
from tallymill.workers.queue import part

CHUNK_EVENTS = 5_000
#: Folded at once in the event loop; one block may hold a hundred times as many.
PIECE_EVENTS = 5_000
RETRY_S = 2.0

log = structlog.get_logger("tallymill.workers")


class Replay:
    """Folds `[next, until)` of every position that is not at its end; owns one task."""

    def __init__(
        self,
        event_log: EventLog,
        ledger: Ledger,
        clock: Clock,
        statistics: Sequence[BoundStatistic],
        turnstile: Turnstile,
    ) -> None:
        self._turnstile = turnstile
        self._log = event_log
        self._ledger = ledger
        self._clock = clock
        self._statistics = {each.version: each for each in statistics}
        self._task: asyncio.Task[None] | None = None

    def start(self, positions: Sequence[Position]) -> None:
        """Begin to fold what the positions leave open; nothing to do without any."""
        if positions:
            self._task = asyncio.create_task(self._run(positions), name="replay")

    async def stop(self) -> None:
        """End the task; the next start goes on where it was."""
        await cancel_and_wait(self._task)

    async def _run(self, positions: Sequence[Position]) -> None:
        left = deque(positions)
        while left:
            position = left.popleft()
            if not await self._tried(position):
                left.append(position)  # a damaged shard must not keep the others
                await self._clock.sleep(RETRY_S)

    async def _tried(self, position: Position) -> bool:
        """Replay one shard; False when it has to be tried again."""
        statistic = self._statistics[position.reader]
        try:
            await self._replay(position, statistic)
        except TallymillError as error:
            log.warning(
                "replay.interrupted", statistic=statistic.name, reason=error.detail
            )
            return False
        except Exception:
            log.exception("replay.failed", statistic=statistic.name)
            return False
        return True

    async def _replay(self, position: Position, statistic: BoundStatistic) -> None:
        streams = {statistic.stream: StreamStatistics([statistic])}
        position, partials = await self._ledger.load(position.shard, position.reader)
        totals = restore(streams, partials)
        while position.until is not None and position.next < position.until:
            position, totals = await self._chunk(position, streams, totals)

    async def _chunk(
        self,
        position: Position,
        streams: Streams,
        totals: Mapping[str, Total],
    ) -> tuple[Position, Mapping[str, Total]]:
        """Fold and commit the next runs; what belongs to the live fold is cut off."""
        until = position.until or 0
        (stream,) = streams
        found = await self._log.read(
            position.shard,
            position.next,
            only=stream,
            decode={stream},
            events_max=CHUNK_EVENTS,
        )
        runs = [_before(run, until) for run in found if run.first < until]
        end = runs[-1].next if runs else until
        folded = await self._fold(streams, totals, runs)
        commit = FoldCommit(
            position=position,
            next=end,
            partials=folded.partials,
            set_aside=folded.set_aside,
            at=self._clock.now(),
        )
        if not await self._ledger.commit(commit):
            return await self._taken_over(position, totals)
        return replace(position, next=end), folded.totals

    async def _fold(
        self, streams: Streams, totals: Mapping[str, Total], runs: Sequence[Run]
    ) -> Folded:
        """Fold a piece at a time, so that the server can answer in between."""
        partials: dict[str, NewPartial] = {}
        set_aside: list[SetAside] = []
        for piece in _pieces(runs):
            await self._turnstile.turn()
            folded = fold(streams, totals, [piece])
            totals = folded.totals
            partials.update(folded.partials)
            set_aside += folded.set_aside
        return Folded(totals=totals, partials=partials, set_aside=set_aside)

    async def _taken_over(
        self, position: Position, totals: Mapping[str, Total]
    ) -> tuple[Position, Mapping[str, Total]]:
        log.warning("replay.fenced", shard=position.shard, reader=position.reader)
        return replace(position, until=position.next), totals


def _pieces(runs: Sequence[Run]) -> Iterator[Run]:
    for run in runs:
        rest = run
        while rest.count > PIECE_EVENTS:
            piece, rest = part(rest, PIECE_EVENTS)
            yield piece
        yield rest


def _before(run: Run, until: int) -> Run:
    """Return what a run has before an offset."""
    return run if run.next <= until else part(run, until - run.first)[0]
