"""The runs as the web and the command line use them: history, run now, send again."""

from collections.abc import Callable
from datetime import timedelta

import msgspec

from tallymill.delivery.model import Attempt, Delivery, DeliveryRecord
from tallymill.delivery.ports import Outbox
from tallymill.jobs.model import AsOf, Job, Run, RunKind
from tallymill.jobs.period import resolve_as_of
from tallymill.jobs.ports import JobStore, RunHistory, RunStore
from tallymill.kernel.clock import Clock
from tallymill.kernel.errors import Fault, Invalid, NotAllowed, NotFound
from tallymill.kernel.ids import new_id

#: The most runs in one page.
PAGE_MOST = 1000


class Wakes(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to tell that something waits for them."""

    runs_wait: Callable[[], None]  #: the runner's `wake`
    parcels_wait: Callable[[], None]  #: the courier's `wake`


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A run with its delivery, if it has one, and each attempt at it."""

    run: Run
    timezone: str  #: IANA name: the job's own; "UTC" if the job is gone
    delivery: Delivery | None
    attempts: tuple[Attempt, ...]  #: oldest first


class RunRecords(msgspec.Struct, frozen=True, kw_only=True):
    """Some runs of a job, newest first."""

    records: tuple[RunRecord, ...]
    next_before: int | None  #: ask for what comes before this; None at the end


class Runs:
    """All that can be done with runs, but for backfills."""

    def __init__(
        self,
        *,
        jobs: JobStore,
        queue: RunStore,
        history: RunHistory,
        outbox: Outbox,
        clock: Clock,
        wakes: Wakes,
    ) -> None:
        """Make the service.

        Args:
            jobs: Where jobs are kept.
            queue: Takes runs to be carried out.
            history: Of all runs.
            outbox: Of all deliveries.
            clock: Whose time is meant.
            wakes: Who is told.
        """
        self._jobs = jobs
        self._queue = queue
        self._history = history
        self._outbox = outbox
        self._clock = clock
        self._wakes = wakes

    async def run_now(self, job_id: str, as_of: AsOf | None = None) -> Run:
        """Queue a run of a job at once, paused or not; returns it as queued.

        Args:
            job_id: Which job.
            as_of: What "now" is for it; the job's own `as_of`, else now, if left out.

        Raises:
            NotFound: There is no such job.
            Invalid: `as_of` is no date and no time.
        """
        job = await self._jobs.get(job_id)
        if job is None:
            raise NotFound(f"There is no job {job_id[:100]!r}.")
        now = self._clock.now()
        moment = None if as_of is None else resolve_as_of(as_of, job.ask.timezone)
        at = now
        while True:
            run = Run(
                id=new_id(),
                job_id=job_id,
                kind=RunKind.NOW,
                scheduled_for=at,
                as_of=moment,
                reason="Asked for by hand.",
                created_at=now,
            )
            if await self._queue.enqueue([run]):
                break
            at += timedelta(microseconds=1)
        self._wakes.runs_wait()
        return run

    async def get(self, run_id: str) -> RunRecord:
        """Return a run with its delivery.

        Raises:
            NotFound: There is none with this id.
        """
        run = await self._history.get(run_id)
        if run is None:
            raise NotFound(f"There is no run {run_id[:100]!r}.")
        job = await self._jobs.get(run.job_id)
        return (await self._records(job, (run,)))[0]

    async def of_job(
        self, job_id: str, *, limit: int = 100, before: int | None = None
    ) -> RunRecords:
        """Return a job's runs with their deliveries, newest first; deleted or not.

        Raises:
            NotFound: There is no such job, and no run of one.
            Invalid: `limit` is not in 1 to `PAGE_MOST`.
        """
        if not 1 <= limit <= PAGE_MOST:
            fault = Fault("/limit", f"must be from 1 to {PAGE_MOST}")
            raise Invalid(f"limit {fault.detail}.", faults=[fault])
        job = await self._jobs.get(job_id)
        page = await self._history.of_job(job_id, limit=limit, before=before)
        if job is None and not (page.runs or await self._was(job_id)):
            raise NotFound(f"There is no job {job_id[:100]!r}.")
        return RunRecords(
            records=await self._records(job, page.runs), next_before=page.next_before
        )

    async def redeliver(self, run_id: str) -> RunRecord:
        """Send a run's result again, with the same key and all retries anew.

        Raises:
            NotFound: There is no such run.
            NotAllowed: It has no delivery.
        """
        if not await self._outbox.redeliver(run_id, self._clock.now()):
            await self.get(run_id)
            raise NotAllowed(
                f"The run {run_id!r} has nothing to deliver: it has not succeeded, or "
                "its job has no deliver_to."
            )
        self._wakes.parcels_wait()
        return await self.get(run_id)

    async def _was(self, job_id: str) -> bool:
        """Whether there ever was a run of a job."""
        return bool((await self._history.of_job(job_id, limit=1)).runs)

    async def _records(
        self, job: Job | None, runs: tuple[Run, ...]
    ) -> tuple[RunRecord, ...]:
        timezone = "UTC" if job is None else job.ask.timezone
        known = await self._outbox.history([run.id for run in runs])
        return tuple(_record(run, timezone, known.get(run.id)) for run in runs)


def _record(run: Run, timezone: str, sent: DeliveryRecord | None) -> RunRecord:
    return RunRecord(
        run=run,
        timezone=timezone,
        delivery=sent.delivery if sent else None,
        attempts=sent.attempts if sent else (),
    )
