"""What waits goes together: look-ups in one question, events in one hand-over."""

import asyncio
from datetime import UTC, datetime

import pytest

from tallymill.accounts.directory import Directory
from tallymill.accounts.intake import Intake
from tallymill.accounts.model import Account, AccountEvent, Verdict
from tallymill.events.model import Event
from tallymill.kernel.errors import Overloaded, Unavailable

EVENT = Event(datetime(2026, 11, 21, tzinfo=UTC))


class Kept:
    """Accounts in memory, whose questions wait for the test to let them go."""

    def __init__(self):
        self.accounts = {n: Account(n, f"name {n}", n != 2) for n in range(1, 6)}
        self.asked = []
        self.taken = []
        self.fault = None
        self.go = asyncio.Event()
        self.go.set()

    async def find(self, ids):
        self.asked.append(sorted(ids))
        await self.go.wait()
        if self.fault:
            raise self.fault
        return {n: self.accounts[n] for n in ids if n in self.accounts}

    async def take(self, events):
        self.taken.append([each.account_id for each in events])
        if self.fault:
            raise self.fault
        return [
            Verdict.STORED if each.account_id in self.accounts else Verdict.UNKNOWN
            for each in events
        ]


@pytest.fixture
def store():
    return Kept()


def event(account_id):
    return AccountEvent(account_id, EVENT, 80)


async def test_all_that_ask_in_a_turn_share_one_question(store):
    directory = Directory(store)

    found = await asyncio.gather(*map(directory.find, [1, 2, 99, 1]))

    assert store.asked == [[1, 2, 99]]
    assert found == [store.accounts[1], store.accounts[2], None, store.accounts[1]]


async def test_who_comes_while_a_question_is_on_its_way_gets_the_next(store):
    """
    The answer on its way may be older than the request.
    """
    directory = Directory(store)
    store.go.clear()
    first = directory.find(1)
    await asyncio.sleep(0)
    second, third = directory.find(1), directory.find(3)

    store.go.set()
    await asyncio.gather(first, second, third)

    assert store.asked == [[1], [1, 3]]


async def test_nothing_is_remembered_between_two_questions(store):
    directory = Directory(store)
    await directory.find(1)
    store.accounts[1] = Account(1, "renamed", is_active=False)

    assert (await directory.find(1)).name == "renamed"


async def test_who_has_gone_keeps_nobody_waiting(store):
    directory = Directory(store)
    store.go.clear()
    gone, waits = directory.find(1), directory.find(1)
    gone.cancel()

    store.go.set()

    assert await waits == store.accounts[1]


async def test_a_store_that_fails_is_told_to_all_and_asked_again_later(store):
    directory = Directory(store)
    store.fault = Unavailable("away")
    waiting = [directory.find(1), directory.find(2)]

    told = await asyncio.gather(*waiting, return_exceptions=True)
    store.fault = None

    assert [type(error) for error in told] == [Unavailable, Unavailable]
    assert await directory.find(1) == store.accounts[1]


async def test_events_of_one_turn_are_handed_over_together_and_in_order(store):
    intake = Intake(store, admit=lambda: None)

    verdicts = await asyncio.gather(*[intake.put(event(n)) for n in (3, 1, 99, 3)])

    assert store.taken == [[3, 1, 99, 3]]
    assert verdicts == [Verdict.STORED, Verdict.STORED, Verdict.UNKNOWN, Verdict.STORED]


async def test_too_long_a_backlog_refuses_before_anything_is_stored(store):
    def admit():
        raise Overloaded("too much", retry_after_s=3.0)

    told = await asyncio.gather(
        Intake(store, admit).put(event(1)), return_exceptions=True
    )

    assert isinstance(told[0], Overloaded)
    assert store.taken == []


async def test_a_sender_that_has_gone_does_not_disturb_the_others(store):
    intake = Intake(store, admit=lambda: None)
    gone, waits = intake.put(event(1)), intake.put(event(2))
    gone.cancel()

    assert await waits is Verdict.STORED
    assert store.taken == [[1, 2]]
