"""Runs what is queued: claims under a lease, asks, and finishes in one transaction.

A run that is cut off by a crash keeps its lease until it ends; then somebody takes the
same run up again (next attempt, same id, same Idempotency-Key). Live and backfill runs
have places of their own, so that neither waits for the other.
"""

import asyncio
import random
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from tallymill.delivery.model import Parcel, idempotency_key
from tallymill.jobs.asking import Asker
from tallymill.jobs.model import Job, Run, RunKind, RunState
from tallymill.jobs.ports import Claimed, Ending, RunStore
from tallymill.kernel.backoff import Backoff
from tallymill.kernel.clock import Clock, wait_or_timeout
from tallymill.kernel.errors import Failed, TallymillError
from tallymill.kernel.ids import new_id
from tallymill.kernel.service import cancel_and_wait

log = structlog.get_logger("tallymill.jobs")

LIVE_PLACES = 64
BACKFILL_PLACES = 8
LEASE_S = 15.0
#: A question whose source is away is asked again so often, and no more than `retries`.
ASK_AGAIN_MOST = 3
#: A run that was begun so often and never ended takes the server with it: it failed.
ATTEMPTS_MOST = 8
_ASK_AGAIN = Backoff(first_s=2.0, factor=3.0, most_s=60.0)
_LONGEST_SLEEP_S = 5.0
_AFTER_FAILURE_S = 1.0


class Runner:
    """Takes runs from the queue. A service; owns a task for each run that goes on."""

    def __init__(
        self,
        *,
        store: RunStore,
        asker: Asker,
        clock: Clock,
        parcels_wait: Callable[[], None],
    ) -> None:
        """Make a runner.

        Args:
            store: The queue. No other process runs on it: whatever seems to be running
                at the start was cut off.
            asker: Answers runs.
            clock: Whose time is meant.
            parcels_wait: Called when a delivery was put into the outbox.
        """
        self._store = store
        self._asker = asker
        self._clock = clock
        self._parcels_wait = parcels_wait
        self._holder = new_id()
        self._wake = asyncio.Event()
        self._going_on: dict[str, tuple[RunKind, asyncio.Task[None]]] = {}
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    async def start(self) -> None:
        """Begin to take runs."""
        cut_off = await self._store.release(self._holder, self._clock.now())
        if cut_off:
            log.warning("runs.taken_up_again", count=cut_off)
        self._tasks = (
            asyncio.create_task(self._claim_for_ever(), name="jobs.runner"),
            asyncio.create_task(self._beat_for_ever(), name="jobs.heartbeat"),
        )

    async def stop(self) -> None:
        """Take no more, and cut off what goes on: the next start takes it up again."""
        await cancel_and_wait(*self._tasks)
        self._tasks = ()
        await cancel_and_wait(*(task for _, task in self._going_on.values()))

    def wake(self) -> None:
        """Say that runs were queued."""
        self._wake.set()

    async def idle(self) -> None:
        """Wait until none of the runs that were begun goes on."""
        while self._going_on:
            await asyncio.wait([task for _, task in self._going_on.values()])
            # The tasks' own callbacks, which take them off, come one turn later.
            await asyncio.sleep(0)

    async def claim_once(self) -> int:
        """Begin the runs that may begin now; returns how many."""
        live = sum(kind is not RunKind.BACKFILL for kind, _ in self._going_on.values())
        backfill = len(self._going_on) - live
        now = self._clock.now()
        claimed = await self._store.claim(
            self._holder,
            now=now,
            lease_until=now + timedelta(seconds=LEASE_S),
            live=LIVE_PLACES - live,
            backfill=BACKFILL_PLACES - backfill,
        )
        for each in claimed:
            self._begin(each)
        return len(claimed)

    def _begin(self, claimed: Claimed) -> None:
        run = claimed.run
        if run.id in self._going_on:
            # Our own heartbeat came too late: the attempt before may finish no more.
            self._going_on[run.id][1].cancel()
        task = asyncio.create_task(self._carry_out(claimed), name=f"run {run.id}")
        self._going_on[run.id] = (run.kind, task)
        task.add_done_callback(lambda done: self._ended(run.id, done))

    def _ended(self, run_id: str, task: asyncio.Task[None]) -> None:
        _, known = self._going_on.get(run_id, (None, None))
        if known is task:
            del self._going_on[run_id]
        self._wake.set()

    async def _claim_for_ever(self) -> None:
        while True:
            self._wake.clear()
            pause_s = _LONGEST_SLEEP_S
            try:
                await self.claim_once()
            except TallymillError as exc:
                log.warning("runner.waits", reason=exc.detail)
                pause_s = _AFTER_FAILURE_S
            except Exception:
                log.exception("runner.failed")
                pause_s = _AFTER_FAILURE_S
            await wait_or_timeout(self._wake, self._clock, pause_s)

    async def _beat_for_ever(self) -> None:
        doubted: set[str] = set()
        while True:
            await self._clock.sleep(LEASE_S / 3)
            if not self._going_on:
                continue
            before = list(self._going_on.items())
            lease_until = self._clock.now() + timedelta(seconds=LEASE_S)
            try:
                ids = [run_id for run_id, _ in before]
                mine = await self._store.beat(self._holder, ids, lease_until)
            except TallymillError as exc:
                log.warning("runner.waits", reason=exc.detail)
                continue
            except Exception:
                log.exception("runner.failed")
                continue
            # Missing once may mean that it has just been finished.
            missing = {run_id for run_id, _ in before if run_id not in mine}
            for run_id, (_, task) in before:
                if run_id in missing & doubted:
                    task.cancel()
            doubted = missing

    async def _carry_out(self, claimed: Claimed) -> None:
        """Answer one run and write down what came of it; the top of its task."""
        run = claimed.run
        try:
            ending = await self._ending(claimed)
            is_mine = await self._finish(run.id, claimed.fence, ending)
        except Exception:
            # No heartbeat names it any more: its lease ends, and it is taken up again.
            log.exception("run.failed_to_finish", run=run.id, job=run.job_id)
            return
        if is_mine and ending.parcel:
            self._parcels_wait()
        _tell(run, ending, is_mine=is_mine)

    async def _finish(self, run_id: str, fence: int, ending: Ending) -> bool:
        """Write the ending, and try again while the database is away."""
        while True:
            try:
                return await self._store.finish(run_id, fence, ending)
            except TallymillError as exc:
                if not exc.retryable:
                    raise
                log.warning("runner.waits", reason=exc.detail)
            await self._clock.sleep(_AFTER_FAILURE_S)

    async def _ending(self, claimed: Claimed) -> Ending:
        run, job = claimed.run, claimed.job
        if run.attempt > ATTEMPTS_MOST:
            error = f"Cut off {run.attempt - 1} times: it is not begun again."
            return Ending(state=RunState.FAILED, at=self._clock.now(), error=error)
        try:
            result = await self._asker.answer(run, job)
        except TallymillError as exc:
            return ending_of_failure(run, job, exc, self._clock.now(), random.random())  # noqa: S311 - spreads retries, no secret
        except Exception as exc:
            log.exception("run.broke", run=run.id, job=run.job_id)
            told = Failed(f"{type(exc).__name__}: {exc}")
            return ending_of_failure(run, job, told, self._clock.now(), 0.0)
        return Ending(
            state=RunState.SUCCEEDED,
            at=self._clock.now(),
            result=result,
            parcel=parcel_of(run, job),
        )


