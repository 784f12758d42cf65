"""Trying a job: when it will run, what it answers now, what it would send.

Sends nothing and stores nothing.
"""

from datetime import datetime
from itertools import islice

import msgspec

from tallymill.delivery.courier import headers_of
from tallymill.delivery.model import Consignment
from tallymill.jobs.asking import Asker, now_of, period_of
from tallymill.jobs.model import Job, Run, RunKind
from tallymill.jobs.period import Period
from tallymill.jobs.planner import schedule_of
from tallymill.jobs.runner import parcel_of
from tallymill.kernel.clock import Clock
from tallymill.kernel.errors import TallymillError
from tallymill.kernel.ids import new_id

TIMES = 10


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What would be sent."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes  #: JSON


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What a job would do; exactly one of `answer` and `error` is there."""

    words: str  #: the schedule in English
    times: tuple[datetime, ...]  #: the next `TIMES`; aware, in the job's zone
    now: datetime  #: what :now is bound to
    period: Period | None  #: what :start and :end are bound to
    answer: bytes | None  #: JSON
    error: str | None  #: why there is no answer, a sentence
    request: Request | None  #: None without `deliver_to` or without an answer


class Trials:
    """Tries jobs, stored or not."""

    def __init__(self, *, asker: Asker, clock: Clock) -> None:
        self._asker = asker
        self._clock = clock

    async def try_out(self, job: Job) -> Trial:
        """Return what the job would do at its next due time, asked as of now."""
        now = self._clock.now()
        schedule = schedule_of(job.ask)
        times = tuple(islice(schedule.upcoming(now), TIMES))
        run = Run(
            id=new_id(),
            job_id=job.id,
            kind=RunKind.DUE,
            scheduled_for=times[0] if times else now,
            as_of=None if job.ask.as_of else now,
            attempt=1,
            created_at=now,
        )
        answer, error = None, None
        try:
            answer = await self._asker.answer(run, job)
        except TallymillError as exc:
            error = exc.detail
        return Trial(
            words=schedule.words(),
            times=times,
            now=now_of(run, job),
            period=period_of(run, job),
            answer=answer,
            error=error,
            request=None if answer is None else _request(run, job, answer),
        )


def _request(run: Run, job: Job, answer: bytes) -> Request | None:
    parcel = parcel_of(run, job)
    if parcel is None:
        return None
    consignment = Consignment(
        parcel=parcel, body=answer, number=1, tries_left=parcel.retries, fence=0
    )
    return Request(
        method="POST", url=parcel.url, headers=headers_of(consignment), body=answer
    )
