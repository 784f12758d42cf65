"""Jobs, their runs, what is to be delivered, and each attempt at it.

Times are microseconds since the epoch. A job's definition is JSON as `jobs/model.py`
writes it; only what the planner asks by has a column of its own.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from tallymill.store.tables.metadata import RowId, metadata

# A row id in SQLite must be declared INTEGER; elsewhere 32 bits are too few.

# Conditions of partial indexes. SQLite uses such an index only for a question that
# repeats its condition to the letter, so the questions take them from here.
IS_QUEUED = text("state = 'queued'")
IS_RUNNING = text("state = 'running'")
IS_ACTIVE = text("state IN ('queued', 'running')")
IS_WAITING = text("state = 'waiting'")

job = Table(
    "job",
    metadata,
    Column("seq", RowId, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("origin", Text, nullable=False),
    Column("definition", Text, nullable=False),
    Column("paused", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("last_nominal", BigInteger, nullable=False),
    Column("next_nominal", BigInteger),
    Column("next_run", BigInteger),
    Column("last_run", BigInteger),
    Column("last_outcome", Text),
    Column("last_delivery", Text),
    Index("job_next_run", "next_run"),
    Index("job_origin", "origin"),
)

#: One row for each occurrence; a row of kind `missed` stands for `count` of them.
#: `job_id` is no foreign key: history outlives its job.
run = Table(
    "run",
    metadata,
    Column("seq", RowId, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("job_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("scheduled_for", BigInteger, nullable=False),
    Column("until", BigInteger),
    Column("count", BigInteger, nullable=False),
    Column("as_of", BigInteger),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("priority", Integer, nullable=False),
    Column("serial", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("holder", Text),
    Column("lease_until", BigInteger),
    Column("not_before", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    Column("result", LargeBinary),
    Column("error", Text),
    UniqueConstraint("job_id", "scheduled_for", "kind"),
    Index("run_of_job", "job_id", "seq"),
    Index(
        "run_queued",
        "priority",
        "seq",
        sqlite_where=IS_QUEUED,
        postgresql_where=IS_QUEUED,
    ),
    Index(
        "run_running",
        "job_id",
        sqlite_where=IS_RUNNING,
        postgresql_where=IS_RUNNING,
    ),
    Index(
        "run_active",
        "job_id",
        sqlite_where=IS_ACTIVE,
        postgresql_where=IS_ACTIVE,
    ),
)

#: The outbox: at most one row a run; the body is the run's result.
delivery = Table(
    "delivery",
    metadata,
    Column("run_id", Text, ForeignKey("run.id"), primary_key=True),
    Column("job_id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("scheduled_for", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("tries_left", Integer, nullable=False),
    Column("retries", Integer, nullable=False),
    Column("next_try_at", BigInteger, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("holder", Text),
    Column("reason", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Index(
        "delivery_waiting",
        "destination",
        "next_try_at",
        sqlite_where=IS_WAITING,
        postgresql_where=IS_WAITING,
    ),
)

attempt = Table(
    "attempt",
    metadata,
    Column("run_id", Text, ForeignKey("delivery.run_id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("duration", BigInteger, nullable=False),
    Column("status", Integer),
    Column("error", Text),
    Column("reply", LargeBinary, nullable=False),
)
