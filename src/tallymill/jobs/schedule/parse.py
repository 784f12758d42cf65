"""From what a user wrote to a `Schedule`: which form it is, in which zone, ever due."""

import dataclasses
import difflib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from tallymill.jobs.schedule.calendar import MONDAY_ORDINAL, DayRule
from tallymill.jobs.schedule.cron import LONGEST_TEXT, CronFields, parse_fields
from tallymill.jobs.schedule.engine import CronTimes, Dst, EveryTimes, GivenTimes
from tallymill.jobs.schedule.model import Schedule
from tallymill.jobs.schedule.phrases import (
    EXAMPLES,
    AtPhrase,
    CronPhrase,
    EveryPhrase,
    parse_phrase,
)
from tallymill.jobs.schedule.words import describe_cron, describe_period
from tallymill.jobs.schedule.zones import (
    DAY_S,
    FIRST_S,
    LAST_S,
    Timeline,
    seconds_of,
    timeline_of,
    wall_of,
)
from tallymill.kernel.errors import Fault, Invalid

# A macro, two fields in figures, or a star: whoever writes these means cron.
_CRON_LIKE = re.compile(r"\s*@|\s*\d\S*\s+[\d*]|[^*]{0,1000}\*")
_PROBE_FROM_S = 1_704_067_200  # 2024-01-01; from there on the rules in force count
_POLICIES: tuple[Dst, ...] = get_args(Dst)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    text: str
    timezone: str
    dst: Dst
    pointer: str

    def refusal(self, detail: str) -> Invalid:
        """Return the error that says `detail` of the text."""
        shown = self.text if len(self.text) <= 80 else f"{self.text[:80]}…"
        fault = Fault(self.pointer, detail)
        return Invalid(f"the schedule {shown!r}: {detail}", faults=[fault])


def parse_schedule(
    text: str,
    *,
    timezone: str,
    dst: Dst = "vixie",
    now: datetime | None = None,
    pointer: str = "/schedule",
) -> Schedule:
    """Read a schedule in any form: cron, `every …`, `at …`, or plain words.

    Args:
        text: What the user wrote, at most 1,000 characters.
        timezone: IANA name of the zone in which its times are meant.
        dst: What happens when the clocks change.
        now: If given, an `at …` that is not after it is refused.
        pointer: Where `text` stands in the request, for the faults.

    Raises:
        Invalid: Not understood, or never due, or no such zone or policy; each fault
            has its place.
    """
    request = _Request(text=text, timezone=timezone, dst=dst, pointer=pointer)
    timeline = _checked_zone(request)
    if _CRON_LIKE.match(text):
        return _from_cron(request, parse_fields(text, pointer), timeline)
    if not text.strip() or len(text) > LONGEST_TEXT:
        raise request.refusal(f"write 1 to {LONGEST_TEXT} characters: {EXAMPLES}")
    try:
        phrase = parse_phrase(text)
    except ValueError as exc:
        raise request.refusal(str(exc)) from exc
    if isinstance(phrase, CronPhrase):
        return _from_words(request, phrase, timeline)
    if isinstance(phrase, EveryPhrase):
        return _from_period(request, phrase, timeline)
    return _from_moment(request, phrase, timeline, now)


def parse_cron(
    text: str,
    *,
    timezone: str,
    dst: Dst = "vixie",
    pointer: str = "/cron_string",
) -> Schedule:
    """Read a string that must be cron: 5 fields, 6 with the second first, or a macro.

    Raises:
        Invalid: A fault for each field that is wrong; or no such zone or policy.
    """
    request = _Request(text=text, timezone=timezone, dst=dst, pointer=pointer)
    return _from_cron(request, parse_fields(text, pointer), _checked_zone(request))


def _checked_zone(request: _Request) -> Timeline:
    if request.dst in _POLICIES:
        return timeline_of(request.timezone)
    near = difflib.get_close_matches(str(request.dst)[:40], _POLICIES, n=1, cutoff=0)
    fault = Fault(
        "/dst",
        f"is {request.dst!r}: known are {', '.join(_POLICIES)}; did you mean {near[0]}?",
    )
    raise Invalid(f"dst {fault.detail}", faults=[fault])


def _from_cron(request: _Request, fields: CronFields, timeline: Timeline) -> Schedule:
    times = CronTimes(fields, timeline, request.dst)
    if fields.may_hide_in_gap() and times.next_after(_PROBE_FROM_S) is None:
        raise request.refusal(
            f"can never come due: each of its times is skipped by the clocks of "
            f"{request.timezone}; choose another hour, or dst = 'vixie' and a fixed time"
        )
    return Schedule(
        text=request.text,
        cron_string=fields.text,
        timezone=request.timezone,
        dst=request.dst,
        kind="cron",
        times=times,
    )


def _from_words(request: _Request, phrase: CronPhrase, timeline: Timeline) -> Schedule:
    fields = parse_fields(phrase.cron, request.pointer)
    if not phrase.period_days:
        return _from_cron(request, fields, timeline)
    rule = DayRule(period=phrase.period_days)
    fields = dataclasses.replace(fields, days=rule)
    _, _, clock = describe_cron(phrase.cron).removesuffix(", every day").partition(" ")
    return Schedule(
        text=request.text,
        cron_string=None,
        timezone=request.timezone,
        dst=request.dst,
        kind="every",
        times=CronTimes(fields, timeline, request.dst),
        phrase=f"Every {phrase.period_days} days at {clock}",
    )


def _from_period(
    request: _Request, phrase: EveryPhrase, timeline: Timeline
) -> Schedule:
    anchor = timeline.end_of_gap(MONDAY_ORDINAL * DAY_S)
    return Schedule(
        text=request.text,
        cron_string=None,
        timezone=request.timezone,
        dst=request.dst,
        kind="every",
        times=EveryTimes(phrase.seconds, anchor),
        phrase=describe_period(phrase.seconds),
    )


def _from_moment(
    request: _Request, phrase: AtPhrase, timeline: Timeline, now: datetime | None
) -> Schedule:
    if phrase.moment.microsecond:
        raise request.refusal("a moment is a whole second: leave out what follows it")
    instants = _instants_of(request, phrase.moment, timeline)
    if not FIRST_S <= instants[0] < LAST_S:
        raise request.refusal(
            "this moment can never come due: write one from 0001-01-03 to 9999-12-29"
        )
    if now is not None and instants[-1] <= seconds_of(now):
        raise request.refusal("this moment has passed, so it can never come due")
    return Schedule(
        text=request.text,
        cron_string=None,
        timezone=request.timezone,
        dst=request.dst,
        kind="at",
        times=GivenTimes(instants),
        phrase=f"Once, at {timeline.moment(instants[0]):%Y-%m-%d %H:%M:%S %Z}",
    )


def _instants_of(
    request: _Request, moment: datetime, timeline: Timeline
) -> tuple[int, ...]:
    if moment.tzinfo is not None:
        return (seconds_of(moment),)
    wall = wall_of(moment)
    instants = timeline.instants_of(wall)
    if instants:
        return instants if request.dst == "literal" else instants[:1]
    if request.dst == "vixie":
        return (timeline.end_of_gap(wall),)
    raise request.refusal(
        f"the clocks of {request.timezone} skip this time, so under dst = "
        f"{request.dst!r} it can never come due"
    )
