"""Where partial states are kept, as those who answer questions see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

LIVE = "live"  #: the reader that follows a shard as it grows


@dataclass(frozen=True, slots=True, kw_only=True)
class Partial:
    """What one reader of one shard has added up for one statistic."""

    version: str
    reader: str  #: `LIVE`, or the statistic's version while and after it was replayed
    shard: int
    state: bytes
    events: int  #: taken by the statistic
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a reader of a shard has come."""

    reader: str
    shard: int
    next: int  #: offset of the first event that is not folded yet
    until: int | None  #: where a replay ends; None for `LIVE`


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All partial states and positions as of one moment."""

    partials: Sequence[Partial]
    progress: Sequence[Progress]
    heads: Mapping[int, int]  #: shard -> offset that its next event will have


class PartialStates(Protocol):
    """Durable partial states, read by whoever has a question."""

    async def snapshot(self) -> Snapshot:
        """Return every partial, position and head as of one moment."""
        ...
