"""All shards of this instance with their pools; what `GET /workers` asks."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from tallymill.events.model import ShardId
from tallymill.events.ports import EventLog, Run
from tallymill.kernel.clock import Clock
from tallymill.kernel.errors import TallymillError
from tallymill.kernel.ids import random_id
from tallymill.kernel.service import cancel_and_wait
from tallymill.kernel.turnstile import Turnstile
from tallymill.statistics.bound import BoundStatistic
from tallymill.statistics.ports import LIVE
from tallymill.workers.fold import by_stream
from tallymill.workers.model import Worker
from tallymill.workers.pace import Pace
from tallymill.workers.pool import Pool
from tallymill.workers.ports import Ledger
from tallymill.workers.replay import Replay
from tallymill.workers.shard import ShardFold

TICK_S = 0.5

log = structlog.get_logger("tallymill.workers")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkSettings:
    """How the work is parted."""

    shards: int = 5
    workers: int = 3  #: a shard
    batch_size: int = 5  #: events
    worker_timeout_s: float = 120.0  #: idle seconds after which a worker finishes


class Workforce:
    """Folds everything that is in the log, and keeps the workers' history."""

    def __init__(
        self,
        event_log: EventLog,
        ledger: Ledger,
        clock: Clock,
        statistics: Sequence[BoundStatistic],
        settings: WorkSettings,
        turnstile: Turnstile,
    ) -> None:
        self._log = event_log
        self._ledger = ledger
        self._clock = clock
        self._statistics = statistics
        self._settings = settings
        self._replay = Replay(event_log, ledger, clock, statistics, turnstile)
        self._retiring: asyncio.Task[None] | None = None
        streams = by_stream(statistics)
        self._shards = [
            ShardFold(
                Pool(
                    ShardId(number),
                    workers_max=settings.workers,
                    batch_size=settings.batch_size,
                    new_id=random_id,
                ),
                event_log,
                ledger,
                clock,
                streams,
                turnstile,
            )
            for number in range(settings.shards)
        ]
        self._pace = Pace()

    async def start(self) -> None:
        """Take the shards over and begin to fold.

        Raises:
            Conflict: The log has more shards than the settings say.
        """
        known = {
            each.name: (each.version, each.stream, each.from_now)
            for each in self._statistics
        }
        positions = await self._ledger.open(
            self._settings.shards, known, self._clock.now()
        )
        # In this order no event falls between the heads and the first one offered.
        self._log.subscribe(self._offer)
        heads = await self._log.heads()
        for position in positions:
            if position.reader == LIVE:
                self._shards[position.shard].start(
                    position.next, heads.get(position.shard, 0)
                )
        self._replay.start([each for each in positions if each.reader != LIVE])
        self._retiring = asyncio.create_task(self._retire(), name="retire workers")

    async def stop(self) -> None:
        """End every task; what is not folded is left to the next start."""
        await cancel_and_wait(self._retiring)
        await self._replay.stop()
        for shard in self._shards:
            await shard.stop()

    async def drain(self, timeout_s: float) -> int:
        """Wait until everything in the log is folded, for `timeout_s` at most.

        Returns:
            How many events are left to the next start.
        """
        until_s = self._clock.monotonic_s() + timeout_s
        while self.pending() and self._clock.monotonic_s() < until_s:
            await self._clock.sleep(0.01)
        return self.pending()

    def pending(self) -> int:
        """Return how many events are in the log and not folded."""
        return sum(shard.pending for shard in self._shards)

    def folded(self) -> int:
        """Return how many events were ever folded."""
        return sum(shard.committed for shard in self._shards)

    def folded_per_s(self) -> float:
        """Return how many events a second were folded lately, while any waited."""
        return self._pace.per_s

    def troubles(self) -> Sequence[str]:
        """Return a sentence for each shard that makes no headway."""
        return [
            f"Shard {shard.shard}: {shard.trouble}."
            for shard in self._shards
            if shard.trouble
        ]

    def workers(
        self, *, shard_id: int | None = None, active: bool | None = None
    ) -> Sequence[Worker]:
        """Return every worker made since the start, oldest first.

        Args:
            shard_id: Only this shard's.
            active: True for those that have not finished, False for those that have.
        """
        found = [
            worker
            for shard in self._shards
            if shard_id is None or shard.shard == shard_id
            for worker in shard.pool.history
            if active is None or (worker.finished_at is None) == active
        ]
        return sorted(found, key=lambda worker: worker.created_at)

    def worker(self, worker_id: int) -> Worker | None:
        """Return one worker; None for an id that never was."""
        return next((w for w in self.workers() if w.id == worker_id), None)

    def _offer(self, runs: Sequence[Run]) -> None:
        for run in runs:
            self._shards[run.shard].offer(run)

    async def _retire(self) -> None:
        """Finish idle workers, for ever."""
        while True:
            await self._clock.sleep(TICK_S)
            self._pace.observe(self._clock.monotonic_s(), self.folded())
            for shard in self._shards:
                ended = shard.pool.retire(
                    self._clock.monotonic_s(),
                    self._clock.now(),
                    self._settings.worker_timeout_s,
                )
                for worker in ended:
                    await self._store_end(worker)

    async def _store_end(self, worker: Worker) -> None:
        try:
            await self._ledger.finish(worker)
        except TallymillError as error:
            # The next start finishes it in the ledger; the history here is right.
            log.warning("worker.end_not_stored", worker=worker.id, reason=error.detail)
