"""The event log as a table of blocks: one row holds a run of events as they came.

The append is the hot path: it goes through one lane, so that everything that waits
shares blocks, a transaction and a sync, and it uses the driver raw.
"""

import base64
import binascii
import sqlite3
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, select

from tallymill.events.codec import decode_block
from tallymill.events.model import ShardId
from tallymill.events.ports import Append, Page, Receipt, Run, StoredEvent
from tallymill.kernel.clock import Clock
from tallymill.kernel.errors import Fault, Invalid, Unavailable
from tallymill.store.append import KEY_LIFE_MICROS, append_within
from tallymill.store.database import Database
from tallymill.store.sqlite import driver_of
from tallymill.store.tables.events import block, shard
from tallymill.store.tables.metadata import from_micros, to_micros
from tallymill.store.writer import Lane

KEY_PURGE_MICROS = 600 * 1_000_000
#: One page of a search by subject reads at most this much of the log.
SCAN_BYTES = 8 * 1024 * 1024


class SqlEventLog:
    """`EventLog` on a database's `block` table."""

    def __init__(
        self, database: Database, clock: Clock, *, shards: int, instance: str = ""
    ) -> None:
        """Make a log.

        Args:
            database: Started before the log is.
            clock: Says when an event was accepted.
            shards: How many there are, >= 1.
            instance: Host name of this instance; kept with what it accepts.
        """
        self._database = database
        self._clock = clock
        self._shards = shards
        self._instance = instance
        self._listeners: list[Callable[[Sequence[Run]], None]] = []
        self._appends: Lane[Append, Receipt] | None = None
        self._purged_at = 0

    async def start(self) -> None:
        """Make the shards' rows and open the lane; the database must be started."""
        await self._database.write(self._make_shards)
        self._appends = self._database.lane(self.append_within, self.tell)

    async def stop(self) -> None:
        """Nothing to release; the database ends its lanes."""

    async def append(self, append: Append) -> Receipt:
        """See `EventLog.append`."""
        if self._appends is None:
            raise Unavailable("The log is not open.")
        return await self._appends.submit(append, append.size_bytes)

    async def read(
        self,
        shard: ShardId,
        first: int,
        *,
        only: str | None,
        decode: Collection[str],
        events_max: int,
    ) -> Sequence[Run]:
        """See `EventLog.read`."""

        def question(connection: Connection) -> Sequence[Run]:
            rows = _blocks_from(driver_of(connection), shard, first, only)
            runs: list[Run] = []
            wanted = events_max
            for head in rows:
                payload = None
                if head.stream in decode:
                    payload = _payload(driver_of(connection), head.block_id)
                runs.append(_cut(shard, head, first, payload))
                wanted -= runs[-1].count
                if wanted <= 0:
                    break
            return runs

        return await self._database.read(question)

    async def page(
        self, *, stream: str, subject: str | None, after: str | None, limit: int
    ) -> Page:
        """See `EventLog.page`."""
        place = _parse_cursor(after)
        return await self._database.read(
            lambda connection: _page(
                driver_of(connection), stream, subject, place, limit
            )
        )

    async def heads(self) -> Mapping[ShardId, int]:
        """See `EventLog.heads`."""

        def question(connection: Connection) -> Mapping[ShardId, int]:
            rows = connection.execute(select(shard.c.id, shard.c.head))
            return {ShardId(row.id): row.head for row in rows}

        return await self._database.read(question)

    def subscribe(self, listener: Callable[[Sequence[Run]], None]) -> None:
        """See `EventLog.subscribe`."""
        self._listeners.append(listener)

    def _make_shards(self, connection: Connection) -> None:
        known = set(connection.scalars(select(shard.c.id)))
        for number in range(self._shards):
            if number not in known:
                connection.execute(shard.insert().values(id=number, head=0))

    def append_within(
        self, connection: Connection, appends: Sequence[Append]
    ) -> Sequence[Receipt]:
        """Store events in a transaction of the writer thread's.

        Whoever calls this passes the receipts to `tell` once they are durable.
        """
        driver = driver_of(connection)
        now = to_micros(self._clock.now())
        self._purge_keys(driver, now)
        return append_within(driver, appends, now=now, instance=self._instance)

    def tell(self, receipts: Iterable[Receipt]) -> None:
        """Tell every listener what has become durable; in the event loop."""
        runs = [run for receipt in receipts for run in receipt.runs]
        for listener in self._listeners:
            listener(runs)

    def _purge_keys(self, driver: sqlite3.Connection, now: int) -> None:
        if now - self._purged_at > KEY_PURGE_MICROS:
            self._purged_at = now
            oldest = now - KEY_LIFE_MICROS
            driver.execute("DELETE FROM request_key WHERE created_at < ?", (oldest,))


