"""What is known of the database itself."""

from typing import Final

from sqlalchemy import Column, Table, Text

from tallymill.store.tables.metadata import metadata

#: The key of the random name that a database gets at its making.
EPOCH: Final = "epoch"

meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)
