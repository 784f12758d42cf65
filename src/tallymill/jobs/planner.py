"""What is to be done about a job at a moment. Pure: job, schedule and now in, plan out.

Always reckoned from the last due time that was planned, never by matching ticks: a
clock that jumps back plans nothing twice, one that jumps forward plans by `misfire`.
Due times that are late by at most `GRACE_S` are simply run; anything older is a
misfire, and then `misfire` decides about all of them.
"""

import hashlib
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice

import msgspec

from tallymill.jobs.model import Ask, Dst, Job, Run, RunKind, RunState
from tallymill.jobs.ports import Plan
from tallymill.jobs.schedule import Schedule, parse_schedule
from tallymill.kernel.ids import new_id

#: Twice the planner's longest sleep: a start, a slow disk or a busy moment is no outage.
GRACE_S = 60.0
#: With `misfire = "all"`, so many are planned at once; the rest when these are done.
ALL_AT_ONCE = 500
#: The longest queue of a job; what comes due beyond it is `skipped_overlap`.
QUEUE_MOST = 1000

_MICROSECOND = timedelta(microseconds=1)
_GRACE = timedelta(seconds=GRACE_S)
_LOOK_AGAIN = timedelta(seconds=5)


class DueSpan(msgspec.Struct, frozen=True, kw_only=True):
    """The due times that are to be decided about."""

    first: datetime
    latest: datetime
    count: int


def schedule_of(ask: Ask) -> Schedule:
    """Return the schedule of a job that was checked before."""
    return _parsed(ask.schedule, ask.timezone, ask.dst)


def placed(job: Job, schedule: Schedule) -> Job:
    """Return the job with its next due time reckoned anew from its last."""
    nominal = schedule.next_after(job.last_nominal)
    next_run = None
    if nominal is not None and not job.paused:
        next_run = _with_jitter(job, schedule, nominal)
    return msgspec.structs.replace(job, next_nominal=nominal, next_run=next_run)


def plan(job: Job, schedule: Schedule, *, now: datetime, active: int) -> Plan:
    """Return what a job's schedule asks for at a moment.

    Args:
        job: Not paused.
        schedule: Of this job.
        now: Aware; nothing is planned before its time by this clock.
        active: How many of its due runs are queued or running.
    """
    span = due_span(job, schedule, now)
    if span is None:
        return _resting(job, schedule, job.last_nominal)
    if job.ask.misfire == "all" or _is_fresh(job, schedule, span.first, now):
        return _plan_each(job, schedule, span, now=now, active=active)
    return _plan_latest(job, schedule, span, now=now)


def due_span(job: Job, schedule: Schedule, now: datetime) -> DueSpan | None:
    """Return the due times after the last planned one whose moment has come."""
    first = schedule.next_after(job.last_nominal)
    if first is None or _with_jitter(job, schedule, first) > now:
        return None
    latest = schedule.latest_at_or_before(now)
    if latest is not None and _with_jitter(job, schedule, latest) > now:
        latest = schedule.latest_at_or_before(latest - _MICROSECOND)
    if latest is None or latest < first:
        return None
    count = schedule.count_between(first, latest + _MICROSECOND)
    return DueSpan(first=first, latest=latest, count=count)


