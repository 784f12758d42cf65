"""Times of day as people write them: `1PM`, `13:00`, `9`, `noon`."""

import re
from typing import NamedTuple

_NAMED = {"noon": (12, 0, 0), "midday": (12, 0, 0), "midnight": (0, 0, 0)}
_CLOCK = re.compile(
    r"(?P<hour>\d{1,2})(?:[:.h](?P<minute>\d{2})(?::(?P<second>\d{2}))?)?h?"
    r"\s*(?P<half>[ap]\.?m\.?)?(?:\s*o'?clock)?"
)


class ClockTime(NamedTuple):
    """A time of day."""

    hour: int  #: 0 to 23
    minute: int  #: 0 to 59
    second: int  #: 0 to 59


def parse_clock_time(text: str) -> ClockTime:
    """Read one time of day, in lower case.

    Raises:
        ValueError: It is none; the message says what is wrong.
    """
    if text in _NAMED:
        return ClockTime(*_NAMED[text])
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no time of day: write 13:00 or 1PM")
    hour, half = int(match["hour"]), match["half"]
    if half:
        if not 1 <= hour <= 12:
            raise ValueError(f"{text!r}: with AM or PM the hour is 1 to 12")
        hour = hour % 12 + (12 if half[0] == "p" else 0)
    minute, second = int(match["minute"] or 0), int(match["second"] or 0)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(f"{text!r} is no time of day: 00:00 to 23:59:59")
    return ClockTime(hour, minute, second)


def parse_clock_times(text: str) -> list[ClockTime]:
    """Read a list of times of day such as `9:00, 12:00 and 5pm`.

    Raises:
        ValueError: One of them is none.
    """
    parts = [part.strip() for part in re.split(r",\s*and\b|,|\band\b|&", text)]
    return sorted({parse_clock_time(part) for part in parts})


def cron_of_times(times: list[ClockTime]) -> tuple[str, str, str]:
    """Return the cron fields second, minute and hour that mean exactly these times.

    Raises:
        ValueError: Cron would combine each hour with each minute, which is more.
    """
    hours = sorted({time.hour for time in times})
    minutes = sorted({time.minute for time in times})
    seconds = sorted({time.second for time in times})
    if len(hours) * len(minutes) * len(seconds) != len(times):
        raise ValueError(
            "these times of day differ in their minutes, which one schedule cannot "
            "say: make a job for each"
        )
    return _joined(seconds), _joined(minutes), _joined(hours)


def _joined(numbers: list[int]) -> str:
    return ",".join(str(number) for number in numbers)
