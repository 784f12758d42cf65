"""How a moment is bound to a query so that it compares rightly with the data. Pure.

SQLite has no type for times; they are texts, most often local and without an offset, as
in `2022-12-12 01:30:22.000222`. Texts compare character by character, so a moment is
bound in the same form and zone, and as short as it can be: midnight is `2022-12-12`, a
whole second has no fraction. A prefix sorts before everything that it begins, hence the
first moment of a day is neither lost nor counted twice, whether the data has a `T`, a
fraction, an offset behind it, or no time at all.

    auto     local for SQLite, native for PostgreSQL, a naive local datetime elsewhere
    local    2022-12-12 13:00:00       the wall clock of the job's zone
    utc      2022-12-12 07:30:00       the same in UTC
    local-t  2022-12-12T13:00:00       with a T, as ISO 8601 has it
    utc-t    2022-12-12T07:30:00
    unix     1670830200                seconds since 1970, with a fraction if there is one
    native   an aware datetime         for types that know zones, such as timestamptz
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from tallymill.sources.model import TimeStyle


def bound_value(
    value: object, *, style: TimeStyle, dialect: str, timezone: str
) -> object:
    """Return what is bound for a parameter; only aware datetimes are changed.

    Args:
        value: Of the parameter.
        style: Of the source.
        dialect: SQLAlchemy's name of it, such as "sqlite".
        timezone: IANA name of the job's zone.
    """
    if not isinstance(value, datetime) or value.tzinfo is None:
        return value
    local = value.astimezone(ZoneInfo(timezone))
    if style == "auto":
        return _by_dialect(local, dialect)
    if style == "native":
        return value
    if style == "unix":
        seconds = value.timestamp()
        return int(seconds) if seconds.is_integer() else seconds
    shown = value.astimezone(UTC) if style.startswith("utc") else local
    return shortest(shown, "T" if style.endswith("-t") else " ")


def shortest(moment: datetime, separator: str) -> str:
    """Return a moment's clock reading as the shortest text that means it."""
    naive = moment.replace(tzinfo=None)
    if (naive.hour, naive.minute, naive.second, naive.microsecond) == (0, 0, 0, 0):
        return naive.date().isoformat()
    return naive.isoformat(separator)


def _by_dialect(local: datetime, dialect: str) -> object:
    if dialect == "sqlite":
        return shortest(local, " ")
    if dialect == "postgresql":
        return local
    return local.replace(tzinfo=None)
