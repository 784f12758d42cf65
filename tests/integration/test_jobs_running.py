"""Jobs from their due time to the destination, on a real database."""

import asyncio
import builtins
import json
import threading
from datetime import date, timedelta

import pytest
from job_house import House, started, until
from job_parts import NOON, KnownRows, RecordingPoster, minutes
from structlog.testing import capture_logs
from web_receiver import always, receiving

from tallymill.delivery.courier import PLACES
from tallymill.delivery.model import Reply
from tallymill.delivery.ports import Room
from tallymill.jobs.runner import ASK_AGAIN_MOST, ATTEMPTS_MOST, LEASE_S
from tallymill.jobs.service import ProjectJob
from tallymill.kernel.clock import ManualClock, SystemClock
from tallymill.kernel.errors import (
    Conflict,
    Invalid,
    NotAllowed,
    NotFound,
    QueryFailed,
    Unavailable,
)
from tallymill.outbound.http_poster import HttpPoster
from tallymill.store.database import Database

SQL = "SELECT 1"
REPORT = {
    "name": "report",
    "cron_string": "0 * * * *",
    "source": "shop",
    "query": SQL,
    "deliver_to": "http://h/result",
}


@pytest.fixture
def clock():
    return ManualClock(NOON)


@pytest.fixture
async def database(tmp_path):
    database = Database(tmp_path / "tallymill.db")
    await database.start()
    yield database
    await database.stop()


@pytest.fixture
def house(database, clock):
    return House(database, clock, sources=KnownRows({SQL: ({"n": 1},)}))


async def test_a_due_run_is_asked_stored_and_delivered_once(house, clock):
    await house.jobs.add(REPORT)

    clock.advance(3600)
    await house.settle()
    await house.settle()

    ((url, body, headers, _),) = house.poster.posted
    record = (await house.runs.of_job("report")).records[0]
    assert url == "http://h/result"
    assert body == b'{"n":1}'
    assert headers["X-Scheduled-For"] == "2026-11-21T13:00:00+00:00"
    assert headers["X-Attempt"] == "1"
    assert headers["Content-Type"] == "application/json"
    assert len(headers["Idempotency-Key"]) == 64
    assert record.run.state.value == "succeeded"
    assert record.delivery.state.value == "delivered"
    assert [attempt.status for attempt in record.attempts] == [201]


async def test_a_question_is_bound_to_the_period_of_its_due_time(house, clock):
    await house.jobs.add({**REPORT, "period": "day", "timezone": "Asia/Kolkata"})

    clock.advance(3600)
    await house.settle()

    bound = house.sources.questions[0].parameters
    shown = {name: at.isoformat() for name, at in bound.items()}
    assert shown["start"] == "2026-11-20T00:00:00+05:30"
    assert shown["end"] == "2026-11-21T00:00:00+05:30"
    assert shown["now"] == "2026-11-21T18:00:00+05:30"


async def test_as_of_pins_now(house, clock):
    await house.jobs.add(
        {**REPORT, "period": "week", "as_of": "2022-12-22", "timezone": "Asia/Kolkata"}
    )

    clock.advance(3600)
    await house.settle()

    bound = house.sources.questions[0].parameters
    assert bound["start"].isoformat() == "2022-12-12T00:00:00+05:30"
    assert bound["end"].isoformat() == "2022-12-19T00:00:00+05:30"


async def test_a_job_that_asks_nothing_records_that_it_ran(house, clock):
    job = await house.jobs.add({"cron_string": "5 12 * * *"})

    clock.advance(300)
    await house.settle()

    record = (await house.runs.of_job(job.id)).records[0]
    assert record.run.state.value == "succeeded"
    assert record.delivery is None
    assert (await house.jobs.get(job.id)).last_run == NOON + minutes(5)


async def test_a_statistic_may_be_asked(house, clock):
    await house.jobs.add(
        {
            "cron_string": "0 * * * *",
            "statistic": "average_weight",
            "deliver_to": "http://h/",
        }
    )

    clock.advance(3600)
    await house.settle()

    assert json.loads(house.poster.posted[0][1]) == {
        "statistic": "average_weight",
        "value": 2140.5,
    }


