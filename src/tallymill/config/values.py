"""Settings' values as people write them: "2 minutes", "16 MiB", "127.0.0.1:8000".

Each function takes what TOML, the environment or an option gave, and returns the value
or raises `ValueError` with a sentence part that says what is expected.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tallymill.kernel.durations import read_duration_s

SIZE_BYTES: Final = {
    "": 1, "b": 1, "byte": 1, "bytes": 1,
    "kb": 1000, "mb": 1000**2, "gb": 1000**3,
    "kib": 1024, "mib": 1024**2, "gib": 1024**3,
}  # fmt: skip
_SIZE: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")
_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})


def duration_s(value: object) -> float:
    """Return seconds: a number is seconds, a text is "2 minutes" or "1h 30m".

    Raises:
        ValueError: Not a duration, or not more than zero.
    """
    seconds = read_duration_s(value)
    if not 0 < seconds <= timedelta.max.total_seconds():
        raise ValueError(
            f"must be a duration of more than zero, not {repr(value)[:100]}"
        )
    return seconds


def size_bytes(value: object) -> int:
    """Return bytes: a whole number, or a text such as "16 MiB" or "256 kB".

    Raises:
        ValueError: Not a size, or less than one byte.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        size = value
    else:
        match = _SIZE.fullmatch(_text(value))
        if match is None or match[2].lower() not in SIZE_BYTES:
            raise ValueError(f'must be a size such as "16 MiB", not {value!r}')
        size = int(float(match[1]) * SIZE_BYTES[match[2].lower()])
    if size < 1:
        raise ValueError(f"must be at least 1 byte, not {value!r}")
    return size


def whole(least: int, most: int) -> Callable[[object], int]:
    """Return a reader of whole numbers between two bounds, both included."""

    def read(value: object) -> int:
        number = int(value) if isinstance(value, str) and _is_digits(value) else value
        if isinstance(number, bool) or not isinstance(number, int):
            raise ValueError(f"must be a whole number, not {value!r}")  # noqa: TRY004 - one kind of fault for all readers
        if not least <= number <= most:
            raise ValueError(f"must be from {least} to {most}, not {number}")
        return number

    return read


def _is_digits(text: str) -> bool:
    return re.fullmatch(r"-?[0-9]{1,19}", text.strip()) is not None


def truth(value: object) -> bool:
    """Return True or False from a boolean or a word for one."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _TRUE | _FALSE:
        return word in _TRUE
    raise ValueError(f"must be true or false, not {value!r}")


def one_of(*choices: str) -> Callable[[object], str]:
    """Return a reader that takes only these words."""

    def read(value: object) -> str:
        word = _text(value).strip().lower()
        if word not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}, not {value!r}")
        return word

    return read


def zone(value: object) -> str:
    """Return the name of a time zone that exists, such as "Asia/Kolkata"."""
    name = _text(value)
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise ValueError(
            f'must be a time zone of the IANA list such as "Asia/Kolkata", not {name!r}'
        ) from exc
    return name


def texts(value: object) -> list[str]:
    """Return several texts: a list, or one text parted by commas."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
        return list(value)
    raise ValueError(f"must be a list of texts, not {value!r}")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be a text in quotes, not {value!r}")  # noqa: TRY004 - one kind of fault for all readers
    return value
