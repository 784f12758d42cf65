"""Durations as people write them in a job: "2 minutes", "90s", or seconds."""

import re
from typing import Final

LONGEST_S: Final = 86_400.0
_UNIT_S: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_WORDS: Final = re.compile(
    r"\s*(\d{1,9}(?:\.\d{1,6})?)\s*"
    r"(s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?)?\s*",
    re.IGNORECASE,
)


def read_duration_s(value: object) -> float:
    """Return seconds, 0 to one day, of a number of seconds or a text with a unit.

    Raises:
        ValueError: It is neither, or out of range; the message is a sentence part.
    """
    seconds = _seconds(value)
    if seconds is None:
        raise ValueError(
            f'must be seconds or a text such as "2 minutes", not {value!r}'
        )
    if not 0 <= seconds <= LONGEST_S:
        raise ValueError(f"must be from 0 seconds to one day, not {value!r}")
    return seconds


def _seconds(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    match = _WORDS.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    return float(match[1]) * _UNIT_S[(match[2] or "s")[0].lower()]
