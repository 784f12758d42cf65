"""Jobs, runs, and known answers, for the tests of jobs and delivery."""

from datetime import UTC, datetime, timedelta

from tallymill.delivery.model import Reply
from tallymill.jobs.check import Surroundings, Writing, check_definition
from tallymill.jobs.model import Run, RunKind
from tallymill.kernel.errors import NotFound, Unavailable
from tallymill.kernel.ids import new_id

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SURROUNDINGS = Surroundings(
    timezone="UTC", sources=("shop", "stock"), statistics=("average_weight",)
)


def job_from(now=NOON, origin="api", surroundings=SURROUNDINGS, **fields):
    """Return a checked job; `* * * * *` unless a schedule is given."""
    if not {"cron_string", "schedule"} & set(fields):
        fields["cron_string"] = "* * * * *"
    writing = Writing(origin=origin, now=now, function=fields.pop("function", None))
    return check_definition(fields, surroundings=surroundings, writing=writing)


def run_from(job_id="job", kind=RunKind.DUE, scheduled_for=NOON, **more):
    return Run(
        id=new_id(),
        job_id=job_id,
        kind=kind,
        scheduled_for=scheduled_for,
        created_at=scheduled_for,
        **more,
    )


def minutes(count):
    return timedelta(minutes=count)


class KnownRows:
    """`Sources` that answers from a dict of SQL to rows, or raises what is there."""

    def __init__(self, answers=None):
        self.answers = answers or {}
        self.questions = []

    def names(self):
        return SURROUNDINGS.sources

    async def ask(self, question):
        self.questions.append(question)
        answer = self.answers[question.sql]
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            return await answer()
        return answer


class KnownValues:
    """`StatisticValues` that answers from a dict."""

    def __init__(self, **values):
        self.values = values

    def names(self):
        return self.values.keys()

    async def value_of(self, name):
        if name not in self.values:
            raise NotFound(f"There is no statistic {name!r}.")
        return self.values[name]


class RecordingPoster:
    """`Poster` that keeps every request and answers in turn; then always 201."""

    def __init__(self, *replies):
        self.replies = list(replies)
        self.posted = []

    async def post(self, url, *, body, headers, timeout_s):
        self.posted.append((url, body, dict(headers), timeout_s))
        reply = self.replies.pop(0) if self.replies else 201
        if isinstance(reply, str):
            raise Unavailable(reply)
        if callable(reply):
            return await reply()
        return reply if isinstance(reply, Reply) else Reply(status=reply, body=b"ok")
