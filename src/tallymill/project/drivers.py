"""Whether a source's URL can be opened here at all, without opening it.

A database that is away comes back; a dialect or a driver that is not installed does not
come by itself, so that is a fault of the project.
"""

from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from tallymill.sources.model import Source


def url_fault(url: str) -> str:
    """Return why no query can ever be asked under this URL, or ""."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return 'is none that SQLAlchemy understands; give url = "sqlite:///FILE"'
    if parsed.get_backend_name() == "sqlite":
        return "" if _file_of(parsed) else 'names no file; give url = "sqlite:///FILE"'
    return _driver_fault(parsed)


def _driver_fault(url: URL) -> str:
    try:
        dialect = url.get_dialect()
        if getattr(dialect, "is_async", False):
            return f"names an asynchronous driver, {url.drivername!r}; name another"
        dialect.import_dbapi()
    except NoSuchModuleError:
        return (
            f"begins with {url.drivername!r}, which is no database that is known "
            "here; known are sqlite, postgresql, mysql, mariadb, oracle and mssql"
        )
    except ImportError as exc:
        return (
            f"needs the Python module {exc.name or url.drivername!r}, which is not "
            "installed; install it beside Tallymill, or name another driver "
            '(as in "mysql+pymysql://…")'
        )
    return ""


def file_notice(source: Source) -> str:
    """Return that a source's SQLite file is not there, or ""."""
    url = make_url(source.url)
    if url.get_backend_name() != "sqlite":
        return ""
    path = _file_of(url)
    if path is None or not path.is_absolute() or path.is_file():
        return ""
    return (
        f"the source {source.name} has no file {path} yet; until it is there, runs "
        "that ask it fail"
    )


def _file_of(url: URL) -> Path | None:
    named = url.database
    return Path(named) if named and named != ":memory:" else None