async def test_a_failed_question_is_a_failed_run_and_delivers_nothing(house, clock):
    house.sources.answers[SQL] = QueryFailed("The source 'shop' refused the query.")
    await house.jobs.add(REPORT)

    clock.advance(3600)
    await house.settle()

    record = (await house.runs.of_job("report")).records[0]
    assert record.run.state.value == "failed"
    assert "refused" in record.run.error
    assert house.poster.posted == []


async def test_a_failed_run_is_an_error_in_the_log_and_stands_at_its_job(house, clock):
    house.sources.answers[SQL] = QueryFailed("No such table.")
    await house.jobs.add(REPORT)

    with capture_logs() as told:
        clock.advance(3600)
        await house.settle()
    await house.jobs.patch("report", {"paused": True})

    (line,) = [each for each in told if each["event"] == "run.finished"]
    assert (line["log_level"], line["error"]) == ("error", "No such table.")
    job = await house.jobs.get("report")
    assert job.last_outcome.value == "failed"
    assert job.last_delivery is None


async def test_an_attempt_is_a_warning_until_it_is_given_up(house, clock):
    house.poster.replies = [503, 422]
    await house.jobs.add(REPORT)

    with capture_logs() as told:
        clock.advance(3600)
        await house.settle()
        clock.advance(30)
        await house.deliver()

    first, last = [each for each in told if each["event"] == "delivery.attempted"]
    assert (first["log_level"], first["outcome"]) == ("warning", "retry")
    assert first["next_try_at"] > "2026-11-21T13:00"
    assert (last["log_level"], last["outcome"]) == ("error", "dead")


async def test_a_source_that_is_away_is_asked_again_and_then_given_up(house, clock):
    house.sources.answers[SQL] = Unavailable("The source 'shop' is away.")
    await house.jobs.add(REPORT)

    clock.advance(3600)
    for _ in range(10):
        await house.settle()
        clock.advance(60)

    records = (await house.runs.of_job("report")).records
    assert records[-1].run.attempt == ASK_AGAIN_MOST + 1
    assert records[-1].run.state.value == "failed"


async def test_a_question_that_hangs_has_its_time_and_delays_no_other(house, clock):
    hanging = asyncio.Event()

    async def hang():
        hanging.set()
        await asyncio.Event().wait()

    house.sources.answers["SELECT 2"] = hang
    await house.jobs.add({**REPORT, "name": "slow", "query": "SELECT 2", "timeout": 5})
    await house.jobs.add(REPORT)
    clock.advance(3600)
    await house.agenda.pass_once()

    await house.runner.claim_once()
    await hanging.wait()

    async def other_is_done():
        return (await house.history_of("report"))[0][1] == "succeeded"

    await until(other_is_done)
    clock.advance(5)
    await house.runner.idle()

    record = (await house.runs.of_job("slow")).records[0]
    assert record.run.state.value == "failed"
    assert "within 5 seconds" in record.run.error


async def test_a_function_that_swallows_its_cancellation_wins_no_time(house, clock):
    begun, go_on = threading.Event(), threading.Event()

    async def stubborn(run):
        begun.set()
        while not go_on.is_set():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                continue

    fields = {"name": "f", "cron_string": "0 * * * *", "timeout": 5}
    await house.jobs.reconcile(
        [ProjectJob(fields=fields, origin="code", function=stubborn, place="jobs/f.py")]
    )
    clock.advance(3600)
    await house.agenda.pass_once()

    await house.runner.claim_once()
    await asyncio.to_thread(begun.wait)
    clock.advance(5)
    await house.runner.idle()
    go_on.set()

    record = (await house.runs.of_job("f")).records[0]
    assert record.run.state.value == "failed"
    assert "within 5 seconds" in record.run.error


