"""Jobs and deliveries while the database is away, or code is broken: nothing is lost."""

from datetime import UTC, datetime

import pytest
from job_house import House, started, until
from job_parts import NOON, KnownRows, minutes

from tallymill.jobs.runs import PAGE_MOST
from tallymill.kernel.clock import ManualClock
from tallymill.kernel.errors import Corrupt, Invalid, NotAllowed, NotFound, Unavailable
from tallymill.store.database import Database

SQL = "SELECT 1"
REPORT = {
    "name": "report",
    "cron_string": "0 * * * *",
    "source": "shop",
    "query": SQL,
    "deliver_to": "http://h/result",
}


class Flaky:
    """A store whose verbs fail as told before they work."""

    def __init__(self, store, **failures):
        self._store = store
        self._failures = {verb: list(errors) for verb, errors in failures.items()}

    def __getattr__(self, verb):
        work = getattr(self._store, verb)

        async def call(*args, **named):
            waiting = self._failures.get(verb)
            if waiting:
                raise waiting.pop(0)
            return await work(*args, **named)

        return call


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


async def passing(clock, question, step_s=1.0):
    """Let time pass until the answer is true."""

    async def ask():
        clock.advance(step_s)
        return await question()

    await until(ask)


def is_delivered(house):
    async def question():
        records = (await house.runs.of_job("report")).records
        return records and records[-1].delivery and records[-1].delivery.finished_at

    return question


@pytest.mark.parametrize("error", [Unavailable("full"), ZeroDivisionError()])
async def test_claiming_goes_on_after_a_failure(house, clock, error):
    house.runner._store = Flaky(house.run_store, claim=[error])
    house.courier._outbox = Flaky(house.outbox, claim=[error])
    await house.jobs.add(REPORT)
    clock.advance(3600)
    await house.agenda.pass_once()

    async with started(house.courier, house.runner):
        await passing(clock, is_delivered(house))

    assert len(house.poster.posted) == 1


async def test_an_answer_waits_for_the_database(house, clock):
    """
    The question is not asked again for it, nor is the request sent again.
    """
    away = Unavailable("full")
    house.runner._store = Flaky(house.run_store, finish=[away, away])
    house.courier._outbox = Flaky(house.outbox, record=[away, away])
    await house.jobs.add(REPORT)
    clock.advance(3600)
    await house.agenda.pass_once()

    async with started(house.courier, house.runner):
        await passing(clock, is_delivered(house))

    assert len(house.sources.questions) == 1
    assert len(house.poster.posted) == 1


async def test_what_cannot_be_written_down_is_done_again_after_its_lease(house, clock):
    broken = Corrupt("the row is gone")
    house.runner._store = Flaky(house.run_store, finish=[broken])
    house.courier._outbox = Flaky(house.outbox, record=[broken])
    await house.jobs.add(REPORT)
    clock.advance(3600)
    await house.agenda.pass_once()

    async with started(house.courier, house.runner):
        await passing(clock, is_delivered(house))

    keys = [posted[2]["Idempotency-Key"] for posted in house.poster.posted]
    assert len(keys) == 2
    assert len(set(keys)) == 1


@pytest.mark.parametrize("error", [Unavailable("full"), ZeroDivisionError()])
async def test_a_heartbeat_that_fails_is_tried_again(house, clock, error):
    house.runner._store = Flaky(house.run_store, beat=[error])
    slow = []

    async def answer():
        await clock.sleep(40)
        slow.append(clock.now())
        return ({"n": 1},)

    house.sources.answers[SQL] = answer
    await house.jobs.add({**REPORT, "timeout": "1 hour"})
    clock.advance(3600)
    await house.agenda.pass_once()

    async with started(house.courier, house.runner):
        # In steps so small that a write of the real database is done within a few.
        await passing(clock, is_delivered(house), step_s=0.1)

    record = (await house.runs.of_job("report")).records[-1]
    assert len(slow) == 1
    assert record.run.attempt == 1


async def test_broken_code_on_the_way_to_an_answer_is_a_failed_run(house, clock):
    house.sources.answers[SQL] = KeyError("boom")
    await house.jobs.add(REPORT)

    clock.advance(3600)
    await house.settle()

    record = (await house.runs.of_job("report")).records[0]
    assert record.run.state.value == "failed"
    assert "KeyError" in record.run.error


async def test_what_is_not_there_is_told(house):
    with pytest.raises(NotFound, match="no job"):
        await house.runs.run_now("none")
    with pytest.raises(NotFound, match="no job"):
        await house.runs.of_job("none")
    with pytest.raises(NotFound, match="no run"):
        await house.runs.get("none")
    with pytest.raises(NotFound, match="no run"):
        await house.runs.redeliver("none")
    with pytest.raises(NotFound, match="no job"):
        await house.jobs.remove("none")


@pytest.mark.parametrize("limit", [0, -1, PAGE_MOST + 1])
async def test_a_page_has_a_size(house, limit):
    await house.jobs.add(REPORT)

    with pytest.raises(Invalid, match="limit"):
        await house.runs.of_job("report", limit=limit)
    with pytest.raises(Invalid, match="limit"):
        await house.jobs.page(limit=limit)
    with pytest.raises(Invalid, match="skip"):
        await house.jobs.page(skip=-1)


async def test_a_run_without_a_delivery_has_nothing_to_send_again(house):
    await house.jobs.add({"name": "tick", "cron_string": "0 * * * *"})
    run = await house.runs.run_now("tick")
    await house.settle()

    with pytest.raises(NotAllowed, match="nothing to deliver"):
        await house.runs.redeliver(run.id)


async def test_a_removed_job_is_gone_and_its_runs_stay(house):
    await house.jobs.add(REPORT)
    run = await house.runs.run_now("report")

    await house.jobs.remove("report")
    await house.settle()

    with pytest.raises(NotFound):
        await house.jobs.get("report")
    assert (await house.runs.get(run.id)).run.state.value == "cancelled"


async def test_a_backfill_has_a_most(house, clock):
    await house.jobs.add({**REPORT, "cron_string": "* * * * *"})
    clock.jump(datetime(2030, 1, 1, tzinfo=UTC))

    with pytest.raises(Invalid, match="100,000 are the most"):
        await house.backfills.plan("report", NOON, NOON + minutes(100_001))
