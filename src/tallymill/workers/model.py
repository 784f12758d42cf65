"""A worker, the shard it serves, and the batch whose effects it commits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tallymill.events.model import ShardId


@dataclass(slots=True, kw_only=True)
class Worker:
    """One member of a shard's pool; its history is what `GET /workers` shows."""

    id: int  #: random, 1 to 2**63 - 1
    shard_id: ShardId
    created_at: datetime
    events_count: int = 0  #: events of its committed batches
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far a reader of a shard has come, and whose turn it is."""

    shard: ShardId
    reader: str  #: `LIVE`, or the version of a statistic that is replayed
    epoch: int  #: grows by one whenever somebody takes the shard over
    next: int  #: offset of the first event not folded yet
    until: int | None = None  #: where a replay ends


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """An event that did not fit a statistic, and why."""

    offset: int
    stream: str
    version: str
    statistic: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPartial:
    """A partial state after a batch."""

    state: bytes
    events: int  #: taken by the statistic in this reader and shard, all in all


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldCommit:
    """Everything that a batch changes; stored together or not at all."""

    position: Position  #: as it was before the batch
    next: int  #: offset after the batch
    partials: Mapping[str, NewPartial]  #: by version; only those that changed
    set_aside: Sequence[SetAside]
    at: datetime
    worker: Worker | None = None  #: who folded it; None for a replay
    events: int = 0  #: of the batch; added to the worker's count


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedEvent:
    """A row of `GET /events/rejected`."""

    id: int
    shard: ShardId
    offset: int
    stream: str
    statistic: str
    reason: str
    rejected_at: datetime
