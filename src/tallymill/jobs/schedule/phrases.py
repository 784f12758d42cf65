"""Plain words into cron strings, periods and moments: `each monday at 9:30`.

What is understood, in any case, `each` and `every` being the same:

    every 15 minutes, every 90s, every 1h30m, every hour     elapsed time
    each day at 1PM, daily at 9:00 and 17:00, every 2 days at noon
    each weekday at 8AM, each monday and friday, mon-fri at 9, weekends at 10
    each month on the 1st at 00:00, monthly on the last day, each quarter
    each month on the first monday, each last friday of the month at 17:00
    each year on 24 december at 18:00, every hour at :15
    at 2026-12-01T13:00, on 2026-12-01 at 1PM

`every N` seconds, minutes or hours counts elapsed time from Monday 2024-01-01T00:00 in
the job's zone: the same on each instance and after each restart, and on the full hour,
quarter and so on for whole divisors. When clocks change such a schedule does not: what
ran at 2, 4, 6 in winter runs at 3, 5, 7 in summer. `every N days` (and weeks) is a count of
dates from that Monday, at midnight or the time named, under the job's `dst` policy.
Without a time of day, midnight is meant. Zones are for `parse.py`.
"""

import difflib
import re
from dataclasses import dataclass
from datetime import date, datetime, time

from tallymill.jobs.schedule.clocktime import (
    cron_of_times,
    parse_clock_time,
    parse_clock_times,
)
from tallymill.jobs.schedule.cron import MONTH_NAMES, WEEKDAY_NAMES

EXAMPLES = (
    "'5 4 * * *', '@daily', 'every 15 minutes', 'each day at 1PM', "
    "'each monday at 9:30' or 'at 2026-12-01T13:00'"
)
LONGEST_PERIOD_S = 366 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class CronPhrase:
    """Words that a cron string can say."""

    cron: str
    period_days: int = 0  #: if not 0, the days are every so many, not the cron's


@dataclass(frozen=True, slots=True, kw_only=True)
class EveryPhrase:
    """A distance in elapsed time."""

    seconds: int  #: >= 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AtPhrase:
    """One moment, in the job's zone unless it has an offset of its own."""

    moment: datetime


Phrase = CronPhrase | EveryPhrase | AtPhrase

_UNITS_S = {"second": 1, "minute": 60, "hour": 3600}
_SHORT = {
    **dict.fromkeys(("s", "sec", "secs"), "second"),
    **dict.fromkeys(("m", "min", "mins"), "minute"),
    **dict.fromkeys(("h", "hr", "hrs"), "hour"),
    "d": "day",
    "w": "week",
}
_UNITS = ("second", "minute", "hour", "day", "week", "month", "quarter", "year")
_ADVERBS = {
    "hourly": "each hour",
    "daily": "each day",
    "nightly": "each day",
    "weekly": "each week",
    "monthly": "each month",
    "quarterly": "each quarter",
    "yearly": "each year",
    "annually": "each year",
}
_COUNTS = {
    word: number
    for number, word in enumerate(
        [
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
        ],
        1,
    )
} | {"other": 2, "a": 1, "an": 1}
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "last": -1}
_PARTS_OF_WEEK = {"weekday": "1-5", "workday": "1-5", "weekend": "0,6"}

_DURATION = re.compile(r"(?:\d+\s*[a-z]+\s*(?:,|and\b)?\s*)+")
_DURATION_PART = re.compile(r"(\d+)\s*([a-z]+)")
_COUNTED = re.compile(r"(\d+|[a-z]+)\s+([a-z]+)")
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MINUTE_OF_HOUR = re.compile(r"(?::|minute\s+)(\d{1,2})")
_DAY_NUMBER = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?")
_LIST = re.compile(r"\s*(?:,\s*and\b|,|\band\b|&)\s*")
_NTH_WEEKDAY = re.compile(
    r"(?:the\s+)?(first|second|third|fourth|fifth|last|[1-5](?:st|nd|rd|th))\s+([a-z]+)"
)


