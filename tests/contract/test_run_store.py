"""The queue of runs: one holder each, fenced, live before the past, one transaction."""

import asyncio
from datetime import timedelta

import pytest
from job_parts import NOON, job_from, minutes, run_from

from tallymill.delivery.model import Parcel
from tallymill.jobs.model import RunKind, RunState
from tallymill.jobs.ports import Ending
from tallymill.store.jobs import SqlJobStore
from tallymill.store.outbox import SqlOutbox
from tallymill.store.run_history import SqlRunHistory
from tallymill.store.runs import SqlRunStore

LEASE = timedelta(seconds=15)


class Queue:
    def __init__(self, database):
        self.jobs = SqlJobStore(database)
        self.runs = SqlRunStore(database)
        self.history = SqlRunHistory(database)
        self.outbox = SqlOutbox(database)

    async def claim(self, holder="me", now=NOON, live=10, backfill=10):
        return await self.runs.claim(
            holder, now=now, lease_until=now + LEASE, live=live, backfill=backfill
        )

    async def fill(self, *jobs, times=1, **more):
        for job_id in jobs:
            await self.jobs.add(job_from(name=job_id))
            await self.runs.enqueue(
                [
                    run_from(
                        job_id, scheduled_for=NOON - minutes(times - number), **more
                    )
                    for number in range(times)
                ]
            )


@pytest.fixture
def queue(database):
    return Queue(database)


def succeeded(run, parcel=None):
    return Ending(state=RunState.SUCCEEDED, at=NOON, result=b"{}", parcel=parcel)


def parcel_for(run):
    return Parcel(
        run_id=run.id,
        job_id=run.job_id,
        key="k" + run.id,
        url="http://h/result",
        scheduled_for=run.scheduled_for,
        retries=2,
    )


async def test_each_run_goes_to_one_holder(queue):
    await queue.fill("a", times=30)

    claims = await asyncio.gather(*(queue.claim(f"h{n}", live=4) for n in range(10)))

    ids = [claimed.run.id for claim in claims for claimed in claim]
    assert len(ids) == len(set(ids)) == 30


async def test_a_claim_hands_over_the_job_and_counts_the_attempt(queue):
    await queue.fill("a")

    (claimed,) = await queue.claim()

    assert claimed.run.state is RunState.RUNNING
    assert claimed.run.attempt == 1
    assert claimed.run.started_at == NOON
    assert claimed.job.id == "a"
    assert (await queue.history.get(claimed.run.id)) == claimed.run
    assert (await queue.jobs.get("a")).last_run == NOON


async def test_only_what_is_new_is_queued(queue):
    await queue.fill("a", times=3)

    again = await queue.runs.enqueue(
        [run_from("a", scheduled_for=NOON - minutes(n)) for n in range(1, 6)]
    )

    assert again == 2


async def test_live_runs_do_not_wait_for_the_past(queue):
    await queue.fill("a", times=50, kind=RunKind.BACKFILL)
    await queue.fill("b")

    claimed = await queue.claim(live=2, backfill=3)

    kinds = [each.run.kind.value for each in claimed]
    assert kinds == ["due", "backfill", "backfill", "backfill"]


async def test_no_places_no_runs(queue):
    await queue.fill("a")

    assert await queue.claim(live=0, backfill=0) == ()


async def test_serial_runs_of_a_job_go_one_by_one_and_others_beside_them(queue):
    await queue.fill("a", times=3, serial=True)
    await queue.fill("b", serial=True)

    first = await queue.claim()
    while_running = await queue.claim()
    await queue.runs.finish(first[0].run.id, first[0].fence, succeeded(first[0].run))
    then = await queue.claim()

    assert [each.run.job_id for each in first] == ["a", "b"]
    assert while_running == ()
    assert [each.run.scheduled_for for each in then] == [NOON - minutes(2)]


async def test_finishing_stores_outcome_result_and_delivery_together(queue):
    await queue.fill("a")
    (claimed,) = await queue.claim()
    parcel = parcel_for(claimed.run)

    assert await queue.runs.finish(
        claimed.run.id, claimed.fence, succeeded(claimed.run, parcel)
    )

    run = await queue.history.get(claimed.run.id)
    sent = (await queue.outbox.history([run.id]))[run.id]
    assert run.state is RunState.SUCCEEDED
    assert run.result == b"{}"
    assert run.finished_at == NOON
    assert sent.delivery.parcel == parcel
    assert sent.attempts == ()


async def test_a_run_is_finished_once(queue):
    await queue.fill("a")
    (claimed,) = await queue.claim()
    ending = succeeded(claimed.run, parcel_for(claimed.run))

    done = [
        await queue.runs.finish(claimed.run.id, claimed.fence, ending) for _ in "12"
    ]

    assert done == [True, False]