@dataclass(frozen=True, slots=True)
class _Head:
    """A block without its payload."""

    stream: str
    first: int
    count: int
    instance: str
    block_id: int


def _blocks_from(
    driver: sqlite3.Connection, shard: ShardId, first: int, only: str | None
) -> Iterator[_Head]:
    """Yield the blocks that reach beyond an offset, in order."""
    before = driver.execute(
        "SELECT max(first) FROM block WHERE shard = ? AND first <= ?", (shard, first)
    ).fetchone()[0]
    rows = driver.execute(
        "SELECT stream, first, count, instance, id FROM block"
        " WHERE shard = ? AND first >= ? AND first + count > ? ORDER BY first",
        (shard, before or 0, first),
    )
    return (_Head(*row) for row in rows if only is None or row[0] == only)


def _payload(driver: sqlite3.Connection, block_id: int) -> bytes:
    row = driver.execute("SELECT payload FROM block WHERE id = ?", (block_id,))
    payload: bytes = row.fetchone()[0]
    return payload


def _cut(shard: ShardId, head: _Head, first: int, payload: bytes | None) -> Run:
    skip = max(0, first - head.first)
    events = decode_block(payload)[skip:] if payload is not None else None
    return Run(
        shard=shard,
        stream=head.stream,
        first=head.first + skip,
        count=head.count - skip,
        events=events,
        instance=head.instance,
    )


def _page(
    driver: sqlite3.Connection,
    stream: str,
    subject: str | None,
    place: tuple[int, int],
    limit: int,
) -> Page:
    """Collect events from a place on, block by block, until the page is full."""
    needle = msgspec.json.encode(subject) if subject is not None else b""
    rows = driver.execute(
        f"SELECT {_PAGE_COLUMNS} FROM block WHERE stream = ? AND id >= ? ORDER BY id",  # noqa: S608 - constant
        (stream, place[0]),
    )
    found: list[StoredEvent] = []
    scanned = 0
    for block_id, number, first, accepted_at, instance, payload in rows:
        if scanned >= SCAN_BYTES:
            return Page(events=found, after=_cursor(block_id, 0))
        scanned += len(payload)
        if needle not in payload:
            continue
        skip = place[1] if block_id == place[0] else 0
        for index, event in enumerate(decode_block(payload)[skip:], start=skip):
            if subject is not None and event.subject != subject:
                continue
            if len(found) == limit:
                return Page(events=found, after=_cursor(block_id, index))
            found.append(
                StoredEvent(
                    shard=ShardId(number),
                    offset=first + index,
                    stream=stream,
                    accepted_at=from_micros(accepted_at),
                    instance=instance,
                    event=event,
                )
            )
    return Page(events=found, after=None)


_PAGE_COLUMNS = ", ".join(
    column.name
    for column in (
        block.c.id,
        block.c.shard,
        block.c.first,
        block.c.accepted_at,
        block.c.instance,
        block.c.payload,
    )
)


def _cursor(block_id: int, index: int) -> str:
    return base64.urlsafe_b64encode(f"{block_id}.{index}".encode()).decode().rstrip("=")


def _parse_cursor(after: str | None) -> tuple[int, int]:
    if after is None:
        return 0, 0
    try:
        text = base64.b64decode(after + "=" * (-len(after) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        text = b""
    parts = text.split(b".")
    if len(text) > 30 or len(parts) != 2 or not all(part.isdigit() for part in parts):
        raise Invalid(
            "The cursor 'after' is not one that this server gave.",
            faults=[Fault("after", "take it from the last page's rel=next link")],
        )
    return min(int(parts[0]), 2**63 - 1), int(parts[1])