async def test_a_coroutine_that_blocks_freezes_nobody_and_has_its_time(house, clock):
    """
    It froze the server, timeouts and signals included, and again after each restart.
    """
    begun, go_on = threading.Event(), threading.Event()

    async def blocking(run):
        begun.set()
        go_on.wait()

    fields = {"name": "f", "cron_string": "0 * * * *", "timeout": 5}
    await house.jobs.reconcile(
        [ProjectJob(fields=fields, origin="code", function=blocking, place="jobs/f.py")]
    )
    clock.advance(3600)
    await house.agenda.pass_once()

    await house.runner.claim_once()
    await asyncio.to_thread(begun.wait)
    clock.advance(5)
    await house.runner.idle()
    go_on.set()

    run = (await house.runs.of_job("f")).records[0].run
    assert run.state.value == "failed"
    assert "within 5 seconds" in run.error


async def test_a_run_that_somebody_else_has_taken_over_is_let_go(house, clock):
    """
    Its heartbeat was late: the other one finishes it, and ours must not go on for ever.
    """
    begun = asyncio.Event()

    async def hang():
        begun.set()
        await asyncio.Event().wait()

    house.sources.answers[SQL] = hang
    await house.jobs.add({**REPORT, "timeout": "1 day"})
    clock.advance(3600)
    await house.agenda.pass_once()
    async with started(house.runner):
        await begun.wait()
        await house.run_store.claim(
            "other",
            now=clock.now() + timedelta(seconds=LEASE_S),
            lease_until=clock.now() + timedelta(days=365),
            live=1,
            backfill=0,
        )

        async def is_let_go():
            clock.advance(LEASE_S / 3)
            return not house.runner._going_on

        await until(is_let_go)

    record = (await house.runs.of_job("report")).records[0]
    assert record.run.state.value == "running"
    assert record.run.attempt == 2


async def test_a_run_whose_end_was_not_written_is_taken_up_while_others_go_on(
    house, clock
):
    """
    The heartbeat of the others prolonged its lease for ever.
    """
    begun = asyncio.Event()

    async def hang():
        begun.set()
        await asyncio.Event().wait()

    house.sources.answers[SQL] = hang
    house.runner._store = Broken(house.run_store)
    await house.jobs.add({**REPORT, "timeout": "1 day"})
    await house.jobs.add({**REPORT, "name": "unwritten", "source": None, "query": None})
    clock.advance(3600)
    await house.agenda.pass_once()
    async with started(house.runner):
        await begun.wait()

        async def is_taken_up():
            clock.advance(LEASE_S / 3)
            await house.runner._store.beaten.wait()
            house.runner._store.beaten.clear()
            run = (await house.runs.of_job("unwritten")).records[0].run
            return run.state.value == "succeeded"

        async with asyncio.timeout(5):
            await until(is_taken_up)

    assert (await house.runs.of_job("unwritten")).records[0].run.attempt == 2


class Broken:
    """A queue whose first `finish` fails in a way that nobody foresaw."""

    def __init__(self, store):
        self._store = store
        self._is_broken = True
        self.beaten = asyncio.Event()

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def beat(self, *arguments):
        mine = await self._store.beat(*arguments)
        self.beaten.set()
        return mine

    async def finish(self, *arguments):
        if self._is_broken:
            self._is_broken = False
            raise RuntimeError("nobody foresaw this")
        return await self._store.finish(*arguments)


async def test_what_is_due_while_the_last_one_goes_on_is_a_row_of_its_own(house, clock):
    go_on = asyncio.Event()

    async def wait():
        await go_on.wait()
        return ({"n": 1},)

    house.sources.answers[SQL] = wait
    await house.jobs.add({**REPORT, "cron_string": "* * * * *", "timeout": "1 hour"})
    for _ in range(3):
        clock.advance(60)
        await house.agenda.pass_once()
        await house.runner.claim_once()

    states = [state for _, state, _, _ in await house.history_of("report")]
    go_on.set()
    await house.runner.idle()

    assert states == ["running", "skipped_overlap", "skipped_overlap"]


async def test_overlap_queue_runs_one_after_the_other(house, clock):
    going_on, most = 0, 0

    async def count():
        nonlocal going_on, most
        going_on += 1
        most = max(most, going_on)
        await asyncio.sleep(0)
        going_on -= 1
        return ({"n": 1},)

    house.sources.answers[SQL] = count
    await house.jobs.add({**REPORT, "cron_string": "* * * * *", "overlap": "queue"})
    for _ in range(3):
        clock.advance(60)
        await house.agenda.pass_once()
    await house.settle()

    states = [state for _, state, _, _ in await house.history_of("report")]
    assert states == ["succeeded"] * 3
    assert most == 1


