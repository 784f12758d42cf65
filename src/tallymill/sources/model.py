"""A source as the project names it."""

from typing import Literal

import msgspec

#: How a time is bound to a query, see `times.py`.
TimeStyle = Literal["auto", "local", "utc", "local-t", "utc-t", "unix", "native"]


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A database that may be asked."""

    name: str
    url: str  #: of SQLAlchemy; a SQLite path may be relative to the project's folder
    times: TimeStyle = "auto"
