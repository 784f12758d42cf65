"""The log: blocks of events, the ids already seen, and the keys of requests."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from tallymill.store.tables.metadata import RowId, metadata

#: One row a shard: `head` is the offset that its next event will have.
shard = Table(
    "shard",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("head", BigInteger, nullable=False),
)

#: A run of events of one stream and shard, as a JSON array; `id` is the order of arrival.
block = Table(
    "block",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("stream", Text, nullable=False),
    Column("shard", Integer, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("accepted_at", BigInteger, nullable=False),
    Column("instance", Text, nullable=False, server_default=""),  # a host name
    Column("payload", LargeBinary, nullable=False),
    Index("block_shard_first", "shard", "first", unique=True),
    Index("block_stream", "stream"),  # and by id, as SQLite and the pages want it
)

#: The ids given by senders; an event whose id is here is not stored again.
event_id = Table(
    "event_id",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    sqlite_with_rowid=False,
)

#: What was answered under an Idempotency-Key.
request_key = Table(
    "request_key",
    metadata,
    Column("key", Text, primary_key=True),
    Column("created_at", BigInteger, nullable=False, index=True),
    Column("accepted", BigInteger, nullable=False),
    Column("duplicates", BigInteger, nullable=False),
    Column("note", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
