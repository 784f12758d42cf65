"""A source as the project names it."""

import re
from typing import Final, Literal, get_args

import msgspec

#: How a time is bound to a query, see `times.py`.
TimeStyle = Literal["auto", "local", "utc", "local-t", "utc-t", "unix", "native"]
TIME_STYLES: Final[tuple[TimeStyle, ...]] = get_args(TimeStyle)


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A database that may be asked."""

    name: str
    url: str  #: of SQLAlchemy; a SQLite path may be relative to the project's folder
    times: TimeStyle = "auto"

    @property
    def shown_url(self) -> str:
        """Return the URL with its password, if it has one, as ***."""
        return re.sub(r"(://[^/@:]*):[^/@]*@", r"\1:***@", self.url)