def _tell(run: Run, ending: Ending, *, is_mine: bool) -> None:
    """Log an ending: an error if someone must act, a warning if it may heal."""
    told: dict[str, object] = {
        "run": run.id,
        "job": run.job_id,
        "outcome": ending.state.value,
        "attempt": run.attempt,
        "error": ending.error,
    }
    if not is_mine:
        log.warning("run.lost", **told)
    elif ending.not_before is not None:
        log.warning("run.put_off", next_try_at=ending.not_before.isoformat(), **told)
    elif ending.state is RunState.FAILED:
        log.error("run.finished", **told)
    else:
        log.info("run.finished", **told)


def ending_of_failure(
    run: Run, job: Job, error: TallymillError, now: datetime, chance: float
) -> Ending:
    """Return how an attempt ends that got no answer. Pure.

    Args:
        run: With the number of this attempt.
        job: Its job.
        error: Why; only a retryable one is worth another attempt.
        now: Aware, UTC.
        chance: A uniform random number in [0, 1).
    """
    if not error.retryable or run.attempt > min(job.ask.retries, ASK_AGAIN_MOST):
        return Ending(state=RunState.FAILED, at=now, error=error.detail)
    # Full jitter may be next to nothing; a source that is away deserves half the bound.
    wait_s = _ASK_AGAIN.wait_s(run.attempt, 0.5 + chance / 2)
    return Ending(
        state=RunState.QUEUED,
        at=now,
        error=error.detail,
        not_before=now + timedelta(seconds=wait_s),
    )


def parcel_of(run: Run, job: Job) -> Parcel | None:
    """Return what a succeeded run puts into the outbox; None without a destination."""
    if job.ask.deliver_to is None:
        return None
    return Parcel(
        run_id=run.id,
        job_id=job.id,
        key=idempotency_key(job.id, run.scheduled_for, run.kind.value),
        url=job.ask.deliver_to,
        scheduled_for=run.scheduled_for,
        retries=job.ask.retries,
    )
