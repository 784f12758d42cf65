"""The bodies posted to `/result`."""

from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text

from tallymill.store.tables.metadata import RowId, metadata

result = Table(
    "result",
    metadata,
    # A row id in SQLite must be declared INTEGER; elsewhere 32 bits are too few.
    Column("id", RowId, primary_key=True),
    Column("received_at", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("key", Text, nullable=True, unique=True),
)
