"""Jobs and their runs as values. What is allowed is `check.py`'s and `states.py`'s."""

from datetime import date, datetime
from enum import Enum
from typing import Literal

import msgspec

from tallymill.delivery.model import DeliveryState

Origin = Literal["file", "code", "api"]
Dst = Literal["vixie", "skip", "literal"]
Misfire = Literal["latest", "all", "skip"]
Overlap = Literal["skip", "queue", "allow"]
PeriodKind = Literal["hour", "day", "week", "month"]
AsOf = date | datetime | str


class JobDefinition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A job as someone wrote it; each field may be left out, `check.py` fills in.

    `cron_string` and `schedule` are the same setting under two names; one is needed.
    """

    name: str | None = None  #: the job's id; chosen if left out
    cron_string: str | None = None  #: 5 or 6 fields, or "@daily" and its kin
    schedule: str | None = (
        None  #: any form: cron, "every 15 minutes", "each day at 1PM"
    )
    timezone: str | None = None  #: IANA name; the setting `timezone` if left out
    dst: Dst = "vixie"
    source: str | None = None  #: a named source; needs `query`
    query: str | None = None  #: SQL with :start, :end, :now
    statistic: str | None = None  #: in place of source and query
    period: PeriodKind | None = None  #: what :start and :end enclose
    deliver_to: str | None = None  #: http or https URL
    as_of: AsOf | None = None  #: pretend that this is now; a date is its first instant
    paused: bool = False
    misfire: Misfire = "latest"
    overlap: Overlap = "skip"
    timeout: float | str = 60.0  #: seconds, or "2 minutes"; of one run's question
    retries: int = 16  #: of the delivery; a question whose source is away: at most 3
    jitter: float | str = (
        0.0  #: seconds, or "30 seconds"; a run starts up to so much late
    )


class Ask(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a job asks, where the answer goes, and how; checked and complete."""

    cron_string: str | None = None  #: None if the schedule is no cron
    schedule: str  #: as written
    timezone: str  #: IANA name
    dst: Dst = "vixie"
    source: str | None = None
    query: str | None = None
    statistic: str | None = None
    function: str | None = None  #: of a job in Python: where it is, for people
    period: PeriodKind | None = None
    deliver_to: str | None = None
    as_of: str | None = None  #: ISO 8601: a date, or a time with or without offset
    misfire: Misfire = "latest"
    overlap: Overlap = "skip"
    timeout_s: float = 60.0
    retries: int = 16
    jitter_s: float = 0.0


class RunKind(Enum):
    """Why there is a run."""

    DUE = "due"  # its schedule said so
    NOW = "now"  # someone asked for it
    BACKFILL = "backfill"  # a due time of the past, asked for
    MISSED = "missed"  # no run: `count` due times that were passed over


class RunState(Enum):
    """Where a run stands; the moves between them are in `states.py`."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = (
        "cancelled"  # its job was deleted before it began, or while it was cut off
    )
    SKIPPED_OVERLAP = "skipped_overlap"  # the last one was still going on
    SKIPPED_MISFIRE = "skipped_misfire"  # nothing ran when it was due: misfire = skip
    SKIPPED_PAUSED = "skipped_paused"  # the job was paused when it was due
    MERGED = "merged"  # nothing ran when it was due: one run stood in for it


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job with its place in time."""

    id: str
    origin: Origin
    ask: Ask
    paused: bool
    version: int  #: grows by one at each change; guards against lost edits
    created_at: datetime  #: aware, UTC, as are all below
    updated_at: datetime
    last_nominal: datetime  #: planned up to here, included; at first its creation
    next_nominal: datetime | None  #: the next due time; None when there is none
    next_run: datetime | None  #: with jitter; None if paused or over
    last_run: datetime | None = None  #: when a run of it last started
    last_outcome: RunState | None = None  #: of the run that ended last
    last_delivery: DeliveryState | None = None  #: of the delivery that changed last


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One occurrence of a job, or a range of those that did not run."""

    id: str
    job_id: str
    kind: RunKind
    scheduled_for: datetime  #: the due time; aware, UTC; of a range: its first
    until: datetime | None = None  #: of a range: its last due time, included
    count: int = 1  #: of a range: how many due times
    as_of: datetime | None = (
        None  #: what "now" is for it; None: the job's, or its due time
    )
    state: RunState = RunState.QUEUED
    reason: str | None = None  #: why it was late, skipped or merged; a sentence
    attempt: int = 0  #: how often it was begun
    serial: bool = False  #: waits until no other serial run of its job goes on
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    result: bytes | None = None  #: JSON
    error: str | None = None  #: why it failed, a sentence

    @property
    def priority(self) -> int:
        """Return 0 for what is wanted now, 1 for the past; the lower goes first."""
        return 1 if self.kind is RunKind.BACKFILL else 0


class RunPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some runs, newest first."""

    runs: tuple[Run, ...]
    next_before: int | None  #: ask for what comes before this; None at the end


class JobPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some jobs, oldest first."""

    jobs: tuple[Job, ...]
    total: int  #: how many there are in all
