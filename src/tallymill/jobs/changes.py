"""What a change of a job comes to: its new version, and what becomes of the past. Pure."""

from datetime import datetime

import msgspec

from tallymill.jobs.model import Job, Run, RunState
from tallymill.jobs.planner import (
    DueSpan,
    due_span,
    passed_over,
    placed,
    plan,
    schedule_of,
)
from tallymill.jobs.ports import Change


def changed(stored: Job, wanted: Job, now: datetime) -> Change:
    """Return the change that gives a stored job a new definition.

    A new schedule counts from now on; what the old one still owed is planned at once, so
    that an edit neither loses a due time nor makes one up. Under the same schedule the
    next due time is reckoned anew from the last.
    """
    if _is_same(stored, wanted):
        return Change(job=stored)
    last = stored.last_nominal
    runs: tuple[Run, ...] = ()
    is_moved = schedule_of(stored.ask) != schedule_of(wanted.ask)
    if is_moved or stored.paused != wanted.paused:
        last, runs = _settled(stored, now)
    job = msgspec.structs.replace(
        stored,
        ask=wanted.ask,
        origin=wanted.origin,
        paused=wanted.paused,
        version=stored.version + 1,
        updated_at=now,
        last_nominal=last,
    )
    return Change(job=placed(job, schedule_of(job.ask)), runs=runs)


def paused_or_resumed(stored: Job, now: datetime, *, paused: bool) -> Change:
    """Return the change that pauses or resumes a job; none if it is so already."""
    return changed(stored, msgspec.structs.replace(stored, paused=paused), now)


def fitted(stored: Job, written: Job, now: datetime) -> Change | None:
    """Return the change that fits a stored job to the project's files; None: none.

    What was paused by hand stays so: a file that says nothing does not resume.
    """
    paused = stored.paused or written.paused
    wanted = msgspec.structs.replace(written, paused=paused)
    return None if _is_same(stored, wanted) else changed(stored, wanted, now)


def _is_same(stored: Job, wanted: Job) -> bool:
    return (stored.ask, stored.paused, stored.origin) == (
        wanted.ask,
        wanted.paused,
        wanted.origin,
    )


def _settled(stored: Job, now: datetime) -> tuple[datetime, tuple[Run, ...]]:
    """Return `now` and the rows for all due times up to it."""
    # Without jitter: a due time whose moment is put off would be lost.
    ask = msgspec.structs.replace(stored.ask, jitter_s=0.0)
    job = msgspec.structs.replace(stored, ask=ask)
    schedule = schedule_of(ask)
    last = max(stored.last_nominal, now)
    if stored.paused:
        span = due_span(job, schedule, now)
        return last, () if span is None else (_while_paused(job, span, now),)
    planned = plan(job, schedule, now=now, active=0)
    rest = msgspec.structs.replace(job, last_nominal=planned.last_nominal)
    span = due_span(rest, schedule, now)
    if span is None:
        return last, planned.runs
    reason = "More were missed than run at once, and then the job was changed."
    left = passed_over(job, span, RunState.SKIPPED_MISFIRE, now=now, reason=reason)
    return last, (*planned.runs, left)


def _while_paused(job: Job, span: DueSpan, now: datetime) -> Run:
    reason = "The job was paused when due."
    return passed_over(job, span, RunState.SKIPPED_PAUSED, now=now, reason=reason)
