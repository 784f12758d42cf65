"""Jobs, runs and deliveries as JSON shows them; times in the job's own zone. Pure.

What is left of a job that is gone is shown in UTC.
"""

from datetime import datetime, tzinfo

import msgspec

from tallymill.delivery.model import Attempt, Delivery
from tallymill.jobs.backfill import Backfill
from tallymill.jobs.model import Job, Run
from tallymill.jobs.period import Period
from tallymill.jobs.ports import Counts
from tallymill.jobs.runs import RunRecord
from tallymill.jobs.schedule import timeline_of
from tallymill.jobs.trial import Trial

UNSET = msgspec.UNSET
Text = str | msgspec.UnsetType


class JobBody(msgspec.Struct, frozen=True, kw_only=True):
    """A job: what it asks, when, and where the answer goes."""

    id: str
    cron_string: str | None  #: null if the schedule is no cron
    created_at: datetime
    last_run: datetime | None  #: when a run of it last started
    next_run: datetime | None  #: null if it is paused or over
    last_outcome: Text = UNSET  #: of the run that ended last
    last_delivery: Text = UNSET  #: of the delivery that changed last
    schedule: str
    timezone: str
    dst: str
    paused: bool
    source: Text = UNSET
    query: Text = UNSET
    statistic: Text = UNSET
    function: Text = UNSET  #: of a job in Python: where it is
    period: Text = UNSET
    deliver_to: Text = UNSET
    as_of: Text = UNSET
    misfire: str
    overlap: str
    timeout: float  #: seconds
    retries: int
    jitter: float  #: seconds
    origin: str  #: "file", "code" or "api"
    updated_at: datetime


class AttemptBody(msgspec.Struct, frozen=True, kw_only=True):
    """One try to deliver."""

    number: int  #: from 1
    at: datetime
    duration_s: float
    status: int | None  #: HTTP status; null when no reply came
    error: str | None  #: why no reply came
    reply: str  #: the beginning of the reply's body


class DeliveryBody(msgspec.Struct, frozen=True, kw_only=True):
    """A result on its way."""

    state: str  #: "waiting", "delivered" or "undelivered"
    url: str
    idempotency_key: str
    next_try_at: datetime | None
    reason: str | None  #: why it is waiting or undelivered
    finished_at: datetime | None
    attempts: list[AttemptBody]  #: oldest first


class RunBody(msgspec.Struct, frozen=True, kw_only=True):
    """One occurrence of a job, or a range of those that did not run."""

    id: str
    job_id: str
    kind: str  #: "due", "now", "backfill" or "missed"
    scheduled_for: datetime
    until: datetime | msgspec.UnsetType = UNSET  #: of a range: its last due time
    count: int | msgspec.UnsetType = UNSET  #: of a range: how many due times
    as_of: datetime | msgspec.UnsetType = UNSET
    outcome: str
    reason: Text = UNSET  #: why it was late, skipped or merged
    attempt: int  #: how often it was begun
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    result: msgspec.Raw | msgspec.UnsetType = UNSET
    error: Text = UNSET
    delivery: DeliveryBody | msgspec.UnsetType = UNSET


