"""The outbox: due by destination, leased, fenced, every attempt kept."""

from datetime import timedelta

import pytest
from job_parts import NOON, job_from, minutes, run_from

from tallymill.delivery.model import Attempt, DeliveryState, Parcel
from tallymill.delivery.policy import Dead, Done, Retry
from tallymill.delivery.ports import Room
from tallymill.jobs.model import RunState
from tallymill.jobs.ports import Ending
from tallymill.store.jobs import SqlJobStore
from tallymill.store.outbox import SqlOutbox
from tallymill.store.runs import SqlRunStore

LEASE = timedelta(seconds=60)


class Post:
    def __init__(self, database):
        self.jobs = SqlJobStore(database)
        self.runs = SqlRunStore(database)
        self.outbox = SqlOutbox(database)

    async def put(self, *hosts, retries=2):
        """Put one parcel for each host into the outbox; returns the run ids."""
        await self.jobs.add(job_from(name="a"))
        at = NOON - minutes(1000)
        runs = [
            run_from("a", scheduled_for=at + minutes(number))
            for number in range(len(hosts))
        ]
        await self.runs.enqueue(runs)
        claimed = await self.runs.claim(
            "me", now=NOON, lease_until=NOON + LEASE, live=1000, backfill=0
        )
        for each, host in zip(claimed, hosts, strict=True):
            parcel = Parcel(
                run_id=each.run.id,
                job_id="a",
                key=f"key of {each.run.id}",
                url=f"http://{host}/result",
                scheduled_for=each.run.scheduled_for,
                retries=retries,
            )
            ending = Ending(
                state=RunState.SUCCEEDED, at=NOON, result=b'{"n":1}', parcel=parcel
            )
            await self.runs.finish(each.run.id, each.fence, ending)
        return [each.run.id for each in claimed]

    async def claim(self, holder="me", now=NOON, busy=None, each=10, host=99, more=999):
        return await self.outbox.claim(
            holder,
            now=now,
            lease_until=now + LEASE,
            room=Room(more=more, a_host=host, a_destination=each, busy=busy or {}),
        )

    async def state_of(self, run_id):
        record = (await self.outbox.history([run_id]))[run_id]
        return record.delivery, record.attempts


@pytest.fixture
def post(database):
    return Post(database)


def attempt(number=1, status=201, at=NOON, error=None):
    return Attempt(
        number=number, at=at, duration_s=0.25, status=status, error=error, reply=b"ok"
    )


async def test_a_parcel_is_handed_over_with_its_result(post):
    (run_id,) = await post.put("h")

    claim = await post.claim()

    (consignment,) = claim.consignments
    assert consignment.body == b'{"n":1}'
    assert consignment.parcel.key == f"key of {run_id}"
    assert (consignment.number, consignment.tries_left) == (1, 2)


async def test_nobody_else_gets_it_until_the_lease_is_over(post):
    await post.put("h")
    first = (await post.claim("dead")).consignments

    early = (await post.claim("me", now=NOON + LEASE / 2)).consignments
    (late,) = (await post.claim("me", now=NOON + LEASE)).consignments

    assert early == ()
    assert late.parcel == first[0].parcel
    assert late.number == 1
    assert late.fence == first[0].fence + 1


async def test_the_one_whose_lease_was_over_may_not_record(post):
    (run_id,) = await post.put("h")
    (first,) = (await post.claim("slow")).consignments
    (second,) = (await post.claim("me", now=NOON + LEASE)).consignments

    late = await post.outbox.record(run_id, first.fence, attempt(), Done())
    mine = await post.outbox.record(run_id, second.fence, attempt(), Done())

    assert (late, mine) == (False, True)
    assert len((await post.state_of(run_id))[1]) == 1


async def test_each_destination_has_its_own_room(post):
    await post.put(*["slow"] * 6, *["quick"] * 6)

    claim = await post.claim(busy={"http://slow/result": 4}, each=4)

    urls = [each.parcel.url for each in claim.consignments]
    assert urls == ["http://quick/result"] * 4


async def test_no_more_are_handed_over_than_asked_for(post):
    await post.put(*[f"h{number}" for number in range(20)])

    first = await post.claim(more=15)
    second = await post.claim(more=15)

    assert len(first.consignments) == 15
    assert first.next_try_at <= NOON
    assert len(second.consignments) == 5
    assert second.next_try_at == NOON + LEASE


async def test_each_destination_gets_one_before_any_gets_two(post):
    """
    A long queue for one must not take all places there are.
    """
    await post.put(*["long"] * 6, "a", "b", "c")

    claim = await post.claim(each=4, more=5)

    hosts = sorted(each.parcel.url for each in claim.consignments)
    assert hosts == sorted(
        f"http://{h}/result" for h in ("a", "b", "c", "long", "long")
    )


async def test_who_has_most_room_comes_first(post):
    """
    Those that hang already wait behind those that nothing is known against.
    """
    await post.put("slow", "slow", "quick")

    claim = await post.claim(busy={"http://slow/result": 3}, each=4, more=1)

    assert [each.parcel.url for each in claim.consignments] == ["http://quick/result"]


async def test_a_stuck_path_leaves_room_for_the_others_of_its_host(post):
    await post.put(*["h/stuck"] * 6, "h/quick")

    claim = await post.claim(busy={"http://h/stuck/result": 4}, each=4, host=16)

    urls = [each.parcel.url for each in claim.consignments]
    assert urls == ["http://h/quick/result"]


