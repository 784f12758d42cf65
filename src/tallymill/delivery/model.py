"""A result on its way to its destination, and each attempt to bring it there."""

import hashlib
from datetime import UTC, datetime
from enum import Enum
from urllib.parse import urlsplit

import msgspec

#: So much of a reply is kept with its attempt, bytes.
REPLY_KEPT_BYTES = 2048


class DeliveryState(Enum):
    """Where a delivery stands."""

    WAITING = "waiting"  # for its next attempt, or in the middle of one
    DELIVERED = "delivered"  # a 2xx came back
    UNDELIVERED = "undelivered"  # given up; may be sent again by hand


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """What a finished run puts into the outbox; its body is the run's result."""

    run_id: str
    job_id: str
    key: str  #: the Idempotency-Key, see `idempotency_key`
    url: str
    scheduled_for: datetime  #: aware, UTC
    retries: int  #: attempts after the first, >= 0


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel in the outbox, and how far it has come."""

    parcel: Parcel
    state: DeliveryState
    attempts: int  #: made so far, those sent again by hand included
    next_try_at: datetime | None  #: None unless waiting
    reason: str | None  #: why it is waiting or undelivered, a sentence
    created_at: datetime
    finished_at: datetime | None


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try to deliver."""

    number: int  #: from 1
    at: datetime  #: when it began; aware, UTC
    duration_s: float
    status: int | None  #: HTTP status; None when no reply came
    error: str | None  #: why no reply came, a sentence
    reply: bytes  #: the first `REPLY_KEPT_BYTES` of the reply's body


class DeliveryRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery with what was tried so far."""

    delivery: Delivery
    attempts: tuple[Attempt, ...]  #: oldest first


class Consignment(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery handed to one courier for one attempt."""

    parcel: Parcel
    body: bytes  #: JSON
    number: int  #: of the attempt to make, from 1
    tries_left: int  #: attempts after this one before it is given up
    fence: int  #: grows with each hand-over; an older one may not record


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a destination answered."""

    status: int  #: 100 to 599
    body: bytes  #: its first `REPLY_KEPT_BYTES`
    retry_after: str | None = None  #: the header as sent


def idempotency_key(job_id: str, scheduled_for: datetime, kind: str) -> str:
    """Return the key of a due time: the same on every retry, instance and restart."""
    moment = scheduled_for.astimezone(UTC).isoformat()
    return hashlib.sha256(f"{job_id}\n{moment}\n{kind}".encode()).hexdigest()


def destination_of(url: str) -> str:
    """Return scheme, host, port and path: what is slow or dead as one."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}".lower() + (parts.path or "/")


def host_of(destination: str) -> str:
    """Return scheme, host and port of a destination."""
    return "/".join(destination.split("/", 3)[:3])
