"""Accounts, and the keys under which events were sent to them."""

from sqlalchemy import BigInteger, Boolean, Column, Table, Text

from tallymill.store.tables.metadata import RowId, metadata

account = Table(
    "account",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("name", Text, nullable=False),
    Column(
        "folded", Text, nullable=False
    ),  # the name in case-folded form, for searches
    Column("is_active", Boolean, nullable=False),
)

#: Requests that were taken once and are not to be taken again; kept until they expire.
account_key = Table(
    "account_key",
    metadata,
    Column("key", Text, primary_key=True),
    Column("expires_at", BigInteger, nullable=False, index=True),
    sqlite_with_rowid=False,
)