async def test_a_run_that_was_cut_off_is_taken_up_again_when_its_lease_is_over(queue):
    """
    The same run, so the same Idempotency-Key; the one before may not finish it.
    """
    await queue.fill("a", serial=True)
    (first,) = await queue.claim("dead")

    early = await queue.claim("me", now=NOON + LEASE - timedelta(seconds=1))
    (second,) = await queue.claim("me", now=NOON + LEASE)
    late = await queue.runs.finish(first.run.id, first.fence, succeeded(first.run))
    mine = await queue.runs.finish(second.run.id, second.fence, succeeded(second.run))

    assert early == ()
    assert second.run.id == first.run.id
    assert (second.run.attempt, second.fence) == (2, first.fence + 1)
    assert (late, mine) == (False, True)


async def test_a_heartbeat_prolongs_and_tells_what_is_still_mine(queue):
    await queue.fill("a", "b")
    claimed = await queue.claim("me")
    await queue.runs.finish(
        claimed[1].run.id, claimed[1].fence, succeeded(claimed[1].run)
    )

    ids = [each.run.id for each in claimed]
    mine = await queue.runs.beat("me", ids, NOON + 2 * LEASE)
    taken = await queue.claim("other", now=NOON + LEASE)

    assert mine == {claimed[0].run.id}
    assert taken == ()


async def test_a_run_that_its_holder_does_not_name_is_not_prolonged(queue):
    """
    Its task has ended without a word; nothing else would ever take it up again.
    """
    await queue.fill("a", "b")
    forgotten, going_on = await queue.claim("me")

    mine = await queue.runs.beat("me", [going_on.run.id], NOON + 2 * LEASE)
    taken = await queue.claim("me", now=NOON + LEASE)

    assert mine == {going_on.run.id}
    assert [each.run.id for each in taken] == [forgotten.run.id]


async def test_nobody_prolongs_what_another_holds(queue):
    await queue.fill("a")
    (claimed,) = await queue.claim("other")

    assert await queue.runs.beat("me", [claimed.run.id], NOON + 2 * LEASE) == set()
    assert len(await queue.claim("me", now=NOON + LEASE)) == 1


async def test_the_only_process_takes_up_at_once_what_the_last_one_left(queue):
    await queue.fill("a", "b")
    await queue.claim("dead")

    released = await queue.runs.release("me", NOON)

    assert released == 2
    assert len(await queue.claim("me")) == 2


async def test_a_question_to_be_asked_again_waits_for_its_moment(queue):
    await queue.fill("a")
    (claimed,) = await queue.claim()
    ending = Ending(
        state=RunState.QUEUED, at=NOON, error="away", not_before=NOON + minutes(1)
    )
    await queue.runs.finish(claimed.run.id, claimed.fence, ending)

    early = await queue.claim(now=NOON + timedelta(seconds=59))
    (again,) = await queue.claim(now=NOON + minutes(1))

    assert early == ()
    assert again.run.attempt == 2


async def test_runs_of_a_job_that_is_gone_are_cancelled(queue):
    await queue.fill("a")
    (claimed,) = await queue.claim("dead")
    await queue.jobs.remove("a", NOON)

    taken = await queue.claim("me", now=NOON + LEASE)

    run = await queue.history.get(claimed.run.id)
    assert taken == ()
    assert (run.state, run.finished_at) == (RunState.CANCELLED, NOON + LEASE)


async def test_history_pages_are_newest_first_and_whole(queue):
    await queue.fill("a", times=7)
    times, before = [], None
    while True:
        page = await queue.history.of_job("a", limit=3, before=before)
        times += [run.scheduled_for for run in page.runs]
        before = page.next_before
        if before is None:
            break

    assert times == [NOON - minutes(n) for n in range(1, 8)]


async def test_a_backfill_is_counted_by_what_became_of_it(queue):
    await queue.fill("a", times=4, kind=RunKind.BACKFILL)
    first, second = await queue.claim(backfill=2)
    await queue.runs.finish(
        first.run.id, first.fence, succeeded(first.run, parcel_for(first.run))
    )
    failed = Ending(state=RunState.FAILED, at=NOON, error="x")
    await queue.runs.finish(second.run.id, second.fence, failed)

    counts = await queue.history.counts("a", NOON - minutes(10), NOON)
    known = await queue.history.known_times("a", NOON - minutes(3), NOON)

    assert (counts.queued, counts.done, counts.failed) == (2, 1, 1)
    assert (counts.to_deliver, counts.delivered) == (1, 0)
    assert known == {NOON - minutes(n) for n in (1, 2, 3)}


async def test_a_page_of_history_ends_early_when_its_results_are_large(queue):
    await queue.fill("a", times=6)
    for claimed in await queue.claim():
        ending = Ending(state=RunState.SUCCEEDED, at=NOON, result=b"1" * 3_000_000)
        await queue.runs.finish(claimed.run.id, claimed.fence, ending)

    first = await queue.history.of_job("a", limit=100)
    second = await queue.history.of_job("a", limit=100, before=first.next_before)
    third = await queue.history.of_job("a", limit=100, before=second.next_before)

    assert [len(page.runs) for page in (first, second, third)] == [2, 2, 2]
    assert third.next_before is None
