"""The ledger: positions, partial states, workers and rejected events, in SQL.

A fold's commit goes through one lane and uses the driver raw; the rest is Core.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, Row, delete, func, select, update

from tallymill.events.model import ShardId
from tallymill.kernel.errors import Conflict, Corrupt, Unavailable
from tallymill.statistics.ports import LIVE, Partial, Progress, Snapshot
from tallymill.store.database import Database
from tallymill.store.sqlite import driver_of
from tallymill.store.tables.metadata import from_micros, to_micros
from tallymill.store.tables.workers import (
    partial,
    position,
    rejected,
    statistic,
    worker,
)
from tallymill.store.writer import Lane
from tallymill.workers.model import FoldCommit, Position, RejectedEvent, Worker

#: States that weigh more together are read beside the event loop.
PEEKED_BYTES = 256 * 1024

Known = Mapping[str, tuple[str, str, bool]]


class SqlLedger:
    """`Ledger` and `PartialStates` on a database's tables."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._commits: Lane[FoldCommit, bool] | None = None

    async def start(self) -> None:
        """Open the lane; the database must be started."""
        self._commits = self._database.lane(_commit_all, is_patient=True)

    async def stop(self) -> None:
        """Nothing to release; the database ends its lanes."""

    async def open(
        self, shards: int, statistics: Known, at: datetime
    ) -> Sequence[Position]:
        """See `Ledger.open`."""
        return await self._database.write(
            lambda connection: _open(connection, shards, statistics, to_micros(at))
        )

    async def load(
        self, shard: ShardId, reader: str
    ) -> tuple[Position, Sequence[Partial]]:
        """See `Ledger.load`."""
        return await self._database.read(
            lambda connection: _load(connection, shard, reader)
        )

    async def commit(self, commit: FoldCommit) -> bool:
        """See `Ledger.commit`."""
        if self._commits is None:
            raise Unavailable("The ledger is not open.")
        return await self._commits.submit(commit)

    async def finish(self, worker: Worker) -> None:
        """See `Ledger.finish`."""
        await self._database.write(lambda connection: _finish(connection, worker))

    async def rejected(
        self, *, stream: str | None, after: int, limit: int
    ) -> Sequence[RejectedEvent]:
        """See `Ledger.rejected`."""
        wanted = select(rejected).where(rejected.c.id > after)
        if stream is not None:
            wanted = wanted.where(rejected.c.stream == stream)
        wanted = wanted.order_by(rejected.c.id).limit(limit)
        return await self._database.read(
            lambda connection: [_rejected(row) for row in connection.execute(wanted)]
        )

    async def rejected_count(self) -> int:
        """See `Ledger.rejected_count`."""
        wanted = select(func.coalesce(func.max(rejected.c.id), 0))
        return await self._database.read(
            lambda connection: connection.execute(wanted).scalar_one()
        )

    async def snapshot(self) -> Snapshot:
        """See `PartialStates.snapshot`."""
        found = self._database.peek(_small_snapshot)
        if found is not None:
            return found
        return await self._database.read(_snapshot)


def _open(
    connection: Connection, shards: int, statistics: Known, at: int
) -> Sequence[Position]:
    heads = dict(driver_of(connection).execute("SELECT id, head FROM shard"))
    if len(heads) > shards:
        raise Conflict(
            f"The log has {len(heads)} shards already; set shards = {len(heads)} "
            "or more, they can only grow."
        )
    connection.execute(
        update(worker).where(worker.c.finished_at.is_(None)).values(finished_at=at)
    )
    for number in range(shards):
        _take_over(connection, number)
    _forget(connection, statistics)
    for name, (version, stream, from_now) in statistics.items():
        _make_known(connection, name, version, stream, at, from_now=from_now)
    rows = connection.execute(select(position).order_by(position.c.shard))
    return [_position(row) for row in rows if row.until is None or row.next < row.until]


def _load(
    connection: Connection, shard: ShardId, reader: str
) -> tuple[Position, Sequence[Partial]]:
    where = select(position).where(
        position.c.reader == reader, position.c.shard == shard
    )
    row = connection.execute(where).one_or_none()
    if row is None:
        raise Corrupt(f"Shard {shard} has no position of the reader '{reader}'.")
    partials = connection.execute(
        select(partial).where(partial.c.shard == shard, partial.c.reader == reader)
    )
    return _position(row), [_partial(found) for found in partials]


def _take_over(connection: Connection, number: int) -> None:
    """Raise the epoch of every reader of a shard; make the live one if it is new."""
    touched = connection.execute(
        update(position)
        .where(position.c.shard == number)
        .values(epoch=position.c.epoch + 1)
    )
    if touched.rowcount == 0:
        connection.execute(
            position.insert().values(reader=LIVE, shard=number, epoch=1, next=0)
        )