async def test_a_delivery_is_tried_again_with_the_same_key(house, clock):
    house.poster.replies = [
        500,
        "Connection refused.",
        Reply(status=503, body=b"", retry_after="120"),
    ]
    await house.jobs.add(REPORT)

    clock.advance(3600)
    for _ in range(100):
        await house.settle()
        clock.advance(30)
        if len(house.poster.posted) == 4:
            break

    record = (await house.runs.of_job("report", limit=1000)).records[-1]
    attempts = record.attempts
    assert [each.status for each in attempts] == [500, None, 503, 201]
    assert attempts[1].error == "Connection refused."
    assert attempts[3].at - attempts[2].at >= timedelta(seconds=120)
    assert record.delivery.state.value == "delivered"
    assert len({posted[2]["Idempotency-Key"] for posted in house.poster.posted}) == 1
    assert [p[2]["X-Attempt"] for p in house.poster.posted] == ["1", "2", "3", "4"]


async def test_a_refused_delivery_can_be_sent_again_by_hand(house, clock):
    house.poster.replies = [422]
    await house.jobs.add(REPORT)
    clock.advance(3600)
    await house.settle()
    run_id = (await house.runs.of_job("report")).records[0].run.id
    undelivered = await house.runs.get(run_id)

    await house.runs.redeliver(run_id)
    await house.settle()

    assert undelivered.delivery.state.value == "undelivered"
    assert "422" in undelivered.delivery.reason
    assert (await house.runs.get(run_id)).delivery.state.value == "delivered"


async def test_after_the_last_attempt_it_is_undelivered(house, clock):
    house.poster.replies = [500] * 3
    await house.jobs.add({**REPORT, "retries": 2})
    clock.advance(3600)
    for _ in range(5):
        await house.settle()
        clock.advance(60)

    record = (await house.runs.of_job("report")).records[-1]
    assert len(record.attempts) == 3
    assert record.delivery.state.value == "undelivered"


class HangingAt(RecordingPoster):
    """A poster whose requests to one URL hang until it is let go."""

    def __init__(self, url):
        super().__init__()
        self._url = url
        self.let_go = asyncio.Event()

    async def post(self, url, **more):
        reply = await super().post(url, **more)
        if url == self._url:
            await self.let_go.wait()
        return reply


async def test_a_dead_destination_delays_no_other(database, clock):
    """
    More parcels for it than there are places, and each of them hangs.
    """
    poster = HangingAt("http://a/")
    sources = KnownRows({SQL: ({"n": 1},)})
    house = House(database, clock, sources=sources, poster=poster)
    for number in range(9):
        await house.jobs.add(
            {**REPORT, "name": f"d{number}", "deliver_to": "http://a/"}
        )
    await house.jobs.add({**REPORT, "name": "z", "deliver_to": "http://b/"})
    clock.advance(3600)
    await house.agenda.pass_once()
    await house.runner.claim_once()
    await house.runner.idle()

    await house.courier.claim_once()

    async def other_is_delivered():
        record = (await house.runs.of_job("z")).records[0]
        return record.delivery.state.value == "delivered"

    await until(other_is_delivered)

    assert len(house.poster.posted) == 5
    poster.let_go.set()
    await house.courier.idle()


async def test_a_stuck_path_delays_no_other_job_to_its_host(database, clock):
    poster = HangingAt("http://a/stuck")
    sources = KnownRows({SQL: ({"n": 1},)})
    house = House(database, clock, sources=sources, poster=poster)
    for number in range(9):
        fields = {**REPORT, "name": f"d{number}", "deliver_to": "http://a/stuck"}
        await house.jobs.add(fields)
    await house.jobs.add({**REPORT, "name": "z", "deliver_to": "http://a/quick"})
    clock.advance(3600)
    await house.agenda.pass_once()
    await house.runner.claim_once()
    await house.runner.idle()

    await house.courier.claim_once()

    async def other_is_delivered():
        record = (await house.runs.of_job("z")).records[0]
        return record.delivery.state.value == "delivered"

    await until(other_is_delivered)
    poster.let_go.set()
    await house.courier.idle()


