"""The bodies posted to `/result`."""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table, Text

from tallymill.store.tables.metadata import metadata

result = Table(
    "result",
    metadata,
    # A row id in SQLite must be declared INTEGER; elsewhere 32 bits are too few.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("received_at", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("key", Text, nullable=True, unique=True),
)
