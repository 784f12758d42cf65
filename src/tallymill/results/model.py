"""A body posted to `/result`, kept as it came."""

from datetime import datetime
from enum import Enum

import msgspec


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """What a sender hands over; the caller has checked that `body` is JSON."""

    body: bytes  #: the JSON value as sent, byte for byte
    received_at: datetime  #: aware, UTC
    key: str | None = None  #: the Idempotency-Key; None is never seen before


class Receipt(Enum):
    """What became of a posted body; both are good news to the sender."""

    STORED = "stored"
    SEEN_BEFORE = "seen before"


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A stored body."""

    position: int  #: grows by at least one with each result, from 1
    body: bytes  #: the JSON value as sent, byte for byte
    received_at: datetime  #: aware, UTC


class ResultPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some results, oldest first."""

    results: tuple[Result, ...]
    next_after: int | None  #: ask for what comes after this; None at the end