async def test_deliveries_under_way_have_a_most_whatever_the_destinations(house, clock):
    """
    Each holds its body and a connection; 2,000 hosts were 2,000 requests at once.
    """
    go_on = asyncio.Event()

    async def wait():
        await go_on.wait()
        return Reply(status=201, body=b"")

    count = PLACES + 10
    house.poster.replies = [wait] * count
    for number in range(count):
        url = f"http://h{number}/result"
        await house.jobs.add({**REPORT, "name": f"r{number}", "deliver_to": url})
    clock.advance(3600)
    await house.agenda.pass_once()
    while await house.runner.claim_once():
        await house.runner.idle()

    for _ in range(3):
        await house.courier.claim_once()
        await asyncio.sleep(0)
    under_way = len(house.poster.posted)
    go_on.set()
    await house.courier.idle()
    await house.deliver()

    assert under_way == PLACES
    assert len(house.poster.posted) == count


async def test_run_now_runs_at_once_even_when_paused(house):
    await house.jobs.add({**REPORT, "paused": True, "period": "day"})

    run = await house.runs.run_now("report", date(2022, 12, 22))
    await house.settle()

    record = await house.runs.get(run.id)
    assert record.run.state.value == "succeeded"
    assert house.sources.questions[0].parameters["now"].isoformat() == (
        "2022-12-22T00:00:00+00:00"
    )


async def test_two_runs_now_at_one_moment_are_two(house):
    await house.jobs.add(REPORT)

    runs = [await house.runs.run_now("report") for _ in range(2)]
    await house.settle()

    keys = {posted[2]["Idempotency-Key"] for posted in house.poster.posted}
    assert len({run.id for run in runs}) == len(keys) == 2


async def test_a_backfill_runs_each_due_time_once(house, clock):
    await house.jobs.add({**REPORT, "cron_string": "0 13 * * *", "period": "day"})

    dry = await house.backfills.plan("report", "2026-11-01", "2026-11-11", dry_run=True)
    first = await house.backfills.plan("report", "2026-11-01", "2026-11-11")
    while (await house.backfills.progress(first)).delivered < first.due:
        await house.settle()
    second = await house.backfills.plan("report", "2026-10-30", "2026-11-11")

    starts = sorted(
        question.parameters["start"].date().isoformat()
        for question in house.sources.questions
    )
    assert (dry.due, dry.new, dry.already) == (10, 10, 0)
    assert (first.due, first.new, first.already) == (10, 10, 0)
    assert (second.due, second.new, second.already) == (12, 2, 10)
    assert starts == ["2026-10-31"] + [f"2026-11-{day:02}" for day in range(1, 10)]
    assert len(house.poster.posted) == 10


async def test_a_backfill_is_of_the_past_only(house):
    await house.jobs.add(REPORT)

    planned = await house.backfills.plan("report", "2026-11-21", "2027-01-01")

    assert planned.due == 12
    assert planned.last == NOON - minutes(60)
    with pytest.raises(Invalid, match="after from"):
        await house.backfills.plan("report", "2027-01-01", "2027-02-01")
    with pytest.raises(Invalid, match="from"):
        await house.backfills.plan("report", "x", "2027-02-01")
    with pytest.raises(NotFound):
        await house.backfills.plan("none", "2026-01-01", "2026-02-01")


async def test_what_is_due_does_not_wait_for_a_backfill(house, clock):
    await house.jobs.add(REPORT)
    await house.backfills.plan("report", "2026-01-01", "2026-11-01")
    clock.advance(3600)
    await house.agenda.pass_once()

    await house.runner.claim_once()
    await house.runner.idle()

    due = [row for row in await house.history_of("report") if row[0] == "due"]
    assert [row[1] for row in due] == ["succeeded"]