async def test_a_host_has_a_most_over_all_its_paths(post):
    await post.put("h/a", "h/a", "h/b", "h/b", "h/c")

    claim = await post.claim(busy={"http://h/d/result": 2}, each=4, host=5)

    urls = sorted(each.parcel.url for each in claim.consignments)
    assert urls == [f"http://h/{path}/result" for path in "abc"]


async def test_when_to_look_again_leaves_out_who_has_no_room(post):
    """
    One that hung for long hid the next try of all others, and each was 5 s late.
    """
    *_, run_id = await post.put(*["stuck"] * 3, "quick")
    stuck = {"http://stuck/result": 4}
    (sent,) = (await post.claim(busy=stuck, each=4)).consignments
    again = NOON + timedelta(seconds=2)
    await post.outbox.record(run_id, sent.fence, attempt(), Retry(again, "503"))

    claim = await post.claim(busy=stuck, each=4, now=NOON + timedelta(seconds=1))

    assert claim.consignments == ()
    assert claim.next_try_at == again


async def test_looking_when_nothing_is_due_disturbs_no_writer(
    post, database, monkeypatch
):
    await post.put("a", "b")
    await post.claim()

    def write(unit):
        raise AssertionError("there is nothing to write")

    monkeypatch.setattr(database, "write", write)
    later = await post.claim(now=NOON + LEASE / 2)

    assert later.consignments == ()
    assert later.next_try_at == NOON + LEASE


async def test_a_delivered_one_is_over(post):
    (run_id,) = await post.put("h")
    (consignment,) = (await post.claim()).consignments

    await post.outbox.record(run_id, consignment.fence, attempt(), Done())

    delivery, attempts = await post.state_of(run_id)
    assert delivery.state is DeliveryState.DELIVERED
    assert delivery.attempts == 1
    assert delivery.next_try_at is None
    assert delivery.finished_at == NOON + timedelta(seconds=0.25)
    assert attempts == (attempt(),)
    assert (await post.claim(now=NOON + minutes(60))).next_try_at is None


async def test_one_to_be_tried_again_waits_for_its_moment(post):
    (run_id,) = await post.put("h")
    (consignment,) = (await post.claim()).consignments
    again = NOON + minutes(5)

    await post.outbox.record(
        run_id, consignment.fence, attempt(status=500), Retry(again, "It answered 500.")
    )

    early = await post.claim(now=again - timedelta(seconds=1))
    (late,) = (await post.claim(now=again)).consignments
    assert early.consignments == ()
    assert early.next_try_at == again
    assert (late.number, late.tries_left) == (2, 1)


async def test_a_dead_one_is_undelivered_until_it_is_sent_again(post):
    (run_id,) = await post.put("h", retries=5)
    (consignment,) = (await post.claim()).consignments
    error = attempt(status=None, error="No reply.")
    await post.outbox.record(run_id, consignment.fence, error, Dead("No reply."))
    dead, _ = await post.state_of(run_id)
    nothing = await post.claim(now=NOON + minutes(60))

    assert await post.outbox.redeliver(run_id, NOON + minutes(60))
    (again,) = (await post.claim(now=NOON + minutes(60))).consignments
    await post.outbox.record(run_id, again.fence, attempt(2), Done())

    delivery, attempts = await post.state_of(run_id)
    assert dead.state is DeliveryState.UNDELIVERED
    assert dead.reason == "No reply."
    assert nothing.consignments == ()
    assert (again.number, again.tries_left) == (2, 5)
    assert again.parcel.key == consignment.parcel.key
    assert delivery.state is DeliveryState.DELIVERED
    assert [each.status for each in attempts] == [None, 201]


async def test_sending_again_needs_something_to_send(post):
    assert not await post.outbox.redeliver("none", NOON)


async def test_the_only_process_sends_at_once_what_the_last_one_left(post):
    await post.put("h", "i")
    await post.claim("dead")

    released = await post.outbox.release("me")

    assert released == 2
    assert len((await post.claim("me")).consignments) == 2


async def test_releasing_leaves_alone_what_waits_for_its_retry(post):
    (run_id,) = await post.put("h")
    (consignment,) = (await post.claim()).consignments
    retry = Retry(NOON + minutes(5), "busy")
    await post.outbox.record(run_id, consignment.fence, attempt(status=503), retry)

    await post.outbox.release("another")

    assert (await post.claim("another")).consignments == ()


@pytest.mark.parametrize(
    ("verdict", "state"),
    [
        (Done(), "delivered"),
        (Retry(NOON + LEASE, "503"), "waiting"),
        (Dead("It answered 422."), "undelivered"),
    ],
)
async def test_a_job_knows_how_its_last_delivery_stands(post, verdict, state):
    """
    One whose deliveries all failed looked as healthy as any.
    """
    (run_id,) = await post.put("h")
    (sent,) = (await post.claim()).consignments
    before = await post.jobs.get("a")

    await post.outbox.record(run_id, sent.fence, attempt(), verdict)
    after = await post.jobs.get("a")
    await post.outbox.redeliver(run_id, NOON)

    assert before.last_outcome.value == "succeeded"
    assert before.last_delivery.value == "waiting"
    assert after.last_delivery.value == state
    assert (await post.jobs.get("a")).last_delivery.value == "waiting"
