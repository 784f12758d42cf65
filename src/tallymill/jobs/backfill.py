"""Running a job for due times of the past: once each, however often it is asked for."""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice

import msgspec

from tallymill.jobs.model import AsOf, Job, Run, RunKind
from tallymill.jobs.period import resolve_as_of
from tallymill.jobs.planner import schedule_of
from tallymill.jobs.ports import Counts, JobStore, RunHistory, RunStore
from tallymill.kernel.clock import Clock
from tallymill.kernel.errors import Fault, Invalid, NotFound
from tallymill.kernel.ids import new_id

#: The most due times of one backfill.
BACKFILL_MOST = 100_000
_CHUNK = 1000


class Backfill(msgspec.Struct, frozen=True, kw_only=True):
    """What a backfill comes to; `counts` and `progress` say how far it is."""

    job_id: str
    start: datetime  #: aware, in the job's zone; included
    end: datetime  #: not included; at most now
    due: int  #: due times in [start, end)
    new: int  #: queued now (or would be, by a dry run)
    already: int  #: had their backfill run before
    first: datetime | None  #: the first new due time
    last: datetime | None  #: the last new one


class Backfills:
    """Plans backfills and tells how far they are."""

    def __init__(
        self,
        *,
        jobs: JobStore,
        queue: RunStore,
        history: RunHistory,
        clock: Clock,
        runs_wait: Callable[[], None],
    ) -> None:
        """Make the service.

        Args:
            jobs: Where jobs are kept.
            queue: Takes runs to be carried out, after whatever is due live.
            history: Of all runs.
            clock: Whose time is meant.
            runs_wait: Called when runs were queued.
        """
        self._jobs = jobs
        self._queue = queue
        self._history = history
        self._clock = clock
        self._runs_wait = runs_wait

    async def plan(
        self, job_id: str, start: AsOf, end: AsOf, *, dry_run: bool = False
    ) -> Backfill:
        """Queue a run for every due time in [start, end) that has none of its kind.

        For each run "now" is its due time, whatever the job's `as_of`.

        Args:
            job_id: Which job; may be paused.
            start: A date, which is its first moment in the job's zone, or a time.
            end: Likewise; due times after now are left out.
            dry_run: Only count.

        Raises:
            NotFound: There is no such job.
            Invalid: No date or time, `end` before `start`, or over `BACKFILL_MOST`.
        """
        job = await self._job(job_id)
        first, last = _range(job, start, end, self._clock.now())
        known = await self._history.known_times(job_id, first, last)
        schedule = schedule_of(job.ask)
        if (due := schedule.count_between(first, last)) > BACKFILL_MOST:
            raise _refused(
                "/to",
                f"makes {due:,} runs, and {BACKFILL_MOST:,} are the most at once: do it in parts",
            )
        new = [at for at in schedule.between(first, last) if at not in known]
        if not dry_run:
            await self._enqueue(job_id, new)
        return Backfill(
            job_id=job_id,
            start=first,
            end=last,
            due=due,
            new=len(new),
            already=due - len(new),
            first=new[0] if new else None,
            last=new[-1] if new else None,
        )

    async def progress(self, backfill: Backfill) -> Counts:
        """Count what has become of all backfill runs in the range."""
        return await self._history.counts(backfill.job_id, backfill.start, backfill.end)

    async def _enqueue(self, job_id: str, times: list[datetime]) -> None:
        now = self._clock.now()
        waiting = iter(times)
        while chunk := list(_runs(job_id, islice(waiting, _CHUNK), now)):
            await self._queue.enqueue(chunk)
            self._runs_wait()

    async def _job(self, job_id: str) -> Job:
        job = await self._jobs.get(job_id)
        if job is None:
            raise NotFound(f"There is no job {job_id[:100]!r}.")
        return job


def _runs(job_id: str, times: Iterator[datetime], now: datetime) -> Iterator[Run]:
    for at in times:
        yield Run(
            id=new_id(),
            job_id=job_id,
            kind=RunKind.BACKFILL,
            scheduled_for=at,
            as_of=at,
            created_at=now,
        )


def _range(
    job: Job, start: AsOf, end: AsOf, now: datetime
) -> tuple[datetime, datetime]:
    first = _resolved("/from", start, job.ask.timezone)
    last = min(_resolved("/to", end, job.ask.timezone), now)
    if first >= last:
        raise _refused("/to", "must be after from, and from in the past")
    return first, last.astimezone(first.tzinfo)


def _resolved(pointer: str, value: AsOf, timezone: str) -> datetime:
    try:
        return resolve_as_of(value, timezone)
    except Invalid as exc:
        raise _refused(pointer, exc.faults[0].detail) from exc


def _refused(pointer: str, detail: str) -> Invalid:
    fault = Fault(pointer, detail)
    return Invalid(f"{pointer[1:]} {detail}.", faults=[fault])
