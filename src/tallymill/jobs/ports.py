"""What the jobs need from outside: stores, sources, statistics.

Implemented in `store/jobs.py`, `store/runs.py`, `store/run_history.py` and `sources/`.
All but `Sources` have a suite in `tests/contract/` (`RunHistory` in the runs'); what
`SqlSources` promises is tested on real databases in `tests/integration/`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from tallymill.delivery.model import Parcel
from tallymill.jobs.model import Job, JobPage, Origin, Run, RunPage, RunState


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What planning one job comes to: rows to insert, and the job's new place in time."""

    runs: tuple[Run, ...] = ()
    last_nominal: datetime
    next_nominal: datetime | None
    next_run: datetime | None


#: Decides about a job; `active` is how many of its due runs are queued or running.
#: It may be called twice for one job, so it must be a pure function.
Decide = Callable[[Job, int], Plan]


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """What one pass of the planner did."""

    jobs: int  #: how many were due
    runs: tuple[Run, ...]  #: inserted now, whatever their state
    next_run: datetime | None  #: the least of all jobs; None when nothing will come due


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A new version of a job, with the rows that the change itself brings."""

    job: Job  #: its `version` is that of the stored one plus one
    runs: tuple[Run, ...] = ()


class JobStore(Protocol):
    """Durable jobs, and the transaction that plans them."""

    async def add(self, job: Job) -> bool:
        """Store a new job; durable when this returns.

        Returns:
            False, and nothing is stored, if there is one with this id.

        Raises:
            Overloaded: Too much waits for the disk already; nothing was stored.
        """
        ...

    async def get(self, job_id: str) -> Job | None:
        """Return a job, or None."""
        ...

    async def page(self, *, skip: int, limit: int) -> JobPage:
        """Return jobs in the order of their creation, and how many there are."""
        ...

    async def of_origin(self, origins: Collection[Origin]) -> tuple[Job, ...]:
        """Return all jobs that come from there, oldest first."""
        ...

    async def change(self, change: Change) -> bool:
        """Put a new version in place of the one before, with its rows; atomic.

        Returns:
            False, and nothing is stored, if the stored version is not the one before
            (somebody else changed, planned or removed it): read again and redo.
        """
        ...

    async def remove(self, job_id: str, now: datetime) -> bool:
        """Delete a job and cancel what is queued of it; history stays. False: none."""
        ...

    async def plan_due(self, now: datetime, decide: Decide, limit: int) -> Planned:
        """Decide about jobs whose `next_run` is at most `now`, earliest first.

        One transaction for each pass: the rows of a plan and the job's place in time
        are stored together. A row whose (job, scheduled_for, kind) exists is not stored
        again. Any number of planners may call at once: each due time is planned once.
        """
        ...


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How far a backfill has come, counted over one job and a range of due times."""

    queued: int = 0  #: waiting or running
    done: int = 0  #: succeeded
    failed: int = 0
    undelivered: int = 0  #: done, and its delivery was given up
    delivered: int = 0
    to_deliver: int = 0  #: done, and its delivery is waiting


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """A run handed to one runner, with its job as it is now."""

    run: Run
    job: Job
    fence: int  #: grows with each hand-over; an older one may not finish


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How one attempt at a run ended."""

    state: RunState  #: SUCCEEDED, FAILED, or QUEUED to be tried again
    at: datetime
    result: bytes | None = None  #: JSON, if succeeded
    error: str | None = None  #: a sentence, if not
    parcel: Parcel | None = None  #: to put into the outbox
    not_before: datetime | None = None  #: of the next attempt, if queued


class RunStore(Protocol):
    """Durable runs: the queue that runners take from, and the history."""

    async def enqueue(self, runs: Sequence[Run]) -> int:
        """Insert runs; those whose (job, scheduled_for, kind) exists are left out.

        Returns:
            How many were inserted.
        """
        ...

    async def claim(
        self,
        holder: str,
        *,
        now: datetime,
        lease_until: datetime,
        live: int,
        backfill: int,
    ) -> tuple[Claimed, ...]:
        """Hand over runs that may begin: at most `live` and `backfill` of each sort.

        Queued runs in the order of their insertion, and running ones whose lease is
        over (their attempt was cut off). A serial run is handed over only when no other
        serial one of its job is running. Each run goes to one holder; its attempt and
        fence grow by one. Runs whose job is gone are cancelled.
        """
        ...

    async def beat(
        self, holder: str, run_ids: Collection[str], lease_until: datetime
    ) -> frozenset[str]:
        """Prolong the leases of those of these runs that a holder has; return their ids.

        What it has and does not name is left to its lease.
        """
        ...

    async def release(self, holder: str, now: datetime) -> int:
        """End the leases of all other holders; for the only process there is."""
        ...

    async def finish(self, run_id: str, fence: int, ending: Ending) -> bool:
        """Store outcome, result and delivery in one transaction.

        Returns:
            False, and nothing is stored, if another holder has the run by now.
        """
        ...


class RunHistory(Protocol):
    """What has run; for reading only."""

    async def get(self, run_id: str) -> Run | None:
        """Return a run, or None."""
        ...

    async def of_job(
        self, job_id: str, *, limit: int, before: int | None = None
    ) -> RunPage:
        """Return a job's runs, the last inserted first.

        At most `limit`, and fewer where the results are large; `next_before` says
        whether there are more.
        """
        ...

    async def known_times(
        self, job_id: str, start: datetime, end: datetime
    ) -> frozenset[datetime]:
        """Return the due times in [start, end) that have a run of kind backfill."""
        ...

    async def counts(self, job_id: str, start: datetime, end: datetime) -> Counts:
        """Count a job's runs of kind backfill with due times in [start, end)."""
        ...


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """SQL and what to bind to it."""

    source: str
    sql: str
    timezone: str  #: in whose local time a source without zones is asked
    timeout_s: float
    parameters: Mapping[str, object]  #: by name, without the colon; datetimes are aware


Row = Mapping[str, object]


class Sources(Protocol):
    """The named databases that may be asked; never written."""

    def names(self) -> Collection[str]:
        """Return the names of all sources."""
        ...

    async def ask(self, question: Question) -> tuple[Row, ...]:
        """Return the rows of a query, in the order and with the columns it gave.

        Raises:
            NotFound: There is no such source.
            QueryFailed: The source refused it, it took too long, or it said too much.
            Unavailable: The source cannot be reached, or is still busy with others.
        """
        ...


class StatisticValues(Protocol):
    """The current values of the statistics."""

    def names(self) -> Collection[str]:
        """Return the names of all statistics."""
        ...

    async def value_of(self, name: str) -> object:
        """Return a value that JSON can hold.

        Raises:
            NotFound: There is no such statistic.
        """
        ...