async def test_trying_a_job_sends_and_stores_nothing(house):
    await house.jobs.add(REPORT)

    trial = await house.trials.try_out(await house.jobs.get("report"))

    assert len(trial.times) == 10
    assert trial.times[0] == NOON + minutes(60)
    assert trial.answer == b'{"n":1}'
    assert trial.request.url == "http://h/result"
    assert trial.request.body == b'{"n":1}'
    assert trial.request.headers["Idempotency-Key"]
    assert house.poster.posted == []
    assert await house.history_of("report") == []


async def test_trying_a_job_tells_why_there_is_no_answer(house):
    house.sources.answers[SQL] = QueryFailed("no such table: shop")
    job = house.jobs.checked(REPORT)

    trial = await house.trials.try_out(job)

    assert trial.error == "no such table: shop"
    assert trial.request is None


async def test_a_function_is_given_its_run(house, clock):
    async def report(run):
        rows = await run.query("shop", SQL, extra=7)
        return {"day": run.period.start.date(), "n": rows[0]["n"], "now": run.now}

    project = [
        ProjectJob(
            fields={
                "name": "f",
                "cron_string": "0 * * * *",
                "period": "day",
                "deliver_to": "http://h/",
            },
            origin="code",
            function=report,
            place="jobs/report.py",
        )
    ]
    await house.jobs.reconcile(project)

    clock.advance(3600)
    await house.settle()

    assert json.loads(house.poster.posted[0][1]) == {
        "day": "2026-11-20",
        "n": 1,
        "now": "2026-11-21T13:00:00Z",
    }
    assert house.sources.questions[0].parameters["extra"] == 7


async def test_a_blocking_function_runs_in_a_thread(house, clock):
    def report(run):
        return run.query("shop", SQL)[0]

    project = [
        ProjectJob(
            fields={"name": "f", "cron_string": "0 * * * *"},
            origin="code",
            function=report,
            place="jobs/report.py",
        )
    ]
    await house.jobs.reconcile(project)

    clock.advance(3600)
    await house.settle()

    record = (await house.runs.of_job("f")).records[0]
    assert record.run.result == b'{"n":1}'


@pytest.mark.parametrize("is_async", [True, False])
async def test_a_function_that_raises_fails_its_run_and_says_where(
    house, clock, is_async
):
    async def slowly(run):
        return 1 / 0

    def plainly(run):
        return 1 / 0

    project = [
        ProjectJob(
            fields={"name": "f", "cron_string": "0 * * * *"},
            origin="code",
            function=slowly if is_async else plainly,
            place="jobs/f.py",
        )
    ]
    await house.jobs.reconcile(project)

    clock.advance(3600)
    await house.settle()

    record = (await house.runs.of_job("f")).records[0]
    assert record.run.state.value == "failed"
    assert "ZeroDivisionError: division by zero" in record.run.error
    assert "test_jobs_running.py, line" in record.run.error


@pytest.mark.parametrize("error", ["SystemExit", "KeyboardInterrupt", "CancelledError"])
@pytest.mark.parametrize("is_async", [True, False], ids=["async", "plain"])
async def test_a_function_that_would_end_the_server_fails_its_run_only(
    house, clock, error, is_async
):
    """
    The run was taken up again at each start, and ended the server each time.
    """
    kinds = {"CancelledError": asyncio.CancelledError, **vars(builtins)}

    async def asynchronous(run):
        raise kinds[error]

    def plain(run):
        raise kinds[error]

    await house.jobs.reconcile(
        [
            ProjectJob(
                fields={"name": "leaver", "cron_string": "0 * * * *"},
                origin="code",
                function=asynchronous if is_async else plain,
                place="jobs/leaver.py",
            )
        ]
    )
    clock.advance(3600)
    await house.settle()

    run = (await house.runs.of_job("leaver")).records[0].run
    assert run.state.value == "failed"
    assert f"raised {error}" in run.error


async def test_a_function_that_cancels_its_own_task_fails_its_run(house, clock):
    async def leaver(run):
        asyncio.current_task().cancel()
        await asyncio.sleep(0)

    await house.jobs.reconcile(
        [
            ProjectJob(
                fields={"name": "leaver", "cron_string": "0 * * * *"},
                origin="code",
                function=leaver,
                place="jobs/leaver.py",
            )
        ]
    )
    clock.advance(3600)
    await house.settle()

    run = (await house.runs.of_job("leaver")).records[0].run
    assert run.state.value == "failed"
    assert "CancelledError" in run.error