def jitter_share(job_id: str) -> float:
    """Return a job's share of its jitter: in [0, 1), the same always and everywhere."""
    digest = hashlib.blake2b(job_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def passed_over(
    job: Job, span: DueSpan, state: RunState, *, now: datetime, reason: str
) -> Run:
    """Return the one row of the history for due times that do not run."""
    return Run(
        id=new_id(),
        job_id=job.id,
        kind=RunKind.MISSED,
        scheduled_for=span.first,
        until=span.latest,
        count=span.count,
        state=state,
        reason=reason,
        created_at=now,
        finished_at=now,
    )


def _plan_each(
    job: Job, schedule: Schedule, span: DueSpan, *, now: datetime, active: int
) -> Plan:
    if span.count > 1 and active >= ALL_AT_ONCE and job.ask.misfire == "all":
        return Plan(
            last_nominal=job.last_nominal,
            next_nominal=span.first,
            next_run=now + _LOOK_AGAIN,
        )
    times = list(
        islice(schedule.between(span.first, span.latest + _MICROSECOND), ALL_AT_ONCE)
    )
    # What is active of late due times is they themselves, or was cut off with them.
    fresh = _is_fresh(job, schedule, span.first, now)
    runs = tuple(
        _due_run(
            job,
            schedule,
            nominal,
            now=now,
            active=active if fresh else 0,
            before=number if fresh else 0,
        )
        for number, nominal in enumerate(times)
    )
    return _resting(job, schedule, times[-1], runs)


def _plan_latest(job: Job, schedule: Schedule, span: DueSpan, *, now: datetime) -> Plan:
    latest, skip = span.latest, job.ask.misfire == "skip"
    if skip and not _is_fresh(job, schedule, latest, now):
        return _resting(job, schedule, latest, (_skipped(job, span, now=now),))
    # Whatever is active was cut off by the same outage: it does not count.
    run = _due_run(job, schedule, latest, now=now, active=0)
    earlier = _all_but_latest(schedule, span)
    if earlier is None:
        return _resting(job, schedule, latest, (run,))
    if skip:
        return _resting(job, schedule, latest, (_skipped(job, earlier, now=now), run))
    merged = passed_over(
        job,
        earlier,
        RunState.MERGED,
        now=now,
        reason=f"Nothing ran when due; the run for {latest.isoformat()} stands for it.",
    )
    return _resting(job, schedule, latest, (merged, run))


def _all_but_latest(schedule: Schedule, span: DueSpan) -> DueSpan | None:
    before = schedule.latest_at_or_before(span.latest - _MICROSECOND)
    if span.count <= 1 or before is None:
        return None
    return DueSpan(first=span.first, latest=before, count=span.count - 1)


def _skipped(job: Job, span: DueSpan, *, now: datetime) -> Run:
    reason = 'Nothing ran when due, and misfire is "skip".'
    return passed_over(job, span, RunState.SKIPPED_MISFIRE, now=now, reason=reason)


def _due_run(
    job: Job,
    schedule: Schedule,
    nominal: datetime,
    *,
    now: datetime,
    active: int,
    before: int = 0,
) -> Run:
    """Return the run of a due time, `before` others of the same pass being queued."""
    state, reason = _birth(job, active, before)
    if state is RunState.QUEUED and not _is_fresh(job, schedule, nominal, now):
        reason = "Late: nothing ran when it was due."
    return Run(
        id=new_id(),
        job_id=job.id,
        kind=RunKind.DUE,
        scheduled_for=nominal,
        state=state,
        reason=reason,
        serial=job.ask.overlap != "allow",
        created_at=now,
        finished_at=None if state is RunState.QUEUED else now,
    )


def _birth(job: Job, active: int, before: int) -> tuple[RunState, str | None]:
    if (waiting := active + before) >= QUEUE_MOST:
        return RunState.SKIPPED_OVERLAP, f"{waiting} runs of this job were waiting."
    if job.ask.overlap != "skip":
        return RunState.QUEUED, None
    if active:
        return RunState.SKIPPED_OVERLAP, "The run before was still going on."
    # Those of one pass wait for each other under "all": each due time shall run.
    if before and job.ask.misfire != "all":
        reason = "Several were due at once: the first of them runs."
        return RunState.SKIPPED_OVERLAP, reason
    return RunState.QUEUED, None


def _resting(
    job: Job, schedule: Schedule, last: datetime, runs: tuple[Run, ...] = ()
) -> Plan:
    moved = placed(msgspec.structs.replace(job, last_nominal=last), schedule)
    return Plan(
        runs=runs,
        last_nominal=moved.last_nominal,
        next_nominal=moved.next_nominal,
        next_run=moved.next_run,
    )


def _is_fresh(job: Job, schedule: Schedule, nominal: datetime, now: datetime) -> bool:
    return _with_jitter(job, schedule, nominal) >= now - _GRACE


def _with_jitter(job: Job, schedule: Schedule, nominal: datetime) -> datetime:
    """Return when a due time is to run: at it or later, before the next due time."""
    if not job.ask.jitter_s:
        return nominal
    window_s = job.ask.jitter_s
    following = schedule.next_after(nominal)
    if following is not None:
        window_s = min(window_s, (following - nominal).total_seconds())
    return nominal + timedelta(seconds=window_s * jitter_share(job.id))


@lru_cache(maxsize=10_000)
def _parsed(text: str, timezone: str, dst: Dst) -> Schedule:
    return parse_schedule(text, timezone=timezone, dst=dst)
