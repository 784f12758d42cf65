"""The queue of runs, and what finishes one: outcome, result and delivery together."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    and_,
    bindparam,
    exists,
    insert,
    select,
    update,
)

from tallymill.delivery.model import DeliveryState
from tallymill.jobs.model import Job, Run, RunState
from tallymill.jobs.ports import Claimed, Ending
from tallymill.jobs.states import move
from tallymill.store.database import Database
from tallymill.store.outbox import row_of_parcel, tell_job
from tallymill.store.run_rows import cancel_runs, insert_runs, job_of, micros, run_of
from tallymill.store.tables.jobs import (
    IS_QUEUED,
    IS_RUNNING,
    delivery,
    job,
    run,
)
from tallymill.store.tables.metadata import to_micros

_other = run.alias("other")
_HAND_OVER = (
    update(run)
    .where(run.c.id == bindparam("of_id"))
    .values(
        state=RunState.RUNNING.value,
        attempt=run.c.attempt + 1,
        fence=run.c.fence + 1,
        holder=bindparam("to_holder"),
        lease_until=bindparam("to_lease"),
        started_at=bindparam("to_start"),
    )
)

_FINISH = (
    update(run)
    .where(
        run.c.id == bindparam("of_id"),
        run.c.fence == bindparam("of_fence"),
        IS_RUNNING,
    )
    .values(
        state=bindparam("to_state"),
        finished_at=bindparam("to_finish"),
        result=bindparam("to_result"),
        error=bindparam("to_error"),
        not_before=bindparam("to_not_before"),
        holder=None,
        lease_until=None,
    )
)
_TELL_JOB = (
    update(job)
    .where(
        job.c.id
        == select(run.c.job_id).where(run.c.id == bindparam("of_run")).scalar_subquery()
    )
    .values(last_outcome=bindparam("to_outcome"))
)
_CUT_OFF = (
    select(run)
    .where(
        IS_RUNNING,
        run.c.lease_until <= bindparam("now"),
        run.c.priority == bindparam("of_priority"),
    )
    .order_by(run.c.seq)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_QUEUED = (
    select(run)
    .where(
        IS_QUEUED,
        run.c.priority == bindparam("of_priority"),
        run.c.not_before <= bindparam("now"),
        (run.c.serial == 0)
        | ~exists().where(
            _other.c.job_id == run.c.job_id,
            _other.c.state == RunState.RUNNING.value,
            _other.c.serial == 1,
        ),
    )
    .order_by(run.c.seq)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)


class SqlRunStore:
    """`RunStore` on the project's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def enqueue(self, runs: Sequence[Run]) -> int:
        """See `RunStore.enqueue`."""
        return await self._database.write(lambda c: insert_runs(c, runs))

    async def claim(
        self,
        holder: str,
        *,
        now: datetime,
        lease_until: datetime,
        live: int,
        backfill: int,
    ) -> tuple[Claimed, ...]:
        """See `RunStore.claim`."""

        def unit(connection: Connection) -> tuple[Claimed, ...]:
            found = [
                *_may_begin(connection, now, priority=0, limit=live),
                *_may_begin(connection, now, priority=1, limit=backfill),
            ]
            return _hand_over(connection, found, holder, now, lease_until)

        return await self._database.write(unit)

    async def beat(
        self, holder: str, run_ids: Collection[str], lease_until: datetime
    ) -> frozenset[str]:
        """See `RunStore.beat`."""

        def unit(connection: Connection) -> frozenset[str]:
            mine = and_(IS_RUNNING, run.c.holder == holder, run.c.id.in_(run_ids))
            connection.execute(
                update(run).where(mine).values(lease_until=to_micros(lease_until))
            )
            ids = connection.execute(select(run.c.id).where(mine)).scalars()
            return frozenset(ids)

        return await self._database.write(unit)

    async def release(self, holder: str, now: datetime) -> int:
        """See `RunStore.release`."""
        statement = (
            update(run)
            .where(IS_RUNNING, run.c.holder != holder)
            .values(lease_until=to_micros(now))
        )
        return await self._database.write(lambda c: c.execute(statement).rowcount)

    async def finish(self, run_id: str, fence: int, ending: Ending) -> bool:
        """See `RunStore.finish`."""
        return await self._database.write(lambda c: _finish(c, run_id, fence, ending))


