"""The outbox: deliveries that wait, handed to couriers one attempt at a time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, zip_longest
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, text, update

from tallymill.delivery.model import (
    Attempt,
    Consignment,
    Delivery,
    DeliveryRecord,
    DeliveryState,
    Parcel,
    destination_of,
)
from tallymill.delivery.policy import Dead, Done, Retry, Verdict
from tallymill.delivery.ports import Claim, Room
from tallymill.store.database import Database
from tallymill.store.outbox_places import Places, with_room
from tallymill.store.tables.jobs import IS_WAITING, attempt, delivery, job, run
from tallymill.store.tables.metadata import from_micros, to_micros

_HAND_OVER = (
    update(delivery)
    .where(delivery.c.run_id == bindparam("of_run"))
    .values(
        fence=delivery.c.fence + 1,
        holder=bindparam("to_holder"),
        next_try_at=bindparam("to_lease"),
    )
)

# One look-up in the index for each destination, however much waits for it.
_WAITING = text(
    f"""
    WITH RECURSIVE place (name) AS (
        SELECT min(destination) FROM delivery WHERE {IS_WAITING}
        UNION ALL
        SELECT (
            SELECT min(destination) FROM delivery
            WHERE {IS_WAITING} AND destination > place.name
        )
        FROM place WHERE place.name IS NOT NULL
    )
    SELECT name, (
        SELECT min(next_try_at) FROM delivery
        WHERE {IS_WAITING} AND destination = place.name
    )
    FROM place WHERE name IS NOT NULL
    """  # noqa: S608 - a constant of ours
)
_LEAST_NEXT_TRY = select(func.min(delivery.c.next_try_at)).where(
    IS_WAITING, delivery.c.destination == bindparam("of_destination")
)
_DUE = (
    select(delivery.c.run_id)
    .where(
        IS_WAITING,
        delivery.c.destination == bindparam("of_destination"),
        delivery.c.next_try_at <= bindparam("now"),
    )
    .order_by(delivery.c.next_try_at)
    .limit(bindparam("places"))
    .with_for_update(skip_locked=True)
)
_WITH_BODY = (
    select(delivery, run.c.result)
    .join(run, run.c.id == delivery.c.run_id)
    .where(delivery.c.run_id.in_(bindparam("run_ids", expanding=True)))
)
_RECORD = (
    update(delivery)
    .where(
        delivery.c.run_id == bindparam("of_run"),
        delivery.c.fence == bindparam("of_fence"),
        IS_WAITING,
    )
    .values(
        attempts=delivery.c.attempts + 1,
        tries_left=delivery.c.tries_left - 1,
        holder=None,
        state=bindparam("to_state"),
        reason=bindparam("to_reason"),
        next_try_at=func.coalesce(bindparam("to_next_try"), delivery.c.next_try_at),
        finished_at=bindparam("to_finish"),
    )
)
_TELL_JOB = (
    update(job)
    .where(
        job.c.id
        == select(run.c.job_id).where(run.c.id == bindparam("of_run")).scalar_subquery()
    )
    .values(last_delivery=bindparam("to_delivery"))
)
_INSERT_ATTEMPT = insert(attempt)


class SqlOutbox:
    """`Outbox` on the project's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(
        self,
        holder: str,
        *,
        now: datetime,
        lease_until: datetime,
        room: Room,
    ) -> Claim:
        """See `Outbox.claim`."""
        waiting = await self._database.read(_waiting)
        due = with_room(waiting, now, room)
        if not due:
            places = Places(room)
            free = [at for name, at in waiting.items() if places.of(name)]
            return Claim(consignments=(), next_try_at=_least(free))

        def unit(connection: Connection) -> Claim:
            places = Places(room)
            rows = _due(connection, due, now, places)
            _hand_over(connection, rows, holder, lease_until)
            free = {name: at for name, at in waiting.items() if places.of(name)}
            times = [at for name, at in free.items() if name not in due]
            left = _left(connection, [name for name in due if name in free])
            return Claim(
                consignments=tuple(_consignment(row) for row in rows),
                next_try_at=_least([*times, *left]),
            )

        return await self._database.write(unit)

    async def record(
        self, run_id: str, fence: int, made: Attempt, verdict: Verdict
    ) -> bool:
        """See `Outbox.record`."""
        return await self._database.write(
            lambda c: _record(c, run_id, fence, made, verdict)
        )

    async def release(self, holder: str) -> int:
        """See `Outbox.release`."""
        statement = (
            update(delivery)
            .where(IS_WAITING, delivery.c.holder != holder)
            .values(holder=None, next_try_at=0)
        )
        return await self._database.write(lambda c: c.execute(statement).rowcount)

    async def redeliver(self, run_id: str, now: datetime) -> bool:
        """See `Outbox.redeliver`."""
        statement = (
            update(delivery)
            .where(delivery.c.run_id == run_id)
            .values(
                state=DeliveryState.WAITING.value,
                tries_left=delivery.c.retries + 1,
                next_try_at=to_micros(now),
                fence=delivery.c.fence + 1,
                holder=None,
                reason=None,
                finished_at=None,
            )
        )

        def unit(connection: Connection) -> bool:
            is_there = connection.execute(statement).rowcount == 1
            if is_there:
                tell_job(connection, run_id, DeliveryState.WAITING)
            return is_there

        return await self._database.write(unit)

    async def history(self, run_ids: Sequence[str]) -> dict[str, DeliveryRecord]:
        """See `Outbox.history`."""
        return await self._database.read(lambda c: _history(c, run_ids))


def row_of_parcel(parcel: Parcel, at: datetime) -> dict[str, Any]:
    """Return the row that puts a parcel into the outbox, due at once."""
    return {
        "run_id": parcel.run_id,
        "job_id": parcel.job_id,
        "key": parcel.key,
        "url": parcel.url,
        "destination": destination_of(parcel.url),
        "scheduled_for": to_micros(parcel.scheduled_for),
        "state": DeliveryState.WAITING.value,
        "attempts": 0,
        "tries_left": parcel.retries + 1,
        "retries": parcel.retries,
        "next_try_at": to_micros(at),
        "fence": 0,
        "created_at": to_micros(at),
    }


def _waiting(connection: Connection) -> dict[str, int]:
    """Return each destination for which something waits, and when the first is due."""
    return {row[0]: row[1] for row in connection.execute(_WAITING)}


def tell_job(connection: Connection, run_id: str, state: DeliveryState) -> None:
    """Write down at a run's job how its last delivery stands."""
    connection.execute(_TELL_JOB, {"of_run": run_id, "to_delivery": state.value})


def _due(
    connection: Connection, due: Mapping[str, int], now: datetime, places: Places
) -> list[Any]:
    """Return what is due, in turns: one for each destination before two for any."""
    found = [
        [(name, run_id) for run_id in _due_at(connection, name, now, most)]
        for name, most in due.items()
    ]
    turns = chain.from_iterable(zip_longest(*found))
    run_ids = [pair[1] for pair in turns if pair and places.take(pair[0])]
    rows = connection.execute(_WITH_BODY, {"run_ids": run_ids})
    by_id = {row.run_id: row for row in rows}
    return [by_id[run_id] for run_id in run_ids]


def _due_at(
    connection: Connection, name: str, now: datetime, most: int
) -> Iterator[str]:
    asked = {"of_destination": name, "now": to_micros(now), "places": most}
    yield from connection.execute(_DUE, asked).scalars()


def _left(connection: Connection, places: Iterable[str]) -> Iterator[int]:
    for name in places:
        asked = {"of_destination": name}
        at = connection.execute(_LEAST_NEXT_TRY, asked).scalar_one()
        if at is not None:
            yield at


def _least(times: Sequence[int]) -> datetime | None:
    return from_micros(min(times)) if times else None


def _hand_over(
    connection: Connection, rows: Sequence[Any], holder: str, lease_until: datetime
) -> None:
    if not rows:
        return
    lease = to_micros(lease_until)
    connection.execute(
        _HAND_OVER,
        [
            {"of_run": row.run_id, "to_holder": holder, "to_lease": lease}
            for row in rows
        ],
    )


def _consignment(row: Any) -> Consignment:  # noqa: ANN401 - a driver's row
    return Consignment(
        parcel=_parcel(row),
        body=row.result or b"null",
        number=row.attempts + 1,
        tries_left=row.tries_left - 1,
        fence=row.fence + 1,
    )


def _parcel(row: Any) -> Parcel:  # noqa: ANN401 - a driver's row
    return Parcel(
        run_id=row.run_id,
        job_id=row.job_id,
        key=row.key,
        url=row.url,
        scheduled_for=from_micros(row.scheduled_for),
        retries=row.retries,
    )


def _record(
    connection: Connection, run_id: str, fence: int, made: Attempt, verdict: Verdict
) -> bool:
    place = {"of_run": run_id, "of_fence": fence}
    after = _after(verdict, made)
    recorded = connection.execute(_RECORD, {**place, **after}).rowcount
    if recorded:
        tell_job(connection, run_id, DeliveryState(after["to_state"]))
        connection.execute(_INSERT_ATTEMPT, _row_of_attempt(run_id, made))
    return recorded == 1


def _after(verdict: Verdict, made: Attempt) -> dict[str, Any]:
    ended = to_micros(made.at) + round(made.duration_s * 1_000_000)
    state = DeliveryState.UNDELIVERED
    next_try: int | None = None
    finished: int | None = ended
    reason: str | None = None
    match verdict:
        case Done():
            state = DeliveryState.DELIVERED
        case Retry(at=at, reason=reason):
            state, next_try, finished = DeliveryState.WAITING, to_micros(at), None
        case Dead(reason=reason):
            pass
    return {
        "to_state": state.value,
        "to_reason": reason,
        "to_next_try": next_try,
        "to_finish": finished,
    }


def _row_of_attempt(run_id: str, made: Attempt) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "number": made.number,
        "at": to_micros(made.at),
        "duration": round(made.duration_s * 1_000_000),
        "status": made.status,
        "error": made.error,
        "reply": made.reply,
    }


def _history(
    connection: Connection, run_ids: Sequence[str]
) -> dict[str, DeliveryRecord]:
    attempts: dict[str, list[Attempt]] = {}
    for row in connection.execute(
        select(attempt).where(attempt.c.run_id.in_(run_ids)).order_by(attempt.c.number)
    ):
        attempts.setdefault(row.run_id, []).append(_attempt(row))
    rows = connection.execute(select(delivery).where(delivery.c.run_id.in_(run_ids)))
    return {
        row.run_id: DeliveryRecord(
            delivery=_delivery(row), attempts=tuple(attempts.get(row.run_id, ()))
        )
        for row in rows
    }


def _attempt(row: Any) -> Attempt:  # noqa: ANN401 - a driver's row
    return Attempt(
        number=row.number,
        at=from_micros(row.at),
        duration_s=row.duration / 1_000_000,
        status=row.status,
        error=row.error,
        reply=row.reply,
    )


def _delivery(row: Any) -> Delivery:  # noqa: ANN401 - a driver's row
    waiting = row.state == DeliveryState.WAITING.value
    return Delivery(
        parcel=_parcel(row),
        state=DeliveryState(row.state),
        attempts=row.attempts,
        next_try_at=from_micros(row.next_try_at) if waiting else None,
        reason=row.reason,
        created_at=from_micros(row.created_at),
        finished_at=None if row.finished_at is None else from_micros(row.finished_at),
    )
