"""The receiver's store: bodies as they came, one row each."""

import sqlite3
from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from tallymill.results.model import Posted, Receipt, Result, ResultPage
from tallymill.results.ports import PAGE_MAX
from tallymill.store.database import Database
from tallymill.store.sqlite import driver_of
from tallymill.store.tables.metadata import from_micros, to_micros
from tallymill.store.tables.results import result
from tallymill.store.writer import Lane

# Hot: written for the driver, because this is what a second is counted in.
_INSERT = (
    "INSERT INTO result (received_at, body, key) VALUES (?, ?, ?) "
    "ON CONFLICT (key) DO NOTHING"
)


class SqlResultStore:
    """`ResultStore` on the project's database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lane: Lane[Posted, Receipt] | None = None

    async def receive(self, posted: Posted) -> Receipt:
        """See `ResultStore.receive`."""
        if self._lane is None:
            self._lane = self._database.lane(_insert_all)
        return await self._lane.submit(posted, len(posted.body))

    async def page(self, *, after: int = 0, limit: int = PAGE_MAX) -> ResultPage:
        """See `ResultStore.page`."""
        return await self._database.read(lambda c: _page(c, after, limit))

    async def count(self) -> int:
        """See `ResultStore.count`."""
        return await self._database.read(
            lambda c: c.execute(select(func.count()).select_from(result)).scalar_one()
        )


def _insert_all(connection: Connection, posted: Sequence[Posted]) -> list[Receipt]:
    driver = driver_of(connection)
    rows = [(to_micros(p.received_at), p.body, p.key) for p in posted]
    if all(p.key is None for p in posted):
        driver.executemany(_INSERT, rows)
        return [Receipt.STORED] * len(posted)
    return [_insert(driver, row) for row in rows]


def _insert(driver: sqlite3.Connection, row: tuple[int, bytes, str | None]) -> Receipt:
    stored = driver.execute(_INSERT, row).rowcount == 1
    return Receipt.STORED if stored else Receipt.SEEN_BEFORE


def _page(connection: Connection, after: int, limit: int) -> ResultPage:
    rows = connection.execute(
        select(result.c.id, result.c.body, result.c.received_at)
        .where(result.c.id > after)
        .order_by(result.c.id)
        .limit(limit + 1)
    ).all()
    results = tuple(
        Result(position=row.id, body=row.body, received_at=from_micros(row.received_at))
        for row in rows[:limit]
    )
    return ResultPage(
        results=results,
        next_after=results[-1].position if len(rows) > limit else None,
    )
