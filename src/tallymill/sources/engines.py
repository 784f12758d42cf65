"""Opening a database so that nothing can be written to it.

SQLite: the file is opened with `mode=ro`, and an authorizer lets nothing pass but
reading. Elsewhere: a read-only transaction where the database knows one, and a rollback
at the end in any case.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from tallymill.kernel.errors import QueryFailed
from tallymill.sources.model import Source

#: The longest single value that SQLite may build, bytes.
VALUE_MOST_BYTES = 16 * 1024 * 1024
#: The progress handler is asked after so many steps of SQLite's machine: about 0.1 ms.
_STEPS = 10_000
_BUSY_S = 5.0

_READING = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
    }
)


def open_engine(
    source: Source, *, folder: Path, must_stop: Callable[[], bool], timeout_s: float
) -> Engine:
    """Return an engine for one query.

    Args:
        source: What to open.
        folder: Relative SQLite paths are relative to it.
        must_stop: Asked again and again while SQLite works; True interrupts it.
        timeout_s: How long connecting may take.

    Raises:
        QueryFailed: The URL cannot be used.
    """
    url = _url(source)
    try:
        if url.get_backend_name() != "sqlite":
            return create_engine(url, poolclass=NullPool)
        path = _path(source, url, folder)
        return create_engine(
            "sqlite://",
            creator=lambda: _open_sqlite(path, must_stop, timeout_s),
            poolclass=NullPool,
        )
    except (NoSuchModuleError, ModuleNotFoundError) as exc:
        raise QueryFailed(
            f"The source {source.name!r} needs a driver that is not installed: {exc}."
        ) from exc


def file_told(source: Source, folder: Path) -> str:
    """Return where a SQLite source's file is and whether it is there; else ""."""
    url = _url(source)
    if url.get_backend_name() != "sqlite":
        return ""
    path = _path(source, url, folder).absolute()
    return f"; its file is {path}, which {_found(path)}"


def begin_reading(connection: Connection, timeout_s: float) -> None:
    """Make the transaction read-only, and its statements end by themselves."""
    milliseconds = max(1, int(timeout_s * 1000))
    match connection.dialect.name:
        case "postgresql":
            connection.execute(text("SET TRANSACTION READ ONLY"))
            connection.execute(text(f"SET LOCAL statement_timeout = {milliseconds}"))
        case "mysql" | "mariadb":
            connection.execute(text("START TRANSACTION READ ONLY"))
        case _:
            pass


def _url(source: Source) -> URL:
    try:
        return make_url(source.url)
    except ArgumentError as exc:
        raise QueryFailed(
            f"The url of the source {source.name!r} is none that SQLAlchemy "
            'understands: write, for example, "sqlite:///file.sqlite".'
        ) from exc


def _path(source: Source, url: URL, folder: Path) -> Path:
    if not url.database or url.database == ":memory:":
        raise QueryFailed(
            f"The source {source.name!r} names no file: write "
            '"sqlite:///file.sqlite", or four slashes before an absolute path.'
        )
    return folder / url.database


def _found(path: Path) -> str:
    try:
        if not path.exists():
            return "does not exist"
    except OSError:
        return "cannot be looked at"
    return "exists" if path.is_file() else "is no file"


def _open_sqlite(
    path: Path, must_stop: Callable[[], bool], timeout_s: float
) -> sqlite3.Connection:
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    connection = sqlite3.connect(
        uri,
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=min(_BUSY_S, timeout_s),
    )
    connection.execute("PRAGMA query_only = ON")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_MOST_BYTES)
    connection.set_progress_handler(must_stop, _STEPS)
    connection.set_authorizer(_authorize)
    return connection


def _authorize(
    action: int, first: str | None, second: str | None, *_: str | None
) -> int:
    """Let reading pass, and a pragma that is asked rather than set."""
    if action == sqlite3.SQLITE_FUNCTION and second == "load_extension":
        return sqlite3.SQLITE_DENY
    if action in _READING:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA and second is None and first != "journal_mode":
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY
