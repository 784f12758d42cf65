"""Runs and jobs as rows and back; shared by `jobs.py` and `runs.py` of this folder."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, text, update

from tallymill.delivery.model import DeliveryState
from tallymill.jobs.model import Ask, Job, Run, RunKind, RunState
from tallymill.jobs.states import move
from tallymill.store.tables.jobs import run
from tallymill.store.tables.metadata import from_micros, to_micros

_ASK = msgspec.json.Decoder(Ask)
# Looked up by the hundred for each page of jobs.
_OUTCOMES: dict[str | None, RunState | None] = {
    None: None,
    **{state.value: state for state in RunState},
}
_DELIVERIES: dict[str | None, DeliveryState | None] = {
    None: None,
    **{state.value: state for state in DeliveryState},
}
_NAMES = [column.name for column in run.columns if column.name != "seq"]
# Both databases speak this form; SQLAlchemy has no common word for it.
_INSERT_RUN = text(
    f"INSERT INTO run ({', '.join(_NAMES)}) VALUES ({', '.join(f':{n}' for n in _NAMES)}) "  # noqa: S608 - names of columns
    "ON CONFLICT (job_id, scheduled_for, kind) DO NOTHING"
)


def insert_runs(connection: Connection, runs: Sequence[Run]) -> int:
    """Insert runs that are not there yet; return how many were inserted."""
    if not runs:
        return 0
    return connection.execute(_INSERT_RUN, [row_of_run(each) for each in runs]).rowcount


def cancel_runs(
    connection: Connection, which: ColumnElement[bool], before: RunState, now: datetime
) -> None:
    """Cancel runs whose job is gone, and which all are in the state `before`."""
    connection.execute(
        update(run)
        .where(which, run.c.state == before.value)
        .values(
            state=move(before, RunState.CANCELLED).value,
            reason="Its job was deleted.",
            finished_at=to_micros(now),
            holder=None,
            lease_until=None,
        )
    )


def micros(at: datetime | None) -> int | None:
    """Return an aware time, or None, as a column holds it."""
    return None if at is None else to_micros(at)


def moment(value: int | None) -> datetime | None:
    """Return a column's time as an aware one, or None."""
    return None if value is None else from_micros(value)


def row_of_job(job: Job) -> dict[str, Any]:
    """Return all columns of a job but `seq`."""
    return {
        "id": job.id,
        "origin": job.origin,
        "definition": msgspec.json.encode(job.ask).decode(),
        "paused": int(job.paused),
        "version": job.version,
        "created_at": to_micros(job.created_at),
        "updated_at": to_micros(job.updated_at),
        "last_nominal": to_micros(job.last_nominal),
        "next_nominal": micros(job.next_nominal),
        "next_run": micros(job.next_run),
        "last_run": micros(job.last_run),
        "last_outcome": None if job.last_outcome is None else job.last_outcome.value,
        "last_delivery": None if job.last_delivery is None else job.last_delivery.value,
    }


def job_of(row: Row[Any]) -> Job:
    """Return the job of a row of the table `job`."""
    return Job(
        id=row.id,
        origin=row.origin,
        ask=_ASK.decode(row.definition),
        paused=bool(row.paused),
        version=row.version,
        created_at=from_micros(row.created_at),
        updated_at=from_micros(row.updated_at),
        last_nominal=from_micros(row.last_nominal),
        next_nominal=moment(row.next_nominal),
        next_run=moment(row.next_run),
        last_run=moment(row.last_run),
        last_outcome=_OUTCOMES[row.last_outcome],
        last_delivery=_DELIVERIES[row.last_delivery],
    )


def row_of_run(each: Run) -> dict[str, Any]:
    """Return all columns of a new run but `seq`."""
    return {
        "id": each.id,
        "job_id": each.job_id,
        "kind": each.kind.value,
        "scheduled_for": to_micros(each.scheduled_for),
        "until": micros(each.until),
        "count": each.count,
        "as_of": micros(each.as_of),
        "state": each.state.value,
        "reason": each.reason,
        "priority": each.priority,
        "serial": int(each.serial),
        "attempt": each.attempt,
        "fence": 0,
        "holder": None,
        "lease_until": None,
        "not_before": to_micros(each.created_at),
        "created_at": to_micros(each.created_at),
        "started_at": micros(each.started_at),
        "finished_at": micros(each.finished_at),
        "result": each.result,
        "error": each.error,
    }


def run_of(row: Mapping[str, Any]) -> Run:
    """Return the run of a row of the table `run`."""
    return Run(
        id=row["id"],
        job_id=row["job_id"],
        kind=RunKind(row["kind"]),
        scheduled_for=from_micros(row["scheduled_for"]),
        until=moment(row["until"]),
        count=row["count"],
        as_of=moment(row["as_of"]),
        state=RunState(row["state"]),
        reason=row["reason"],
        attempt=row["attempt"],
        serial=bool(row["serial"]),
        created_at=from_micros(row["created_at"]),
        started_at=moment(row["started_at"]),
        finished_at=moment(row["finished_at"]),
        result=row["result"],
        error=row["error"],
    )