def _forget(connection: Connection, statistics: Known) -> None:
    """Delete what belongs to versions that are no longer defined."""
    defined = {version for version, _, _ in statistics.values()}
    for row in connection.execute(select(statistic)).all():
        if row.version in defined:
            continue
        for table, column in (
            (partial, partial.c.version),
            (rejected, rejected.c.version),
            (position, position.c.reader),
        ):
            connection.execute(delete(table).where(column == row.version))
        connection.execute(delete(statistic).where(statistic.c.name == row.name))


def _make_known(
    connection: Connection,
    name: str,
    version: str,
    stream: str,
    at: int,
    *,
    from_now: bool,
) -> None:
    """Insert a statistic that is new, and the replays of its past."""
    known = connection.execute(
        select(statistic.c.version).where(statistic.c.name == name)
    ).scalar_one_or_none()
    if known == version:
        return
    connection.execute(
        statistic.insert().values(
            name=name, version=version, stream=stream, created_at=at
        )
    )
    if from_now:
        return
    live = select(position).where(position.c.reader == LIVE, position.c.next > 0)
    for row in connection.execute(live).all():
        connection.execute(
            position.insert().values(
                reader=version, shard=row.shard, epoch=1, next=0, until=row.next
            )
        )


def _commit_all(
    connection: Connection, commits: Sequence[FoldCommit]
) -> Sequence[bool]:
    driver = driver_of(connection)
    return [_commit(driver, commit) for commit in commits]


def _commit(driver: sqlite3.Connection, commit: FoldCommit) -> bool:
    was, at = commit.position, to_micros(commit.at)
    moved = driver.execute(
        "UPDATE position SET next = ?"
        " WHERE reader = ? AND shard = ? AND epoch = ? AND next = ?",
        (commit.next, was.reader, was.shard, was.epoch, was.next),
    )
    if moved.rowcount != 1:
        return False
    driver.executemany(
        "INSERT INTO partial (version, reader, shard, state, events, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (version, reader, shard) DO UPDATE"
        " SET state = excluded.state, events = excluded.events,"
        " updated_at = excluded.updated_at",
        [
            (version, was.reader, was.shard, new.state, new.events, at)
            for version, new in commit.partials.items()
        ],
    )
    if commit.worker is not None:
        driver.execute(
            "INSERT INTO worker (id, shard, events_count, created_at)"
            " VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
            " SET events_count = events_count + excluded.events_count",
            (
                commit.worker.id,
                was.shard,
                commit.events,
                to_micros(commit.worker.created_at),
            ),
        )
    if commit.set_aside:
        driver.executemany(
            'INSERT INTO rejected (version, shard, "offset", stream, statistic,'
            " reason, rejected_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (s.version, was.shard, s.offset, s.stream, s.statistic, s.reason, at)
                for s in commit.set_aside
            ],
        )
    return True


def _finish(connection: Connection, ended: Worker) -> None:
    if ended.finished_at is None:
        raise ValueError("a worker that is finished has a time of its end")
    connection.execute(
        update(worker)
        .where(worker.c.id == ended.id)
        .values(finished_at=to_micros(ended.finished_at))
    )


def _small_snapshot(connection: Connection) -> Snapshot | None:
    """Return a snapshot, unless it would keep the event loop from others."""
    # To know how long they are, SQLite does not read the states.
    wanted = "SELECT total(length(state)) FROM partial"
    (size_bytes,) = driver_of(connection).execute(wanted).fetchone()
    return _snapshot(connection) if size_bytes <= PEEKED_BYTES else None


def _snapshot(connection: Connection) -> Snapshot:
    driver = driver_of(connection)
    partials = driver.execute(
        "SELECT version, reader, shard, state, events, updated_at FROM partial"
    )
    progress = driver.execute('SELECT reader, shard, "next", until FROM position')
    return Snapshot(
        partials=[
            Partial(
                version=version,
                reader=reader,
                shard=number,
                state=state,
                events=events,
                updated_at=from_micros(updated_at),
            )
            for version, reader, number, state, events, updated_at in partials
        ],
        progress=[
            Progress(reader=reader, shard=number, next=next_offset, until=until)
            for reader, number, next_offset, until in progress
        ],
        heads=dict(driver.execute("SELECT id, head FROM shard")),
    )


def _position(row: Row[tuple[object, ...]]) -> Position:
    return Position(
        shard=ShardId(row.shard),
        reader=row.reader,
        epoch=row.epoch,
        next=row.next,
        until=row.until,
    )


def _partial(row: Row[tuple[object, ...]]) -> Partial:
    return Partial(
        version=row.version,
        reader=row.reader,
        shard=row.shard,
        state=row.state,
        events=row.events,
        updated_at=from_micros(row.updated_at),
    )


def _rejected(row: Row[tuple[object, ...]]) -> RejectedEvent:
    return RejectedEvent(
        id=row.id,
        shard=ShardId(row.shard),
        offset=row.offset,
        stream=row.stream,
        statistic=row.statistic,
        reason=row.reason,
        rejected_at=from_micros(row.rejected_at),
    )
