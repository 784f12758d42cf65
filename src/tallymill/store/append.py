"""Appending to the log inside a transaction that somebody else has begun.

Who calls: `log`, for requests of their own, and `accounts`, whose check and append
are one transaction. Uses the driver raw; nothing here commits or tells anybody.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from tallymill.events.codec import encode_events
from tallymill.events.model import Event, ShardId
from tallymill.events.ports import Append, Receipt, Run

KEY_LIFE_MICROS = 24 * 3600 * 1_000_000
#: A block that small appends share is closed at this size.
BLOCK_BYTES = 1024 * 1024
IDS_A_QUESTION = 500
ROWS_A_STATEMENT = 64
STATEMENT_BYTES = 4 * 1024 * 1024


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
    instance: str
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
            shard=to,
            stream=stream,
            first=first,
            count=len(events),
            events=events,
            instance=self.instance,
        )


def append_within(
    driver: sqlite3.Connection, appends: Sequence[Append], *, now: int, instance: str
) -> list[Receipt]:
    """Store the events of several requests; small ones share blocks.

    Args:
        driver: In a transaction of the writing connection.
        appends: In the order in which they came.
        now: Microseconds since the epoch.
        instance: Host name of who takes them.
    """
    heads = dict(driver.execute("SELECT id, head FROM shard"))
    group = _Group(heads, instance)
    receipts = [_append_one(driver, group, append, now) for append in appends]
    if group.closed:
        _store(driver, group, now)
    return receipts


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
    for some in _parts(group.closed):
        values = [
            value
            for place in some
            for value in (
                place.stream,
                place.shard,
                place.first,
                len(place.events),
                now,
                group.instance,
                encode_events(place.events),
            )
        ]
        driver.execute(_insert_blocks(len(some)), values)
    touched = {place.shard for place in group.closed}
    heads = [value for number in touched for value in (number, group.heads[number])]
    driver.execute(_move_heads(len(touched)), heads)


def _parts(blocks: Sequence[_OpenBlock]) -> Iterator[list[_OpenBlock]]:
    """Yield the blocks of each statement; the driver copies all that is in one."""
    some: list[_OpenBlock] = []
    size_bytes = 0
    for block in blocks:
        if len(some) == ROWS_A_STATEMENT or size_bytes >= STATEMENT_BYTES:
            yield some
            some, size_bytes = [], 0
        some.append(block)
        size_bytes += block.size_bytes
    yield some


# One statement for all rows: each call of the driver lets go of the interpreter's
# lock, and under load it takes half a millisecond to get it back.
@cache
def _insert_blocks(rows: int) -> str:
    return (
        "INSERT INTO block"  # noqa: S608 - question marks
        " (stream, shard, first, count, accepted_at, instance, payload)"
        f" VALUES {', '.join(['(?, ?, ?, ?, ?, ?, ?)'] * rows)}"
    )


@cache
def _move_heads(shards: int) -> str:
    return (
        f"INSERT INTO shard (id, head) VALUES {', '.join(['(?, ?)'] * shards)}"  # noqa: S608 - likewise
        " ON CONFLICT (id) DO UPDATE SET head = excluded.head"
    )