async def test_reconciling_twice_changes_nothing(house):
    file = ProjectJob(fields=REPORT, origin="file")

    first = await house.jobs.reconcile([file])
    stored = await house.jobs.get("report")
    second = await house.jobs.reconcile([file])

    assert first.created == ("report",)
    assert second.unchanged == ("report",)
    assert await house.jobs.get("report") == stored


async def test_reconciling_updates_and_removes(house):
    other = {**REPORT, "name": "other"}
    await house.jobs.add({"cron_string": "* * * * *", "name": "asked-for"})
    await house.jobs.reconcile(
        [ProjectJob(fields=each, origin="file") for each in (REPORT, other)]
    )

    changed = {**REPORT, "deliver_to": "http://elsewhere/"}
    done = await house.jobs.reconcile([ProjectJob(fields=changed, origin="file")])

    assert (done.updated, done.removed) == (("report",), ("other",))
    assert (await house.jobs.get("report")).ask.deliver_to == "http://elsewhere/"
    assert (await house.jobs.get("asked-for")).origin == "api"
    with pytest.raises(NotFound):
        await house.jobs.get("other")


async def test_reconciling_tells_all_faults_of_all_jobs_and_changes_nothing(house):
    wrong = [{**REPORT, "retries": -1}, {**REPORT, "name": "b", "source": "none"}]

    with pytest.raises(Invalid) as refused:
        await house.jobs.reconcile(
            [ProjectJob(fields=each, origin="file") for each in wrong]
        )

    pointers = [fault.pointer for fault in refused.value.faults]
    assert pointers == ["/jobs/report/retries", "/jobs/b/source"]
    assert (await house.jobs.page()).total == 0


async def test_a_fault_of_a_job_with_a_bad_name_has_a_pointer_all_the_same(house):
    bad = ProjectJob(fields={**REPORT, "name": "a/b"}, origin="file")

    with pytest.raises(Invalid) as refusal:
        await house.jobs.reconcile([bad])

    assert refusal.value.faults[0].pointer == "/jobs/a~1b/name"


async def test_a_projects_name_that_is_taken_is_told(house):
    await house.jobs.add(REPORT)

    with pytest.raises(Conflict, match="added by request"):
        await house.jobs.reconcile([ProjectJob(fields=REPORT, origin="file")])


async def test_a_projects_job_is_changed_where_it_is_written(house):
    await house.jobs.reconcile([ProjectJob(fields=REPORT, origin="file")])

    with pytest.raises(NotAllowed, match=r"tallymill\.toml"):
        await house.jobs.patch("report", {"retries": 1})
    with pytest.raises(NotAllowed, match=r"tallymill\.toml"):
        await house.jobs.remove("report")
    paused = await house.jobs.pause("report")
    await house.jobs.reconcile([ProjectJob(fields=REPORT, origin="file")])

    assert paused.next_run is None
    assert (await house.jobs.get("report")).paused


async def test_a_patch_changes_what_it_names(house):
    await house.jobs.add(REPORT)

    job = await house.jobs.patch("report", {"cron_string": "30 * * * *", "jitter": 5})
    again = await house.jobs.patch("report", {"deliver_to": None})

    assert job.ask.schedule == "30 * * * *"
    assert again.ask.deliver_to is None
    assert again.ask.jitter_s == 5
    with pytest.raises(Invalid, match="name"):
        await house.jobs.patch("report", {"name": "x"})
    with pytest.raises(Invalid, match="source"):
        await house.jobs.patch("report", {"source": None})
    with pytest.raises(NotFound):
        await house.jobs.patch("none", {"retries": 1})


async def test_a_name_is_taken_once(house):
    await house.jobs.add(REPORT)

    with pytest.raises(Conflict, match="already"):
        await house.jobs.add(REPORT)


async def test_pausing_leaves_one_row_for_all_that_passed(house, clock):
    await house.jobs.add(REPORT)
    await house.jobs.pause("report")
    clock.advance(5 * 3600)
    await house.settle()

    await house.jobs.resume("report")

    assert await house.history_of("report") == [
        ("missed", "skipped_paused", NOON + minutes(60), 5)
    ]


