"""What has run, for reading; and how far a backfill has come."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from tallymill.delivery.model import DeliveryState
from tallymill.jobs.model import Run, RunKind, RunPage, RunState
from tallymill.jobs.ports import Counts
from tallymill.store.database import Database
from tallymill.store.run_rows import run_of
from tallymill.store.tables.jobs import delivery, run
from tallymill.store.tables.metadata import from_micros, to_micros

#: A page ends early when its results come to this: 1,000 of them can be 8 GB.
PAGE_MOST_BYTES = 4 * 1024 * 1024


class SqlRunHistory:
    """`RunHistory` on the project's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, run_id: str) -> Run | None:
        """See `RunHistory.get`."""

        def question(connection: Connection) -> Run | None:
            found = connection.execute(select(run).where(run.c.id == run_id))
            row = found.mappings().one_or_none()
            return None if row is None else run_of(dict(row))

        return await self._database.read(question)

    async def of_job(
        self, job_id: str, *, limit: int, before: int | None = None
    ) -> RunPage:
        """See `RunHistory.of_job`."""
        return await self._database.read(lambda c: _of_job(c, job_id, limit, before))

    async def known_times(
        self, job_id: str, start: datetime, end: datetime
    ) -> frozenset[datetime]:
        """See `RunHistory.known_times`."""
        question = select(run.c.scheduled_for).where(_backfill(job_id, start, end))
        return await self._database.read(
            lambda c: frozenset(map(from_micros, c.execute(question).scalars()))
        )

    async def counts(self, job_id: str, start: datetime, end: datetime) -> Counts:
        """See `RunHistory.counts`."""
        question = (
            select(run.c.state, delivery.c.state.label("delivery"), func.count())
            .join(delivery, delivery.c.run_id == run.c.id, isouter=True)
            .where(_backfill(job_id, start, end))
            .group_by(run.c.state, delivery.c.state)
        )
        return await self._database.read(lambda c: _counted(c.execute(question)))


def _of_job(
    connection: Connection, job_id: str, limit: int, before: int | None
) -> RunPage:
    question = select(run).where(run.c.job_id == job_id)
    if before is not None:
        question = question.where(run.c.seq < before)
    question = question.order_by(run.c.seq.desc()).limit(limit + 1)
    runs: list[Run] = []
    last, size_bytes = 0, 0
    for row in connection.execute(question).mappings():
        if len(runs) == limit or size_bytes > PAGE_MOST_BYTES:
            return RunPage(runs=tuple(runs), next_before=last)
        runs.append(run_of(dict(row)))
        last, size_bytes = row["seq"], size_bytes + len(row["result"] or b"")
    return RunPage(runs=tuple(runs), next_before=None)


def _backfill(job_id: str, start: datetime, end: datetime) -> ColumnElement[bool]:
    return (
        (run.c.job_id == job_id)
        & (run.c.kind == RunKind.BACKFILL.value)
        & (run.c.scheduled_for >= to_micros(start))
        & (run.c.scheduled_for < to_micros(end))
    )


def _counted(rows: Iterable[Any]) -> Counts:
    by_run: dict[str, int] = {}
    by_delivery: dict[str | None, int] = {}
    for state, delivery_state, count in rows:
        by_run[state] = by_run.get(state, 0) + count
        by_delivery[delivery_state] = by_delivery.get(delivery_state, 0) + count
    active = (RunState.QUEUED, RunState.RUNNING)
    return Counts(
        queued=sum(by_run.get(state.value, 0) for state in active),
        done=by_run.get(RunState.SUCCEEDED.value, 0),
        failed=by_run.get(RunState.FAILED.value, 0),
        undelivered=by_delivery.get(DeliveryState.UNDELIVERED.value, 0),
        delivered=by_delivery.get(DeliveryState.DELIVERED.value, 0),
        to_deliver=by_delivery.get(DeliveryState.WAITING.value, 0),
    )
