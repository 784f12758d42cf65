"""The jobs' store: adding, paging, compare-and-set, and planning each time once."""

import asyncio
from datetime import timedelta

import msgspec
import pytest
from job_parts import NOON, job_from, minutes, run_from

from tallymill.jobs.agenda import planned
from tallymill.jobs.ports import Change
from tallymill.store.jobs import SqlJobStore
from tallymill.store.run_history import SqlRunHistory


@pytest.fixture
def store(database):
    return SqlJobStore(database)


@pytest.fixture
def history(database):
    return SqlRunHistory(database)


def deciding(now):
    return lambda job, active: planned(job, now, active)


async def test_a_job_comes_back_as_it_was(store):
    job = job_from(
        name="a",
        schedule="each day at 1PM",
        source="shop",
        query="SELECT :start",
        period="day",
        deliver_to="http://h/",
        as_of="2022-12-22",
        jitter=5,
        timezone="Asia/Kolkata",
    )

    assert await store.add(job)
    assert await store.get("a") == job
    assert await store.get("b") is None


async def test_an_id_is_taken_once(store):
    first, second = job_from(name="a"), job_from(name="a", retries=1)

    taken = await asyncio.gather(store.add(first), store.add(second))

    assert sorted(taken) == [False, True]
    assert (await store.page(skip=0, limit=10)).total == 1


async def test_pages_are_in_the_order_of_creation(store):
    for number in range(7):
        await store.add(job_from(name=f"job-{6 - number}"))

    page = await store.page(skip=2, limit=3)

    assert [job.id for job in page.jobs] == ["job-4", "job-3", "job-2"]
    assert page.total == 7


async def test_only_the_next_version_replaces_a_job(store):
    """
    Two edits of the same version: one of them has not seen the other.
    """
    job = job_from(name="a")
    await store.add(job)
    ask = msgspec.structs.replace(job.ask, retries=3)
    new = msgspec.structs.replace(job, ask=ask, version=2)

    first = await store.change(Change(job=new, runs=(run_from("a"),)))
    second = await store.change(Change(job=new, runs=(run_from("a"),)))

    assert (first, second) == (True, False)
    assert (await store.get("a")).ask.retries == 3


async def test_the_rows_of_a_change_come_with_it(store, history):
    await store.add(job_from(name="a"))
    new = msgspec.structs.replace(await store.get("a"), version=2, paused=True)

    await store.change(Change(job=new, runs=(run_from("a"),)))

    assert len((await history.of_job("a", limit=10)).runs) == 1


async def test_planning_stores_the_run_and_the_jobs_next_time_together(store, history):
    await store.add(job_from(name="a"))
    now = NOON + minutes(1)

    done = await store.plan_due(now, deciding(now), 100)

    assert done.jobs == 1
    assert [run.scheduled_for for run in done.runs] == [now]
    assert done.next_run == NOON + minutes(2)
    assert (await store.get("a")).last_nominal == now
    assert (await history.of_job("a", limit=10)).runs == done.runs


async def test_any_number_of_planners_plan_each_due_time_once(store):
    for number in range(40):
        await store.add(job_from(name=f"job-{number}"))
    now = NOON + minutes(1)

    passes = await asyncio.gather(
        *(store.plan_due(now, deciding(now), 7) for _ in range(12))
    )

    runs = [run.job_id for done in passes for run in done.runs]
    assert len(runs) == len(set(runs)) == 40


async def test_a_due_time_that_ran_once_never_runs_again(store):
    """
    Not even if the job is removed and added anew under its name.
    """
    now = NOON + minutes(1)
    await store.add(job_from(name="a"))
    first = await store.plan_due(now, deciding(now), 10)
    await store.remove("a", now)
    await store.add(job_from(name="a"))

    second = await store.plan_due(now, deciding(now), 10)

    assert len(first.runs) == 1
    assert second.jobs == 1
    assert second.runs == ()


async def test_planning_goes_by_what_is_active(store):
    await store.add(job_from(name="a"))
    for minute in (1, 2):
        now = NOON + minutes(minute)
        done = await store.plan_due(now, deciding(now), 10)

    assert [run.state.value for run in done.runs] == ["skipped_overlap"]


async def test_the_earliest_are_planned_first_and_the_least_is_told(store):
    for minute in (3, 1, 2):
        await store.add(job_from(name=f"m{minute}", cron_string=f"{minute} * * * *"))
    now = NOON + minutes(10)

    done = await store.plan_due(now, deciding(now), 2)

    assert [run.job_id for run in done.runs] == ["m1", "m2"]
    assert done.next_run == NOON + minutes(3)


async def test_paused_and_finished_jobs_are_never_due(store):
    await store.add(job_from(name="a", paused=True))
    await store.add(job_from(name="b", schedule="at 2026-11-21T12:01"))
    now = NOON + timedelta(days=1)

    done = await store.plan_due(now, deciding(now), 10)
    later = await store.plan_due(now, deciding(now), 10)

    assert [run.job_id for run in done.runs] == ["b"]
    assert later.jobs == 0
    assert later.next_run is None


async def test_removing_a_job_cancels_what_is_queued_and_keeps_its_history(
    store, history
):
    await store.add(job_from(name="a"))
    now = NOON + minutes(1)
    done = await store.plan_due(now, deciding(now), 10)

    assert await store.remove("a", now)
    assert not await store.remove("a", now)
    run = await history.get(done.runs[0].id)
    assert (run.state.value, run.finished_at) == ("cancelled", now)


async def test_jobs_are_found_by_their_origin(store):
    await store.add(job_from(name="a"))
    await store.add(job_from(name="b", origin="file"))
    await store.add(job_from(name="c", origin="code", function="jobs.c"))

    found = await store.of_origin(("file", "code"))

    assert [job.id for job in found] == ["b", "c"]


async def test_an_edit_does_not_undo_what_was_planned_meanwhile(store):
    await store.add(job_from(name="a"))
    stale = await store.get("a")
    now = NOON + minutes(1)
    await store.plan_due(now, deciding(now), 10)

    new = msgspec.structs.replace(stale, version=stale.version + 1)

    assert not await store.change(Change(job=new))