class BackfillBody(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """What a backfill comes to."""

    from_: datetime
    to: datetime  #: at most now
    due: int
    new: int  #: queued now, or would be
    already: int
    first: datetime | None  #: the first new due time
    last: datetime | None


class ProgressBody(msgspec.Struct, frozen=True, kw_only=True):
    """How far a backfill is."""

    due: int
    queued: int  #: waiting or running
    done: int
    failed: int
    delivered: int
    to_deliver: int  #: done, and the delivery is waiting
    undelivered: int  #: done, and the delivery was given up


class PeriodBody(msgspec.Struct, frozen=True):
    """What `:start` and `:end` are bound to."""

    start: datetime
    end: datetime


class RequestBody(msgspec.Struct, frozen=True, kw_only=True):
    """The request that would be sent."""

    method: str
    url: str
    headers: dict[str, str]
    body: msgspec.Raw


class TrialBody(msgspec.Struct, frozen=True, kw_only=True):
    """What a job would do."""

    words: str  #: the schedule in English
    times: list[datetime]  #: the next 10
    now: datetime
    period: PeriodBody | None
    answer: msgspec.Raw | None
    error: str | None  #: why there is no answer
    request: RequestBody | None


def job_body(job: Job) -> JobBody:
    """Return a job as it is shown."""
    ask, zone = job.ask, timeline_of(job.ask.timezone).zone
    return JobBody(
        id=job.id,
        cron_string=ask.cron_string,
        created_at=job.created_at.astimezone(zone),
        last_run=_in(zone, job.last_run),
        next_run=_in(zone, job.next_run),
        last_outcome=_or_unset(job.last_outcome and job.last_outcome.value),
        last_delivery=_or_unset(job.last_delivery and job.last_delivery.value),
        schedule=ask.schedule,
        timezone=ask.timezone,
        dst=ask.dst,
        paused=job.paused,
        source=_or_unset(ask.source),
        query=_or_unset(ask.query),
        statistic=_or_unset(ask.statistic),
        function=_or_unset(ask.function),
        period=_or_unset(ask.period),
        deliver_to=_or_unset(ask.deliver_to),
        as_of=_or_unset(ask.as_of),
        misfire=ask.misfire,
        overlap=ask.overlap,
        timeout=ask.timeout_s,
        retries=ask.retries,
        jitter=ask.jitter_s,
        origin=job.origin,
        updated_at=job.updated_at.astimezone(zone),
    )


def run_body(record: RunRecord) -> RunBody:
    """Return a run with its delivery as it is shown."""
    run, zone = record.run, timeline_of(record.timezone).zone
    delivery: DeliveryBody | msgspec.UnsetType = UNSET
    if record.delivery is not None:
        delivery = _delivery(record.delivery, record.attempts, zone)
    return _run(run, zone, delivery)


def queued_body(run: Run, zone: tzinfo) -> RunBody:
    """Return a run that has just been queued."""
    return _run(run, zone, UNSET)


def backfill_body(backfill: Backfill) -> BackfillBody:
    """Return what a backfill comes to."""
    return BackfillBody(
        from_=backfill.start,
        to=backfill.end,
        due=backfill.due,
        new=backfill.new,
        already=backfill.already,
        first=backfill.first,
        last=backfill.last,
    )


def progress_body(backfill: Backfill, counts: Counts) -> ProgressBody:
    """Return how far a backfill is."""
    return ProgressBody(
        due=backfill.due,
        queued=counts.queued,
        done=counts.done,
        failed=counts.failed,
        delivered=counts.delivered,
        to_deliver=counts.to_deliver,
        undelivered=counts.undelivered,
    )


def trial_body(trial: Trial) -> TrialBody:
    """Return what a job would do."""
    request = None
    if trial.request is not None:
        request = RequestBody(
            method=trial.request.method,
            url=trial.request.url,
            headers=trial.request.headers,
            body=msgspec.Raw(trial.request.body),
        )
    return TrialBody(
        words=trial.words,
        times=list(trial.times),
        now=trial.now,
        period=_period(trial.period),
        answer=None if trial.answer is None else msgspec.Raw(trial.answer),
        error=trial.error,
        request=request,
    )


def _run(run: Run, zone: tzinfo, delivery: DeliveryBody | msgspec.UnsetType) -> RunBody:
    return RunBody(
        id=run.id,
        job_id=run.job_id,
        kind=run.kind.value,
        scheduled_for=run.scheduled_for.astimezone(zone),
        until=_in(zone, run.until) or UNSET,
        count=UNSET if run.until is None else run.count,
        as_of=_in(zone, run.as_of) or UNSET,
        outcome=run.state.value,
        reason=_or_unset(run.reason),
        attempt=run.attempt,
        created_at=run.created_at.astimezone(zone),
        started_at=_in(zone, run.started_at),
        finished_at=_in(zone, run.finished_at),
        result=UNSET if run.result is None else msgspec.Raw(run.result),
        error=_or_unset(run.error),
        delivery=delivery,
    )


def _delivery(
    delivery: Delivery, attempts: tuple[Attempt, ...], zone: tzinfo
) -> DeliveryBody:
    return DeliveryBody(
        state=delivery.state.value,
        url=delivery.parcel.url,
        idempotency_key=delivery.parcel.key,
        next_try_at=_in(zone, delivery.next_try_at),
        reason=delivery.reason,
        finished_at=_in(zone, delivery.finished_at),
        attempts=[
            AttemptBody(
                number=each.number,
                at=each.at.astimezone(zone),
                duration_s=each.duration_s,
                status=each.status,
                error=each.error,
                reply=each.reply.decode("utf-8", "replace"),
            )
            for each in attempts
        ],
    )


def _period(period: Period | None) -> PeriodBody | None:
    return None if period is None else PeriodBody(period.start, period.end)


def _in(zone: tzinfo, at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(zone)


def _or_unset(text: str | None) -> Text:
    return UNSET if text is None else text
