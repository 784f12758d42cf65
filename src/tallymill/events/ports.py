"""The log as the rooms see it: append durably, read by position, page for people."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tallymill.events.model import Event, ShardId


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """The events of one request, already placed on their shards."""

    stream: str
    shares: Sequence[tuple[ShardId, Sequence[Event]]]  #: in order within a shard
    size_bytes: int  #: roughly what it weighs on disk
    has_ids: bool  #: whether any event has an `id`, so that duplicates can be told
    key: str | None = None  #: the request's Idempotency-Key
    note: bytes = b""  #: kept beside the key and given back with it
    repeats: int = 0  #: events of the request whose `id` came before in it; left out


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Events of one stream that stand one after another in one shard."""

    shard: ShardId
    stream: str
    first: int  #: offset of the first event in the shard, >= 0
    count: int
    events: Sequence[Event] | None  #: None where only the count was asked for
    instance: str = ""  #: host name of the instance that accepted them

    @property
    def next(self) -> int:
        """The offset after the last event."""
        return self.first + self.count


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of an append."""

    accepted: int  #: events stored
    duplicates: int  #: events left out because their `id` was known, repeats included
    note: bytes  #: as handed in; of the first request when the key was known
    replayed: bool  #: the key was known, and nothing was stored now
    runs: Sequence[Run]  #: where the events stand; empty when replayed


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """An event and its place."""

    shard: ShardId
    offset: int
    stream: str
    accepted_at: datetime
    event: Event
    instance: str = ""  #: host name of the instance that accepted it


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some stored events, oldest first."""

    events: Sequence[StoredEvent]
    after: str | None  #: opaque; where the next page begins; None at the end


class EventLog(Protocol):
    """A durable log: for each shard, events at offsets 0, 1, 2, … without a hole."""

    async def append(self, append: Append) -> Receipt:
        """Store the events of one request, all or none, durably.

        When this returns, the events survive `kill -9` and power loss. Their offsets
        are next to each other for each share and stream. A key seen within the last
        24 hours stores nothing and gives the first receipt again; so does a crash
        between storing and answering. An event whose `(stream, id)` is stored already,
        or stands earlier in the same request, is left out.

        Raises:
            Overloaded: The disk cannot keep up; nothing was stored.
            Unavailable: It cannot be written now; nothing was stored.
        """
        ...

    async def read(
        self,
        shard: ShardId,
        first: int,
        *,
        only: str | None,
        decode: Collection[str],
        events_max: int,
    ) -> Sequence[Run]:
        """Return runs of a shard in order, beginning at offset `first`.

        Args:
            shard: Whose log.
            first: Offset of the first event wanted.
            only: Only this stream's runs, with holes between them; None for all.
            decode: Streams whose events are wanted; the runs of others bring None.
            events_max: About how many events at most, >= 1; at least one run comes
                when there is one, cut so that it begins at or after `first`.
        """
        ...

    async def page(
        self, *, stream: str, subject: str | None, after: str | None, limit: int
    ) -> Page:
        """Return stored events in the order of arrival.

        A page may hold fewer events than `limit`, even none, while `after` is given:
        a search by subject reads a bounded piece of the log a page.

        Raises:
            Invalid: `after` is no cursor of ours.
        """
        ...

    async def heads(self) -> Mapping[ShardId, int]:
        """Return for each shard the offset that its next event will have."""
        ...

    def subscribe(self, listener: Callable[[Sequence[Run]], None]) -> None:
        """Have a function called in the event loop with what was just stored.

        Called once it is durable and before its sender is answered, in the order of
        offsets for each shard. It must be quick and must not raise.
        """
        ...
