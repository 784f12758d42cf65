"""What a reader wants to see, why it leaves, and what it may cost.

Values only. An event on its way to readers is a `LiveEvent`; how it is written for
each transport is `dialects`'.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Final

import msgspec

from tallymill.events.model import Event
from tallymill.events.ports import Run

SUBJECTS_MOST: Final = 10_000  #: in one subscription
SUBJECTS_IN_ALL_MOST: Final = 500_000  #: over all subscriptions; about 180 MB
READERS_MOST: Final = 20_000  #: at once
#: What may wait for a reader when more is to be written; beyond it, it must catch up
#: from the log, at its own pace.
WAITING_BYTES_MOST: Final = 256 * 1024
#: What one turn of the loop may bring to a reader; its bytes are shared by all who
#: have asked for the same.
TURN_BYTES_MOST: Final = 4 * 1024 * 1024
#: A reader that takes nothing for so long, while something waits, is cut off.
STUCK_S: Final = 10.0
HEARTBEAT_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Interest:
    """What a reader wants to see."""

    streams: frozenset[str]  #: at least one
    subjects: frozenset[str] | None = None  #: None is every event, with or without one


class Leave(Enum):
    """Why a reader's stream ends, or rests."""

    GONE = auto()  #: the client closed the connection
    LAGGING = auto()  #: too much waits; it goes on from the log
    SLOW = auto()  #: it takes nothing any more
    FAREWELL = auto()  #: the server is shutting down


@dataclass(frozen=True, slots=True)
class Hole:
    """Offsets of a shard that a reader does not get, from `first` up to before `end`."""

    shard_id: int
    first: int
    end: int  #: less than `first` where the reader was ahead of the log


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Something that a reader has missed, or may have, and cannot be given."""

    reason: str
    after: str  #: the position that it asked for
    resumed: str  #: the position from which on nothing is missing
    holes: tuple[Hole, ...]  #: empty where the bounds are not known


class LiveEvent(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """An event as a reader gets it; `data` is verbatim."""

    timestamp: datetime
    stream: str
    shard_id: int
    offset: int
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    id: str | None = None
    subject: str | None = None
    instance: str = ""  #: host name of the instance that accepted it


_ENCODE: Final = msgspec.json.Encoder().encode


def encode_event(run: Run, offset: int, event: Event) -> bytes:
    """Return an event of a run as one JSON object; nothing of the run is kept."""
    return _ENCODE(
        LiveEvent(
            event.timestamp,
            run.stream,
            run.shard,
            offset,
            event.data,
            event.id,
            event.subject,
            run.instance,
        )
    )
