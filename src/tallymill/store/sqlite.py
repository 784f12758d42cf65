"""SQLite as the embedded database: one file, one writing connection, many readers.

WAL with `synchronous=FULL`: a commit returns when the log file is synced. Only the
writing connection checkpoints, because in SQLite before 3.51.3 a write that races
another connection's checkpoint can corrupt the file (sqlite.org/wal.html#walresetbug).
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool, QueuePool

from tallymill.kernel.errors import Conflict, Unavailable

#: What may come up from the driver, with SQLAlchemy's wrapping and without.
DRIVER_ERRORS = (DBAPIError, sqlite3.Error)

PAGE_BYTES = 16 * 1024
#: Written since the last checkpoint: when to checkpoint while busy, and when idle.
#: Small steps keep each one short; one of 64 MB stalls every append for 60 ms.
CHECKPOINT_BUSY_BYTES = 16 * 1024 * 1024
CHECKPOINT_IDLE_BYTES = 1024 * 1024


class FolderLock:
    """The right to write in a data folder; held by one process at a time."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "tallymill.lock"
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            Conflict: Another process holds it.
            Unavailable: The folder cannot be written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as exc:
            raise Unavailable(
                f"The data folder {self._path.parent} cannot be written: {exc.strerror}."
            ) from exc
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            self.release()
            raise Conflict(
                f"Another Tallymill is running on the data folder {self._path.parent}; "
                "stop it first, or give this one a folder of its own."
            ) from exc

    def release(self) -> None:
        """Give the lock back; nothing happens when it is not held."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


class SqliteTransactions:
    """The writing connection; opened, used and closed by the writer thread's owner."""

    def __init__(self, path: Path) -> None:
        self._engine = _writing_engine(path)
        self._connection = self._engine.connect()
        self._driver = driver_of(self._connection)
        self._since_checkpoint = 0

    @property
    def connection(self) -> Connection:
        """The connection itself, for migrations before the writer thread starts."""
        return self._connection

    def group(self, work: Callable[[Connection], None]) -> None:
        """Run `work` in one transaction; see `Transactions.group`."""
        try:
            with self._connection.begin():
                work(self._connection)
                # The driver's commit says nothing when there is no transaction left.
                if not self.is_open():
                    raise Unavailable("The database gave the transaction up.")
        except DRIVER_ERRORS as exc:
            raise unavailable(exc) from exc

    @contextmanager
    def nested(self) -> Iterator[None]:
        """See `Transactions.nested`."""
        self._driver.execute("SAVEPOINT lane")
        try:
            yield
        except BaseException:
            if self.is_open():
                self._driver.execute("ROLLBACK TO lane")
                self._driver.execute("RELEASE lane")
            raise
        self._driver.execute("RELEASE lane")

    def is_open(self) -> bool:
        """See `Transactions.is_open`."""
        return self._driver.in_transaction

    def told(self, error: Exception) -> Exception:
        """See `Transactions.told`."""
        return unavailable(error) if isinstance(error, DRIVER_ERRORS) else error

    def tend(self, written_bytes: int, *, idle: bool) -> None:
        """Checkpoint in small steps, earlier when nobody waits."""
        self._since_checkpoint += written_bytes + PAGE_BYTES
        due = CHECKPOINT_IDLE_BYTES if idle else CHECKPOINT_BUSY_BYTES
        if self._since_checkpoint < due:
            return
        self._since_checkpoint = 0
        self._driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def close(self) -> None:
        """Close the connection; SQLite then folds the log file into the database."""
        self._connection.close()
        self._engine.dispose()


def reading_engine(path: Path, readers: int) -> Engine:
    """Return an engine of read-only connections whose transactions are snapshots."""
    engine = create_engine(
        "sqlite://",
        creator=lambda: _connect(f"file:{_quoted(path)}?mode=ro"),
        poolclass=QueuePool,
        pool_size=readers,
        max_overflow=0,
    )
    _begin_with(engine, "BEGIN")
    return engine


def driver_of(connection: Connection) -> sqlite3.Connection:
    """Return the driver's own connection, for the hot statements."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, sqlite3.Connection):
        raise TypeError(f"not a SQLite connection: {driver!r}")
    return driver


def unavailable(exc: Exception) -> Unavailable:
    """Translate what the driver raised into a sentence for the caller."""
    cause = _first_cause(exc)
    if getattr(cause, "sqlite_errorname", "") == "SQLITE_FULL":
        return Unavailable("The disk is full; nothing was stored. Free some space.")
    return Unavailable(f"The database cannot be written: {cause}.")


def unreadable(exc: Exception) -> Unavailable:
    """Translate what a reading connection raised."""
    return Unavailable(f"The database cannot be read: {_first_cause(exc)}.")


def _first_cause(exc: BaseException) -> BaseException:
    """Return the driver's first error: that of undoing a lost transaction hides it."""
    found = getattr(exc, "orig", None) or exc
    before = exc.__cause__ or exc.__context__
    while before is not None:
        if isinstance(before, sqlite3.Error):
            found = before
        before = before.__cause__ or before.__context__
    return found


def _writing_engine(path: Path) -> Engine:
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        "sqlite://",
        creator=lambda: _connect(f"file:{_quoted(path)}"),
        poolclass=NullPool,
    )
    event.listen(engine, "connect", _prepare_for_writing)
    _begin_with(engine, "BEGIN IMMEDIATE")
    return engine


def _connect(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(
        uri, uri=True, isolation_level=None, check_same_thread=False, timeout=5.0
    )


def _prepare_for_writing(driver: sqlite3.Connection, _record: object) -> None:
    for pragma in (
        f"page_size={PAGE_BYTES}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "wal_autocheckpoint=0",
        "journal_size_limit=67108864",
        "foreign_keys=ON",
        "cache_size=-32768",
    ):
        driver.execute(f"PRAGMA {pragma}").fetchall()


def _begin_with(engine: Engine, statement: str) -> None:
    """Make SQLAlchemy's begin the database's own; the driver's guess at it is off."""

    def begin(connection: Connection) -> None:
        # By the driver: SQLAlchemy's own way costs more than all else in a small read.
        driver_of(connection).execute(statement)

    event.listen(engine, "begin", begin)


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace("?", "%3f").replace("#", "%23")
