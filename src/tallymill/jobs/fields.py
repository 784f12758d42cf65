"""How each field of a job's definition is read: a value, or what is wrong with it.

Values come from JSON, TOML or Python, so that a date may be a date or a text. What
depends on several fields is `check.py`'s.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Final
from urllib.parse import urlsplit

from tallymill.kernel.durations import read_duration_s

LONGEST_QUERY = 100_000  #: characters
LONGEST_URL = 2_000  #: characters
RETRIES_MOST = 100
LONGEST_S = 86_400.0

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")

Reader = Callable[[object], object]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be a text, not {value!r}")  # noqa: TRY004 - one kind of fault for all readers
    if not value.strip():
        raise ValueError("is empty: leave it out, or write something")
    return value


def _name(value: object) -> str:
    name = _text(value)
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name[:100]!r} must be 1 to 100 letters, digits, '-', '_' or '.', and "
            "begin with a letter, digit or '_'"
        )
    return name


def _query(value: object) -> str:
    query = _text(value)
    if len(query) > LONGEST_QUERY:
        raise ValueError(f"is over {LONGEST_QUERY:,} characters")
    return query


def _one_of(*words: str) -> Reader:
    def read(value: object) -> str:
        if value not in words:
            raise ValueError(f"must be one of {', '.join(words)}, not {value!r}")
        return str(value)

    return read


def _url(value: object) -> str:
    url = _text(value)
    shown = repr(url[:100])
    if (
        len(url) > LONGEST_URL
        or not url.isascii()
        or re.search(r"[\x00-\x20\x7f]", url)
    ):
        raise ValueError(
            f"{shown} must be a URL of at most {LONGEST_URL:,} ASCII characters without "
            "spaces"
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as exc:
        raise ValueError(f"{shown} is no URL: {exc}") from exc
    if parts.scheme not in {"http", "https"} or not host or port == 0:
        raise ValueError(f"{shown} must be an http:// or https:// URL with a host")
    return url


def _as_of(value: object) -> str:
    # A datetime is a date too, and both say themselves in ISO 8601.
    return value.isoformat() if isinstance(value, date) else _text(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {value!r}")  # noqa: TRY004 - one kind of fault for all readers
    return value


def _duration(value: object) -> float:
    seconds = read_duration_s(value)
    if not 0 <= seconds <= LONGEST_S:
        raise ValueError(f"must be from 0 seconds to one day, not {repr(value)[:100]}")
    return seconds


def _timeout(value: object) -> float:
    seconds = _duration(value)
    if seconds == 0:
        raise ValueError("must be more than 0 seconds")
    return seconds


def _retries(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"must be a whole number, not {value!r}")  # noqa: TRY004 - one kind of fault for all readers
    if not 0 <= value <= RETRIES_MOST:
        raise ValueError(f"must be from 0 to {RETRIES_MOST}, not {value}")
    return value


READERS: Final[Mapping[str, Reader]] = {
    "name": _name,
    "cron_string": _text,
    "schedule": _text,
    "timezone": _text,
    "dst": _one_of("vixie", "skip", "literal"),
    "source": _text,
    "query": _query,
    "statistic": _text,
    "period": _one_of("hour", "day", "week", "month"),
    "deliver_to": _url,
    "as_of": _as_of,
    "paused": _flag,
    "misfire": _one_of("latest", "all", "skip"),
    "overlap": _one_of("skip", "queue", "allow"),
    "timeout": _timeout,
    "retries": _retries,
    "jitter": _duration,
}