def parse_phrase(text: str) -> Phrase:
    """Read a schedule in words.

    Raises:
        ValueError: It is not understood; the message says which part.
    """
    words = " ".join(text.lower().split()).strip(" .")
    if words.startswith(("at ", "on ")) and _ISO_DATE.search(words):
        return _at(words)
    if words.startswith("at "):
        raise ValueError(
            f"'at' names one date: write 'each day {words}' for a daily job"
        )
    words = _with_each(words)
    body, _, times = words.partition(" at ")
    subject = body.removeprefix("each ").removeprefix("every ").strip()
    if not times and (period := _duration(subject)) is not None:
        return EveryPhrase(seconds=period)
    return _days(subject, times.strip())


def _with_each(words: str) -> str:
    first, _, rest = words.partition(" ")
    if first in _ADVERBS:
        return f"{_ADVERBS[first]} {rest}".strip()
    return words.removeprefix("on ") if words.startswith("on ") else words


def _at(words: str) -> AtPhrase:
    text = words.removeprefix("at ").removeprefix("on ").strip()
    day, _, clock = text.partition(" at ")
    try:
        if clock:
            moment = time(*parse_clock_time(clock.strip()))
            return AtPhrase(moment=datetime.combine(date.fromisoformat(day), moment))
        return AtPhrase(moment=datetime.fromisoformat(text.upper()))
    except ValueError as exc:
        raise ValueError(
            f"{text!r} is no moment ({exc}): write 2026-12-01T13:00"
        ) from exc


def _duration(subject: str) -> int | None:
    """Return the seconds of `15 minutes`, `hour`, `1h30m`; None if it is no such."""
    counted = _count_and_unit(subject)
    if counted is not None and counted[1] in _UNITS_S:
        return _checked_period(counted[0] * _UNITS_S[counted[1]])
    if _DURATION.fullmatch(subject) is None:
        return None
    total = 0
    for number, word in _DURATION_PART.findall(subject):
        unit = _unit(word)
        if unit not in _UNITS_S:
            return None
        total += int(number[:12]) * _UNITS_S[unit]
    return _checked_period(total)


def _checked_period(seconds: int) -> int:
    if 1 <= seconds <= LONGEST_PERIOD_S:
        return seconds
    raise ValueError("must leave one second to 366 days between two runs")


def _unit(word: str) -> str | None:
    word = _SHORT.get(word, word)
    single = word.removesuffix("s")
    return single if single in _UNITS else None


def _count_and_unit(subject: str) -> tuple[int, str] | None:
    if (unit := _unit(subject)) is not None:
        return 1, unit
    match = _COUNTED.fullmatch(subject)
    if match is None or (unit := _unit(match[2])) is None:
        return None
    if match[1].isdecimal():
        return int(match[1][:12]), unit
    return (_COUNTS[match[1]], unit) if match[1] in _COUNTS else None


def _days(subject: str, times: str) -> CronPhrase:
    subject, on, days = subject.partition(" on ")
    counted = _count_and_unit(subject)
    if counted == (1, "hour"):
        return _each_hour(times)
    clock = " ".join(cron_of_times(parse_clock_times(times or "00:00")))
    clock = clock.removeprefix("0 ") if clock.startswith("0 ") else clock
    if counted is None:
        return CronPhrase(cron=f"{clock} {_named_days(f'{subject}{on}{days}')}")
    count, unit = counted
    if not days and unit in ("day", "week") and count != 1:
        return _every_so_many(count * (7 if unit == "week" else 1), clock)
    return CronPhrase(cron=f"{clock} {_counted_days(count, unit, days)}")


def _each_hour(times: str) -> CronPhrase:
    match = _MINUTE_OF_HOUR.fullmatch(times)
    if match is None:
        raise ValueError(
            f"{times!r} is no minute of the hour: write 'each hour at :15'"
        )
    return CronPhrase(cron=f"{int(match[1])} * * * *")


def _every_so_many(days: int, clock: str) -> CronPhrase:
    if not 1 <= days <= 3660:
        raise ValueError("must leave 1 to 3660 days between two runs")
    return CronPhrase(cron=f"{clock} * * *", period_days=days)


