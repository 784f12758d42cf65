"""One shard's fold: takes what waits, adds it up, commits in order.

Up to a pool of workers have a batch each between taking it and its commit; a batch
builds on the totals of the one before, so when a commit fails all that follow are
dropped, and the shard begins again from what the ledger holds.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, replace

import structlog

from tallymill.events.ports import EventLog, Run
from tallymill.kernel.backoff import Backoff
from tallymill.kernel.clock import Clock
from tallymill.kernel.errors import Corrupt, TallymillError
from tallymill.kernel.service import cancel_and_wait
from tallymill.kernel.turnstile import Turnstile
from tallymill.statistics.ports import LIVE
from tallymill.workers.fold import Streams, Total, fold, restore
from tallymill.workers.model import FoldCommit, Position, Worker
from tallymill.workers.pool import Pool, batch_length
from tallymill.workers.ports import Ledger
from tallymill.workers.queue import RunQueue

#: A batch is folded in the event loop, so it has to be short: 2 ms at most.
BATCH_EVENTS_MAX = 5_000
#: Held in memory a shard; 300 bytes each. What is beyond is read from the log.
QUEUE_EVENTS_MAX = 20_000
READ_EVENTS_MAX = 20_000

log = structlog.get_logger("tallymill.workers")


@dataclass(slots=True)
class _InFlight:
    """A batch between its fold and its commit."""

    commit: FoldCommit
    worker: Worker
    done: "asyncio.Task[bool]"


class _Fenced(Exception):
    """Somebody else has committed for this shard."""


class ShardFold:
    """Follows one shard of the log; owns one task."""

    def __init__(
        self,
        pool: Pool,
        event_log: EventLog,
        ledger: Ledger,
        clock: Clock,
        streams: Streams,
        turnstile: Turnstile,
    ) -> None:
        self.shard = pool.shard
        self.pool = pool
        self.trouble: str | None = None  #: why it makes no headway, as a sentence
        self._log = event_log
        self._ledger = ledger
        self._clock = clock
        self._streams = streams
        self._turnstile = turnstile
        self._wake = asyncio.Event()
        self._queue = RunQueue(0, 0, wanted=streams, events_max=QUEUE_EVENTS_MAX)
        self._totals: dict[str, Total] = {}
        self._position: Position | None = None
        self._committed = 0
        self._failures = 0
        self._in_flight: deque[_InFlight] = deque()
        self._task: asyncio.Task[None] | None = None

    @property
    def pending(self) -> int:
        """Events in the log whose fold is not committed."""
        return self._queue.head - self.committed

    @property
    def committed(self) -> int:
        """The offset after the last event whose fold is committed."""
        return self._committed

    def start(self, next_offset: int, head: int) -> None:
        """Begin to follow the log; what was offered before counts."""
        self._committed = next_offset
        self._queue = self._new_queue(next_offset, max(head, self._queue.head))
        self._task = asyncio.create_task(self._run(), name=f"shard {self.shard}")

    async def stop(self) -> None:
        """End the task; what is not committed is folded by the next start."""
        await cancel_and_wait(self._task, *(each.done for each in self._in_flight))

    def offer(self, run: Run) -> None:
        """Take note of events that were just stored."""
        self._queue.offer(run)
        self._wake.set()

    async def _run(self) -> None:
        backoff = Backoff(first_s=0.2, most_s=5.0)
        while True:
            try:
                await self._reload()
                await self._follow()
            except _Fenced:
                self.trouble = "another instance has taken the shard over"
            except TallymillError as error:
                self.trouble = error.detail
            except Exception:
                self.trouble = "an unexpected error; see the log"
                log.exception("fold.failed", shard=self.shard)
            self._failures += 1
            log.warning("fold.interrupted", shard=self.shard, reason=self.trouble)
            await self._clock.sleep(backoff.wait_s(self._failures, chance=1.0))

    async def _reload(self) -> None:
        """Forget what is not committed, and begin from the ledger."""
        done = [each.done for each in self._in_flight]
        results = await asyncio.gather(*done, return_exceptions=True)
        for each, committed in zip(self._in_flight, results, strict=True):
            each.worker.events_count += each.commit.events if committed is True else 0
            self.pool.give_back(each.worker, self._clock.monotonic_s())
        self._in_flight.clear()
        self._position, partials = await self._ledger.load(self.shard, LIVE)
        self._totals = dict(restore(self._streams, partials))
        self._committed = self._position.next
        self._queue = self._new_queue(self._position.next, self._queue.head)

    async def _follow(self) -> None:
        while True:
            self._wake.clear()
            self._settle()
            if self._queue.behind:
                await self._catch_up()
            elif self._queue.waiting and self.pool.free:
                await self._turnstile.turn()
                self._fold_next()
            else:
                if not self.pending:
                    self._note_headway()
                await self._wake.wait()

    async def _catch_up(self) -> None:
        """Take from the log what memory could not hold."""
        runs = await self._log.read(
            self.shard,
            self._queue.next,
            only=None,
            decode=self._streams.keys(),
            events_max=READ_EVENTS_MAX,
        )
        self._queue.refill(runs)
        if self._queue.behind:
            raise Corrupt(
                f"the log has no event at offset {self._queue.next}, but goes on to"
                f" {self._queue.head}; `tallymill check --deep` says more"
            )

    def _fold_next(self) -> None:
        """Take a batch, add it up, and send its commit on its way."""
        position, now = self._position, self._clock.now()
        if position is None:
            raise AssertionError("a shard is loaded before it is folded")
        length = batch_length(
            self._queue.waiting,
            batch_size=self.pool.batch_size,
            free=self.pool.free,
            events_max=max(BATCH_EVENTS_MAX, self.pool.batch_size),
        )
        folded = fold(self._streams, self._totals, self._queue.take(length))
        worker = self.pool.take(now)
        if worker is None:
            raise AssertionError("a batch is taken only while a worker is free")
        commit = FoldCommit(
            position=position,
            next=self._queue.next,
            partials=folded.partials,
            set_aside=folded.set_aside,
            at=now,
            worker=worker,
            events=length,
        )
        self._totals = dict(folded.totals)
        self._position = replace(position, next=commit.next)
        done = asyncio.ensure_future(self._ledger.commit(commit))
        done.add_done_callback(lambda _: self._wake.set())
        self._in_flight.append(_InFlight(commit, worker, done))

    def _settle(self) -> None:
        """Count the batches whose commits have come back, in order.

        Raises:
            _Fenced: A commit touched no row.
            Unavailable: A commit could not be written.
        """
        while self._in_flight and self._in_flight[0].done.done():
            first = self._in_flight[0]
            if not first.done.result():
                raise _Fenced
            self._in_flight.popleft()
            self._committed = first.commit.next
            self._note_headway()
            first.worker.events_count += first.commit.events
            self.pool.give_back(first.worker, self._clock.monotonic_s())

    def _note_headway(self) -> None:
        self.trouble, self._failures = None, 0

    def _new_queue(self, next_offset: int, head: int) -> RunQueue:
        return RunQueue(
            next_offset,
            max(head, next_offset),
            wanted=self._streams,
            events_max=QUEUE_EVENTS_MAX,
        )
