"""The event log as a table of blocks: one row holds a run of events as they came.

The append is the hot path: it goes through one lane, so that everything that waits
shares blocks, a transaction and a sync, and it uses the driver raw.
"""

import base64
import binascii
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from sqlalchemy import Connection, select

from tallymill.events.codec import decode_block, encode_events
from tallymill.events.model import Event, ShardId
from tallymill.events.ports import Append, Page, Receipt, Run, StoredEvent
from tallymill.kernel.clock import Clock
from tallymill.kernel.errors import Fault, Invalid, Unavailable
from tallymill.store.database import Database
from tallymill.store.sqlite import driver_of
from tallymill.store.tables.events import block, shard
from tallymill.store.tables.metadata import from_micros, to_micros
from tallymill.store.writer import Lane

KEY_LIFE_MICROS = 24 * 3600 * 1_000_000
KEY_PURGE_MICROS = 600 * 1_000_000
#: A block that small appends share is closed at this size.
BLOCK_BYTES = 1024 * 1024
#: One page of a search by subject reads at most this much of the log.
SCAN_BYTES = 8 * 1024 * 1024
IDS_A_QUESTION = 500


@dataclass(slots=True)
class _OpenBlock:
    """Events of one stream and shard that are about to become a row."""

    stream: str
    shard: ShardId
    first: int
    events: list[Event] = field(default_factory=list)
    size_bytes: int = 0


@dataclass(slots=True)
class _Group:
    """What one transaction appends."""

    heads: dict[int, int]
    open: dict[tuple[str, ShardId], _OpenBlock] = field(default_factory=dict)
    closed: list[_OpenBlock] = field(default_factory=list)

    def add(
        self, stream: str, to: ShardId, events: Sequence[Event], size_bytes: int
    ) -> Run:
        """Place events at the head of their shard."""
        first = self.heads[to]
        self.heads[to] = first + len(events)
        place = self.open.get((stream, to))
        # Another stream may have taken offsets of this shard since.
        if place and place.first + len(place.events) != first:
            place = None
        if place is None:
            place = self.open[stream, to] = _OpenBlock(stream, to, first)
            self.closed.append(place)
        place.events.extend(events)
        place.size_bytes += size_bytes
        if place.size_bytes >= BLOCK_BYTES:
            del self.open[stream, to]
        return Run(
            shard=to, stream=stream, first=first, count=len(events), events=events
        )


class SqlEventLog:
    """`EventLog` on a database's `block` table."""

    def __init__(self, database: Database, clock: Clock, *, shards: int) -> None:
        self._database = database
        self._clock = clock
        self._shards = shards
        self._listeners: list[Callable[[Sequence[Run]], None]] = []
        self._appends: Lane[Append, Receipt] | None = None
        self._purged_at = 0

    async def start(self) -> None:
        """Make the shards' rows and open the lane; the database must be started."""
        await self._database.write(self._make_shards)
        self._appends = self._database.lane(self._append_all, self._tell)

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
            for stream, start, count, block_id in rows:
                payload = None
                if stream in decode:
                    payload = _payload(driver_of(connection), block_id)
                runs.append(_cut(shard, stream, start, count, first, payload))
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

    def _tell(self, receipts: Sequence[Receipt]) -> None:
        runs = [run for receipt in receipts for run in receipt.runs]
        for listener in self._listeners:
            listener(runs)

    def _append_all(
        self, connection: Connection, appends: Sequence[Append]
    ) -> Sequence[Receipt]:
        driver = driver_of(connection)
        now = to_micros(self._clock.now())
        self._purge_keys(driver, now)
        group = _Group(dict(driver.execute("SELECT id, head FROM shard")))
        receipts = [_append_one(driver, group, append, now) for append in appends]
        if group.closed:
            _store(driver, group, now)
        return receipts

    def _purge_keys(self, driver: sqlite3.Connection, now: int) -> None:
        if now - self._purged_at > KEY_PURGE_MICROS:
            self._purged_at = now
            oldest = now - KEY_LIFE_MICROS
            driver.execute("DELETE FROM request_key WHERE created_at < ?", (oldest,))