def _counted_days(count: int, unit: str, days: str) -> str:
    """Return the three day fields of `2 months on the 1st` and the like."""
    if unit == "year" and count == 1:
        return _days_of_year(days) if days else "1 1 *"
    if unit == "quarter" and count in (1, 2, 4):
        return _days_of_month(days or "1st", _every_month(3 * count))
    if unit == "month" and count in (1, 2, 3, 4, 6, 12):
        return _days_of_month(days or "1st", _every_month(count))
    if unit == "week" and count == 1:
        return _named_days(days or "monday")
    if unit == "day" and count == 1:
        return _named_days(days) if days else "* * *"
    if unit in ("month", "quarter", "year"):
        raise ValueError(
            f"every {count} {unit}s does not repeat with the year: "
            "months are 1, 2, 3, 4, 6 or 12"
        )
    raise ValueError(
        f"'{count} {unit}' does not go with a time of day or named days: write cron, "
        "such as '*/15 9-17 * * 1-5'"
    )


def _every_month(count: int) -> str:
    return "*" if count == 1 else f"*/{count}" if count < 12 else "1"


def _named_days(text: str) -> str:
    """Return the day fields of `weekday`, `monday and friday`, `last friday`."""
    subject = text.removesuffix(" of the month").removesuffix(" of each month")
    subject = subject.removesuffix(" of every month").strip()
    if subject != text or _NTH_WEEKDAY.fullmatch(subject):
        return _days_of_month(subject, "*")
    terms = [_weekdays(term) for term in _LIST.split(subject)]
    return f"* * {','.join(terms)}"


def _weekdays(term: str) -> str:
    part = _PARTS_OF_WEEK.get(term.removesuffix("s").removesuffix(" day"))
    if part is not None:
        return part
    low, dash, high = re.sub(r"\s*(?:-|\bto\b|\bthrough\b)\s*", "-", term).partition(
        "-"
    )
    first = _weekday(low)
    if not dash:
        return str(first)
    last = _weekday(high)
    if last in (0, first):
        return f"{first}-{last or 7}"
    return f"{first}-{last}" if last > first else f"{first}-6,0-{last}"


def _weekday(word: str) -> int:
    known = WEEKDAY_NAMES.get(word, WEEKDAY_NAMES.get(word.removesuffix("s")))
    if known is not None:
        return known
    choice = [*WEEKDAY_NAMES, *_PARTS_OF_WEEK, *_UNITS]
    near = difflib.get_close_matches(word[:20], choice, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"write such as {EXAMPLES}"
    raise ValueError(f"{word[:40]!r} is not understood: {hint}")


def _days_of_month(text: str, months: str) -> str:
    if nth := _NTH_WEEKDAY.fullmatch(text):
        number = _ORDINALS.get(nth[1]) or int(nth[1][0])
        if nth[2] in ("day", "weekday", "workday"):
            return _counted_day(number, nth[2], months)
        weekday = _weekday(nth[2])
        return f"* {months} {weekday}{'L' if number < 0 else f'#{number}'}"
    days = ",".join(_day_number(term) for term in _LIST.split(text))
    return f"{days} {months} *"


def _counted_day(number: int, kind: str, months: str) -> str:
    if kind == "day":
        return f"{'L' if number < 0 else number} {months} *"
    if number in (1, -1):
        return f"{'LW' if number < 0 else '1W'} {months} *"
    raise ValueError(
        "of the weekdays of a month only the first and the last have a name"
    )


def _day_number(term: str) -> str:
    words = term.removeprefix("the ").removeprefix("day ").strip()
    if words in ("last", "last day"):
        return "L"
    match = _DAY_NUMBER.fullmatch(words)
    if match is None or not 1 <= int(match[1]) <= 31:
        raise ValueError(
            f"{term[:40]!r} is no day of the month: 1st to 31st, or last day"
        )
    return str(int(match[1]))


def _days_of_year(text: str) -> str:
    words = [word for word in text.split() if word not in ("the", "of")]
    months = [MONTH_NAMES[word] for word in words if word in MONTH_NAMES]
    days = [word for word in words if word not in MONTH_NAMES]
    if len(months) != 1 or len(days) != 1:
        raise ValueError(f"{text[:40]!r} is no day of the year: write '24 december'")
    return f"{_day_number(days[0])} {months[0]} *"
