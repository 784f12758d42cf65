"""The MetaData that every table stands on, and the two forms of time."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, Integer, MetaData

metadata = MetaData()

#: A row's number, 63 bits; only as INTEGER is it SQLite's own row id.
RowId = BigInteger().with_variant(Integer, "sqlite")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(at: datetime) -> int:
    """Return an aware time as microseconds since the epoch."""
    return (at - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return microseconds since the epoch as an aware UTC time."""
    return _EPOCH + timedelta(microseconds=micros)