def _append_one(
    driver: sqlite3.Connection, group: _Group, append: Append, now: int
) -> Receipt:
    if append.key is not None:
        known = driver.execute(
            "SELECT accepted, duplicates, note FROM request_key"
            " WHERE key = ? AND created_at >= ?",
            (append.key, now - KEY_LIFE_MICROS),
        ).fetchone()
        if known:
            return Receipt(
                accepted=known[0],
                duplicates=known[1],
                note=known[2],
                replayed=True,
                runs=(),
            )
    shares = _without_known(driver, append) if append.has_ids else append.shares
    sent = sum(len(events) for _, events in append.shares)
    runs = [
        group.add(append.stream, to, events, append.size_bytes * len(events) // sent)
        for to, events in shares
        if events
    ]
    accepted = sum(run.count for run in runs)
    duplicates = sent - accepted + append.repeats
    if append.key is not None:
        driver.execute(
            "INSERT OR REPLACE INTO request_key VALUES (?, ?, ?, ?, ?)",
            (append.key, now, accepted, duplicates, append.note),
        )
    return Receipt(
        accepted=accepted,
        duplicates=duplicates,
        note=append.note,
        replayed=False,
        runs=runs,
    )


def _without_known(
    driver: sqlite3.Connection, append: Append
) -> Sequence[tuple[ShardId, Sequence[Event]]]:
    """Leave out events whose id is stored already; remember the ids of the others."""
    ids = [event.id for _, events in append.shares for event in events if event.id]
    known = _known_ids(driver, append.stream, ids)
    kept: list[tuple[ShardId, Sequence[Event]]] = []
    new: list[tuple[str, str]] = []
    for to, events in append.shares:
        fresh = []
        for event in events:
            if event.id is not None:
                if event.id in known:
                    continue
                known.add(event.id)
                new.append((append.stream, event.id))
            fresh.append(event)
        kept.append((to, fresh))
    driver.executemany("INSERT INTO event_id VALUES (?, ?)", new)
    return kept


def _known_ids(driver: sqlite3.Connection, stream: str, ids: Sequence[str]) -> set[str]:
    # Not as one JSON array: `json_each` cuts a text at its first NUL.
    known: set[str] = set()
    for start in range(0, len(ids), IDS_A_QUESTION):
        some = ids[start : start + IDS_A_QUESTION]
        rows = driver.execute(
            "SELECT id FROM event_id WHERE stream = ?"  # noqa: S608 - question marks
            f" AND id IN ({','.join('?' * len(some))})",
            (stream, *some),
        )
        known.update(row[0] for row in rows)
    return known


def _store(driver: sqlite3.Connection, group: _Group, now: int) -> None:
    driver.executemany(
        "INSERT INTO block (stream, shard, first, count, accepted_at, payload)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            (b.stream, b.shard, b.first, len(b.events), now, encode_events(b.events))
            for b in group.closed
        ),
    )
    touched = {b.shard for b in group.closed}
    driver.executemany(
        "UPDATE shard SET head = ? WHERE id = ?",
        [(group.heads[number], number) for number in touched],
    )


def _blocks_from(
    driver: sqlite3.Connection, shard: ShardId, first: int, only: str | None
) -> Iterator[tuple[str, int, int, int]]:
    """Yield (stream, first, count, id) of the blocks that reach beyond an offset."""
    before = driver.execute(
        "SELECT max(first) FROM block WHERE shard = ? AND first <= ?", (shard, first)
    ).fetchone()[0]
    rows = driver.execute(
        "SELECT stream, first, count, id FROM block"
        " WHERE shard = ? AND first >= ? AND first + count > ? ORDER BY first",
        (shard, before or 0, first),
    )
    return (row for row in rows if only is None or row[0] == only)


def _payload(driver: sqlite3.Connection, block_id: int) -> bytes:
    row = driver.execute("SELECT payload FROM block WHERE id = ?", (block_id,))
    payload: bytes = row.fetchone()[0]
    return payload


def _cut(
    shard: ShardId,
    stream: str,
    start: int,
    count: int,
    first: int,
    payload: bytes | None,
) -> Run:
    skip = max(0, first - start)
    events = decode_block(payload)[skip:] if payload is not None else None
    return Run(
        shard=shard,
        stream=stream,
        first=start + skip,
        count=count - skip,
        events=events,
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
    for block_id, number, first, accepted_at, payload in rows:
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
