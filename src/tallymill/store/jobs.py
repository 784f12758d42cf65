"""The jobs' store, and the transaction that plans them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, func, select, update

from tallymill.jobs.model import Job, JobPage, Origin, Run, RunState
from tallymill.jobs.ports import Change, Decide, Plan, Planned
from tallymill.store.database import Database
from tallymill.store.run_rows import (
    cancel_runs,
    insert_runs,
    job_of,
    micros,
    row_of_job,
    row_of_run,
)
from tallymill.store.sqlite import driver_of
from tallymill.store.tables.jobs import IS_ACTIVE, job, run
from tallymill.store.tables.metadata import from_micros, to_micros
from tallymill.store.writer import Lane

_NAMES = [column.name for column in job.columns if column.name != "seq"]
# Hot: written for the driver.
_INSERT = (
    f"INSERT INTO job ({', '.join(_NAMES)}) VALUES ({', '.join('?' for _ in _NAMES)}) "  # noqa: S608 - names of columns
    "ON CONFLICT (id) DO NOTHING"
)
_MOVE_ON = (
    update(job)
    .where(job.c.seq == bindparam("of_seq"), job.c.version == bindparam("of_version"))
    .values(
        last_nominal=bindparam("to_last"),
        next_nominal=bindparam("to_next"),
        next_run=bindparam("to_run"),
        version=job.c.version + 1,
    )
)
JobRow = tuple[Any, ...]


class SqlJobStore:
    """`JobStore` on the project's database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lane: Lane[JobRow, bool] | None = None

    async def add(self, new: Job) -> bool:
        """See `JobStore.add`."""
        if self._lane is None:
            self._lane = self._database.lane(_insert_all)
        columns = row_of_job(new)
        row = tuple(columns[name] for name in _NAMES)
        return await self._lane.submit(row, 256 + len(columns["definition"]))

    async def get(self, job_id: str) -> Job | None:
        """See `JobStore.get`."""
        return await self._database.read(lambda c: _get(c, job_id))

    async def page(self, *, skip: int, limit: int) -> JobPage:
        """See `JobStore.page`."""
        return await self._database.read(lambda c: _page(c, skip, limit))

    async def of_origin(self, origins: Collection[Origin]) -> tuple[Job, ...]:
        """See `JobStore.of_origin`."""
        question = select(job).where(job.c.origin.in_(origins)).order_by(job.c.seq)
        return await self._database.read(
            lambda c: tuple(job_of(row) for row in c.execute(question))
        )

    async def change(self, change: Change) -> bool:
        """See `JobStore.change`."""
        return await self._database.write(lambda c: _change(c, change))

    async def remove(self, job_id: str, now: datetime) -> bool:
        """See `JobStore.remove`."""
        return await self._database.write(lambda c: _remove(c, job_id, now))

    async def plan_due(self, now: datetime, decide: Decide, limit: int) -> Planned:
        """See `JobStore.plan_due`."""
        return await self._database.write(lambda c: _plan_due(c, now, decide, limit))


def _insert_all(connection: Connection, rows: Sequence[JobRow]) -> list[bool]:
    driver = driver_of(connection)
    return [driver.execute(_INSERT, row).rowcount == 1 for row in rows]


def _get(connection: Connection, job_id: str) -> Job | None:
    row = connection.execute(select(job).where(job.c.id == job_id)).one_or_none()
    return None if row is None else job_of(row)


def _page(connection: Connection, skip: int, limit: int) -> JobPage:
    rows = connection.execute(select(job).order_by(job.c.seq).offset(skip).limit(limit))
    total = connection.execute(select(func.count()).select_from(job)).scalar_one()
    return JobPage(jobs=tuple(job_of(row) for row in rows), total=total)


def _change(connection: Connection, change: Change) -> bool:
    new = change.job
    columns = row_of_job(new)
    # A run may have begun or ended since the job was read: no edit, and it stays.
    for name in ("last_run", "last_outcome", "last_delivery"):
        del columns[name]
    changed = connection.execute(
        update(job)
        .where(job.c.id == new.id, job.c.version == new.version - 1)
        .values(columns)
    ).rowcount
    if changed:
        insert_runs(connection, change.runs)
    return changed == 1


def _remove(connection: Connection, job_id: str, now: datetime) -> bool:
    removed = connection.execute(delete(job).where(job.c.id == job_id)).rowcount
    queued = and_(run.c.job_id == job_id, IS_ACTIVE)
    cancel_runs(connection, queued, RunState.QUEUED, now)
    return removed == 1


def _plan_due(
    connection: Connection, now: datetime, decide: Decide, limit: int
) -> Planned:
    rows = connection.execute(
        select(job)
        .where(job.c.next_run <= to_micros(now))
        .order_by(job.c.next_run)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    active = _active_runs(connection, [row.id for row in rows])
    plans = [decide(job_of(row), active.get(row.id, 0)) for row in rows]
    if rows:
        connection.execute(
            _MOVE_ON,
            [_moved(row, plan) for row, plan in zip(rows, plans, strict=True)],
        )
    inserted = _insert_new(connection, [each for plan in plans for each in plan.runs])
    least = connection.execute(select(func.min(job.c.next_run))).scalar_one()
    return Planned(
        jobs=len(rows),
        runs=inserted,
        next_run=None if least is None else from_micros(least),
    )


def _active_runs(connection: Connection, job_ids: list[str]) -> dict[str, int]:
    if not job_ids:
        return {}
    rows = connection.execute(
        select(run.c.job_id, func.count())
        .where(run.c.job_id.in_(job_ids), IS_ACTIVE, run.c.kind == "due")
        .group_by(run.c.job_id)
    )
    return {row[0]: row[1] for row in rows}


def _moved(row: Any, plan: Plan) -> dict[str, int | None]:  # noqa: ANN401 - a driver's row
    return {
        "of_seq": row.seq,
        "of_version": row.version,
        "to_last": to_micros(plan.last_nominal),
        "to_next": micros(plan.next_nominal),
        "to_run": micros(plan.next_run),
    }


def _insert_new(connection: Connection, runs: list[Run]) -> tuple[Run, ...]:
    if insert_runs(connection, runs) == len(runs):
        return tuple(runs)
    ids = [row_of_run(each)["id"] for each in runs]
    there = set(connection.execute(select(run.c.id).where(run.c.id.in_(ids))).scalars())
    return tuple(each for each in runs if each.id in there)
