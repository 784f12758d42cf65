"""Durations as people write them: "2 minutes", "1h 30m", "500 ms", or seconds.

What is too short or too long is for the caller to say.
"""

import re
from typing import Final

_UNIT_S: Final = {
    "ms": 0.001, "millisecond": 0.001, "milliseconds": 0.001,
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "m": 60.0, "min": 60.0, "mins": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": 3600.0, "hour": 3600.0, "hours": 3600.0,
    "d": 86400.0, "day": 86400.0, "days": 86400.0,
}  # fmt: skip
_NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_QUANTITY: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]+)")


def read_duration_s(value: object) -> float:
    """Return the seconds of a number of seconds or a text; any number, NaN included.

    A text is a number of seconds, or numbers with units that add up: "1 hour and 30
    minutes", "1h 30m".

    Raises:
        ValueError: It is neither; the message is a sentence part.
    """
    text = value.strip() if isinstance(value, str) else ""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if _NUMBER.fullmatch(text):
            return float(text)
        return _total_s(text)
    except (ValueError, OverflowError) as exc:
        raise ValueError(
            'must be a duration such as "2 minutes", "90 s" or 90, not '
            f"{repr(value)[:100]}"
        ) from exc


def _total_s(text: str) -> float:
    parts = _QUANTITY.findall(text)
    rest = re.sub(r"\band\b|,", " ", _QUANTITY.sub(" ", text)).strip()
    if not parts or rest or any(unit.lower() not in _UNIT_S for _, unit in parts):
        raise ValueError(text)
    return sum(float(number) * _UNIT_S[unit.lower()] for number, unit in parts)
