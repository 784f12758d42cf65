"""Timestamps that the decoder's fast path does not take, and why one is refused.

The fast path takes RFC 3339 (`T`, `t` or a space between date and time, `Z`, `z`,
`+05:30` or `+0530`). This page adds what ISO 8601 allows besides, at the price of the
slow path: `+05` as an offset, a time without seconds, the basic form
`20191004T015207Z`, a comma before the fraction, `24:00:00` (the next day's midnight)
and a leap second (`23:59:60` UTC, kept as the last microsecond before midnight, since
no clock here can hold it).

Digits beyond the microsecond are rounded to the nearest one.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

EXAMPLE: Final = "2019-10-04T01:52:07-03:00"

_EXTENDED: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?"
    r"([Zz]|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
_BASIC: Final = re.compile(
    r"(\d{4})(\d\d)(\d\d)[Tt](\d\d)(\d\d)(?:(\d\d)(?:[.,](\d+))?)?"
    r"([Zz]|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
_FRACTION_MOST: Final = 7  #: digits that can still change the rounded microsecond


class BadTimestamp(ValueError):
    """The text is no timestamp that we take; the message says why."""


def read_timestamp(text: str) -> datetime:
    """Return the moment that an ISO 8601 text with an offset names.

    Args:
        text: For example `2019-10-04T01:52:07-03:00`; years 1 to 9999.

    Raises:
        BadTimestamp: It is none, names a moment that does not exist, or has no offset.
    """
    found = _EXTENDED.fullmatch(text) or _BASIC.fullmatch(text)
    if found is None:
        raise BadTimestamp(
            f"{_shown(text)} is no date and time; write it as {EXAMPLE!r}"
        )
    if found[8] is None:
        raise BadTimestamp(
            f"{_shown(text)} has no offset; add 'Z' or one like '-03:00'"
        )
    try:
        return _moment(found)
    except (ValueError, OverflowError) as error:
        raise BadTimestamp(f"{_shown(text)} does not exist: {error}") from error


def _moment(found: re.Match[str]) -> datetime:
    year, month, day, hour, minute = (int(found[group]) for group in range(1, 6))
    second = int(found[6] or 0)
    extra = timedelta(microseconds=_microseconds(found[7] or ""))
    midnight_after = (hour, minute, second, extra) == (24, 0, 0, timedelta(0))
    leap = second == 60
    start = datetime(
        year,
        month,
        day,
        0 if midnight_after else hour,
        minute,
        59 if leap else second,
        tzinfo=_offset(found[8]),
    )
    if midnight_after:
        return start + timedelta(days=1)
    if leap:
        return _last_before(start)
    return start + extra


def _last_before(start: datetime) -> datetime:
    """Return the last microsecond of the second before a leap second."""
    utc = start.astimezone(UTC)
    if (utc.hour, utc.minute) != (23, 59) or (utc + timedelta(seconds=1)).day != 1:
        raise ValueError("only the last second of a month, in UTC, can be a 60th")
    return start.replace(microsecond=999_999)


def _microseconds(digits: str) -> int:
    head = int(digits[:_FRACTION_MOST].ljust(_FRACTION_MOST, "0"))
    return (head + 5) // 10


def _offset(text: str) -> timezone:
    if text in "Zz":
        return UTC
    hours, minutes = int(text[1:3]), int(text[3:].lstrip(":") or 0)
    if hours > 23 or minutes > 59:
        raise ValueError("an offset has at most 23 hours and 59 minutes")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")