async def test_a_run_cut_off_by_a_crash_is_taken_up_with_its_key(
    house, clock, database
):
    go_on = asyncio.Event()

    async def hang():
        await go_on.wait()
        return ({"n": 1},)

    house.sources.answers[SQL] = hang
    await house.jobs.add({**REPORT, "timeout": "1 hour"})
    clock.advance(3600)
    await house.agenda.pass_once()
    await house.runner.claim_once()

    after_the_crash = House(database, clock, sources=KnownRows({SQL: ({"n": 2},)}))

    async def is_done():
        return (await after_the_crash.runs.of_job("report")).records[0].delivery

    async with started(after_the_crash.runner):
        await until(is_done)
    await after_the_crash.deliver()
    go_on.set()
    await house.runner.idle()
    await house.deliver()

    record = (await house.runs.of_job("report")).records[0]
    assert record.run.attempt == 2
    assert record.run.result == b'{"n":2}'
    assert len(after_the_crash.poster.posted) == 1
    assert house.poster.posted == []


async def test_a_run_that_always_takes_the_server_with_it_is_given_up(house, clock):
    await house.jobs.add(REPORT)
    clock.advance(3600)
    await house.agenda.pass_once()
    for number in range(ATTEMPTS_MOST):
        await house.run_store.claim(
            f"dead {number}",
            now=clock.now(),
            lease_until=clock.now() + timedelta(seconds=LEASE_S),
            live=1,
            backfill=0,
        )
        clock.advance(LEASE_S)

    await house.settle()

    record = (await house.runs.of_job("report")).records[-1]
    assert record.run.state.value == "failed"
    assert "Cut off 8 times" in record.run.error


async def test_a_delivery_cut_off_by_a_crash_is_sent_again_with_its_key(
    house, clock, database
):
    await house.jobs.add(REPORT)
    clock.advance(3600)
    await house.agenda.pass_once()
    await house.runner.claim_once()
    await house.runner.idle()
    first = await house.outbox.claim(
        "dead",
        now=clock.now(),
        lease_until=clock.now() + timedelta(seconds=60),
        room=Room(more=1, a_host=1, a_destination=1),
    )

    poster = RecordingPoster()
    after_the_crash = House(database, clock, poster=poster)

    async def is_posted():
        return poster.posted

    async with started(after_the_crash.courier):
        await until(is_posted)

    key = first.consignments[0].parcel.key
    assert poster.posted[0][2]["Idempotency-Key"] == key


async def test_the_loops_do_all_of_it_by_themselves(database):
    """
    With the machine's own clock, threads, sockets and a destination that first fails.
    """
    replies = [500, 201]

    async def answer(_headers, _body):
        return replies.pop(0) if replies else 201, ("Retry-After: 0",), b"ok"

    async with receiving(answer) as receiver:
        poster = HttpPoster()
        house = House(
            database,
            SystemClock(),
            sources=KnownRows({SQL: ({"n": 1},)}),
            poster=poster,
        )
        async with started(poster, house.courier, house.runner, house.agenda):
            await house.jobs.add(
                {**REPORT, "cron_string": "* * * * * *", "deliver_to": receiver.url}
            )
            await asyncio.wait_for(receiver.wait_for(3), 20)

    bodies = {body for _, body in receiver.requests}
    assert bodies == {b'{"n":1}'}


async def test_a_destination_of_its_own_is_asked_over_real_sockets(database, clock):
    async with receiving(always(201)) as receiver:
        poster = HttpPoster()
        sources = KnownRows({SQL: ({"n": 1},)})
        house = House(database, clock, sources=sources, poster=RecordingPoster())
        async with started(poster):
            house.courier._poster = poster
            await house.jobs.add({**REPORT, "deliver_to": receiver.url})
            clock.advance(3600)
            await house.agenda.pass_once()
            await house.runner.claim_once()
            await house.runner.idle()
            await house.courier.claim_once()
            await house.courier.idle()

    record = (await house.runs.of_job("report")).records[0]
    assert record.attempts[0].reply == b"ok"
