"""The stretch of time that a job's question is about, and what `as_of` means.

All boundaries are those of the wall clock in the job's zone, so that a day may last
23, 24 or 25 hours. They are found by the schedule engine: the last complete day ends
at the latest midnight.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal

from tallymill.jobs.schedule import Schedule, parse_cron, timeline_of
from tallymill.jobs.schedule.zones import FIRST_S, LAST_S, Timeline, seconds_of
from tallymill.kernel.errors import Fault, Invalid

PeriodKind = Literal["hour", "day", "week", "month"]

_SECOND = timedelta(seconds=1)
# `fromisoformat` takes any character, NUL included, for the T.
_MOMENT = re.compile(r"[0-9W-]+[T ][0-9:.,]+(Z|[+-][0-9:.]+)?")

# Under "vixie" a midnight that the clocks skip is made good at the date's first moment,
# and one that they repeat counts once: exactly what the beginning of a date means.
_BEGINNINGS: dict[PeriodKind, str] = {
    "hour": "0 * * * *",
    "day": "0 0 * * *",
    "week": "0 0 * * 1",
    "month": "0 0 1 * *",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A half-open stretch of time; aware, with the offsets of the job's zone."""

    start: datetime  #: first moment
    end: datetime  #: first moment that is no longer of it


def last_complete_period(kind: PeriodKind, now: datetime, timezone: str) -> Period:
    """Return the last period that had ended at `now`; one that ends at it has ended.

    Args:
        kind: "hour" (of the wall clock), "day", "week" (ISO, from Monday) or "month".
        now: Aware.
        timezone: IANA name of the job's zone.

    Raises:
        Invalid: No such zone or kind, or `now` is at the beginning of the calendar.
    """
    beginnings = _beginnings(kind, timezone)
    end = beginnings.latest_at_or_before(now)
    start = end and beginnings.latest_at_or_before(end - _SECOND)
    if start is None or end is None:
        raise _refusal("/as_of", f"no {kind} is complete at {now.isoformat()}")
    return Period(start=start, end=end)


def resolve_as_of(value: date | datetime | str, timezone: str) -> datetime:
    """Return the moment that a job shall take for now; aware, with its zone's offset.

    Args:
        value: A date, which is its first moment in the zone; a datetime, in the zone
            unless it has an offset of its own; or either of them in ISO 8601.
        timezone: IANA name of the job's zone.

    Raises:
        Invalid: Not a date or moment, or one without a date in some zone, or no such
            zone.
    """
    if isinstance(value, str):
        value = _parsed(value)
    if not isinstance(value, datetime):
        value = datetime.combine(value, time())
    timeline = timeline_of(timezone)
    try:
        moment = _moment(value, timeline)
    except (ValueError, OverflowError) as exc:
        raise _off_the_calendar(value) from exc
    if not FIRST_S <= seconds_of(moment) < LAST_S:
        raise _off_the_calendar(value)
    return moment


def _moment(value: datetime, timeline: Timeline) -> datetime:
    if value.tzinfo is None:
        return timeline.moment_of(value)
    part = timedelta(microseconds=value.microsecond)
    return timeline.moment(seconds_of(value)) + part


def _off_the_calendar(value: datetime) -> Invalid:
    detail = f"is {value.isoformat()}: write a moment from 0001-01-03 to 9999-12-29"
    return _refusal("/as_of", detail)


@lru_cache(maxsize=1024)
def _beginnings(kind: PeriodKind, timezone: str) -> Schedule:
    cron = _BEGINNINGS.get(kind)
    if cron is None:
        raise _refusal("/period", f"is {kind!r}: known are {', '.join(_BEGINNINGS)}")
    return parse_cron(cron, timezone=timezone)


def _parsed(text: str) -> date | datetime:
    written = text.strip().upper()
    try:
        if _MOMENT.fullmatch(written):
            return datetime.fromisoformat(written)
        return date.fromisoformat(written)
    except ValueError as exc:
        detail = f"is {text[:40]!r}: write a date (2022-12-22) or a moment in ISO 8601"
        raise _refusal("/as_of", detail) from exc


def _refusal(pointer: str, detail: str) -> Invalid:
    return Invalid(f"{pointer[1:]} {detail}", faults=[Fault(pointer, detail)])
