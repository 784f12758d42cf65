"""The database as the adapters see it: write a unit, read a snapshot, open a lane.

Who calls: the adapters of this folder. What is here holds for every database; what
differs stays in `sqlite.py`.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from tallymill.kernel.errors import Overloaded, Unavailable
from tallymill.store.migrate import migrate
from tallymill.store.sqlite import (
    DRIVER_ERRORS,
    FolderLock,
    SqliteTransactions,
    reading_engine,
    unavailable,
    unreadable,
)
from tallymill.store.writer import Handler, Item, Lane, Outcome, Writer

T = TypeVar("T")
Unit = Callable[[Connection], T]

READERS = 3
#: What may wait for the disk before senders are told to come back later.
WAITING_BYTES_MAX = 48 * 1024 * 1024


class Database:
    """One SQLite file, its folder's lock, its writer thread and its readers."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = FolderLock(path.parent)
        self._transactions: SqliteTransactions | None = None
        self._writer: Writer | None = None
        self._reading: Engine | None = None
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="tallymill-read")
        self._units: Lane[Unit[Any], Any] | None = None
        self._trial: asyncio.Future[Any] | None = None

    async def start(self) -> None:
        """Lock the folder, bring the tables up to date, start the writer.

        Raises:
            Conflict: Another process runs on this folder.
            Unavailable: The file cannot be opened or written.
        """
        self._lock.acquire()
        try:
            self._transactions = await asyncio.to_thread(self._open)
        except BaseException as exc:
            self._lock.release()
            if isinstance(exc, DRIVER_ERRORS):
                raise unavailable(exc) from exc
            raise
        self._writer = Writer(self._transactions, waiting_bytes_max=WAITING_BYTES_MAX)
        # One more for `peek`, so that it never waits for a reader.
        self._reading = reading_engine(self._path, READERS + 1)
        self._writer.start()
        self._units = self.lane(_run_units)

    async def stop(self) -> None:
        """Write what waits, close every connection, give the lock back."""
        if self._writer:
            await self._writer.close()
            self._writer = None
        reading, self._reading = self._reading, None
        await asyncio.to_thread(self._readers.shutdown)
        if reading:
            reading.dispose()
        if self._transactions:
            self._transactions.close()
            self._transactions = None
        self._lock.release()

    def troubles(self) -> Sequence[str]:
        """Return why nothing could be stored last; empty once a write succeeds.

        Asking has a small write tried, so that it ends where nobody else writes: who
        is not ready gets no requests.
        """
        trouble = self._writer.trouble if self._writer else None
        if trouble is None:
            return []
        if self._trial is None or self._trial.done():
            self._try_to_write()
        return [trouble]

    async def write(self, unit: Unit[T]) -> T:
        """Run a unit atomically; when this returns, its effects are durable.

        Raises:
            Unavailable: It could not be written; nothing of it was stored.
        """
        if self._units is None:
            raise Unavailable("The database is not open.")
        outcome: T = await self._units.submit(unit)
        return outcome

    async def read(self, question: Unit[T]) -> T:
        """Run a question in one snapshot, beside the event loop.

        Raises:
            Unavailable: It cannot be read now.
        """
        if self._reading is None:
            raise Unavailable("The database is not open.")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, _ask, self._reading, question)

    def peek(self, question: Unit[T]) -> T:
        """Run a question in one snapshot, here and now, in the event loop.

        Only for a few rows that are asked for all the time and therefore in memory: a
        hop to another thread and back costs more than such a question, and under load
        each change of threads waits for the interpreter's lock.

        Raises:
            Unavailable: It cannot be read now.
        """
        if self._reading is None:
            raise Unavailable("The database is not open.")
        return _ask(self._reading, question)

    def lane(
        self,
        handler: Handler[Item, Outcome],
        committed: Callable[[Sequence[Outcome]], None] | None = None,
        *,
        is_patient: bool = False,
    ) -> Lane[Item, Outcome]:
        """Return a lane: all items that wait go to one call of the handler.

        Args:
            handler: Called in the writer thread, inside a transaction; returns an
                outcome for each item, in order. If it raises for several items, it is
                called again for each alone, and only the culprit's caller is told.
            committed: Called in the event loop with the outcomes, in order, once they
                are durable and before any caller is answered.
            is_patient: Whether its items may wait for some transactions of others.
        """
        if self._writer is None:
            raise Unavailable("The database is not open.")
        return self._writer.lane(handler, committed, is_patient=is_patient)

    def _try_to_write(self) -> None:
        if self._units is None:
            return
        with contextlib.suppress(Overloaded, Unavailable):  # then others' writes tell
            self._trial = self._units.submit(_rewrite)
            self._trial.add_done_callback(_look_at)

    def _open(self) -> SqliteTransactions:
        transactions = SqliteTransactions(self._path)
        try:
            migrate(transactions.connection)
        except BaseException:
            transactions.close()
            raise
        return transactions


def _ask(reading: Engine, question: Unit[T]) -> T:
    try:
        with reading.connect() as connection, connection.begin():
            return question(connection)
    except DRIVER_ERRORS as exc:
        raise unreadable(exc) from exc


def _rewrite(connection: Connection) -> None:
    """Write what is there already."""
    connection.exec_driver_sql("UPDATE shard SET head = head")


def _look_at(done: "asyncio.Future[Any]") -> None:
    """Take a future's error, which the writer remembers."""
    if not done.cancelled():
        done.exception()


def _run_units(connection: Connection, units: Sequence[Unit[Any]]) -> Sequence[Any]:
    return [unit(connection) for unit in units]