def _may_begin(
    connection: Connection, now: datetime, *, priority: int, limit: int
) -> list[Mapping[str, Any]]:
    """Return runs that were cut off, then queued ones; at most one serial a job."""
    if limit <= 0:
        return []
    asked = {"now": to_micros(now), "of_priority": priority, "most": limit}
    found = [
        dict(row)
        for question in (_CUT_OFF, _QUEUED)
        for row in connection.execute(question, asked).mappings()
    ]
    return _one_serial_a_job(found)[:limit]


def _one_serial_a_job(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    taken: set[str] = set()
    chosen = []
    for row in rows:
        if row["serial"] and row["job_id"] in taken:
            continue
        if row["serial"]:
            taken.add(row["job_id"])
        chosen.append(row)
    return chosen


def _hand_over(
    connection: Connection,
    rows: Sequence[Mapping[str, Any]],
    holder: str,
    now: datetime,
    lease_until: datetime,
) -> tuple[Claimed, ...]:
    if not rows:
        return ()
    jobs = _jobs(connection, {row["job_id"] for row in rows})
    orphans = [row for row in rows if row["job_id"] not in jobs]
    _cancel_orphans(connection, orphans, now)
    owned = [row for row in rows if row["job_id"] in jobs]
    if owned:
        _mark_running(connection, owned, holder, now, lease_until)
    return tuple(
        Claimed(
            run=run_of(
                {
                    **row,
                    "state": move(RunState(row["state"]), RunState.RUNNING).value,
                    "attempt": row["attempt"] + 1,
                    "started_at": to_micros(now),
                }
            ),
            job=jobs[row["job_id"]],
            fence=row["fence"] + 1,
        )
        for row in owned
    )


def _jobs(connection: Connection, ids: set[str]) -> dict[str, Job]:
    rows = connection.execute(select(job).where(job.c.id.in_(ids)))
    return {row.id: job_of(row) for row in rows}


def _mark_running(
    connection: Connection,
    rows: Sequence[Mapping[str, Any]],
    holder: str,
    now: datetime,
    lease_until: datetime,
) -> None:
    at = to_micros(now)
    connection.execute(
        _HAND_OVER,
        [
            {
                "of_id": row["id"],
                "to_holder": holder,
                "to_lease": to_micros(lease_until),
                "to_start": at,
            }
            for row in rows
        ],
    )
    ids = {row["job_id"] for row in rows}
    connection.execute(update(job).where(job.c.id.in_(ids)).values(last_run=at))


def _cancel_orphans(
    connection: Connection, rows: Sequence[Mapping[str, Any]], now: datetime
) -> None:
    for before in (RunState.QUEUED, RunState.RUNNING):
        ids = [row["id"] for row in rows if row["state"] == before.value]
        if ids:
            cancel_runs(connection, run.c.id.in_(ids), before, now)


def _finish(connection: Connection, run_id: str, fence: int, ending: Ending) -> bool:
    state = move(RunState.RUNNING, ending.state)
    is_over = state is not RunState.QUEUED
    at = to_micros(ending.at)
    finished = connection.execute(
        _FINISH,
        {
            "of_id": run_id,
            "of_fence": fence,
            "to_state": state.value,
            "to_finish": at if is_over else None,
            "to_result": ending.result,
            "to_error": ending.error,
            "to_not_before": micros(ending.not_before) or at,
        },
    ).rowcount
    if finished and is_over:
        connection.execute(
            _TELL_JOB, {"of_run": run_id, "to_outcome": ending.state.value}
        )
    if finished and ending.parcel:
        tell_job(connection, run_id, DeliveryState.WAITING)
        row = row_of_parcel(ending.parcel, ending.at)
        connection.execute(insert(delivery).values(row))
    return finished == 1
