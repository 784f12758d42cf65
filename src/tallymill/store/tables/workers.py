"""How far each shard is folded, the partial states, the workers, what was set aside."""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table, Text

from tallymill.store.tables.metadata import RowId, metadata

#: How far a reader of a shard has come. The reader "live" is the shard's own fold;
#: a statistic's version is the reader of its replay, which ends at `until`.
position = Table(
    "position",
    metadata,
    Column("reader", Text, primary_key=True),
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False),
    Column("next", BigInteger, nullable=False),
    Column("until", BigInteger),
    sqlite_with_rowid=False,
)

#: One partial state for each statistic, reader and shard; they merge to the answer.
partial = Table(
    "partial",
    metadata,
    Column("version", Text, primary_key=True),
    Column("reader", Text, primary_key=True),
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("state", LargeBinary, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

#: The statistics that this database knows, by name; a new version starts anew.
statistic = Table(
    "statistic",
    metadata,
    Column("name", Text, primary_key=True),
    Column("version", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

worker = Table(
    "worker",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=False),
    Column("shard", Integer, nullable=False),
    Column("events_count", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
)

#: Events that did not fit a statistic, each once for each statistic, with the reason.
rejected = Table(
    "rejected",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("version", Text, nullable=False),
    Column("shard", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("stream", Text, nullable=False),
    Column("statistic", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("rejected_at", BigInteger, nullable=False),
    sqlite_autoincrement=True,  # an id is a reader's bookmark, so none is given twice
)
