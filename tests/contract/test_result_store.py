"""The receiver's store: once a key, in order, byte for byte."""

import asyncio
from datetime import UTC, datetime

import pytest

from tallymill.results.model import Posted, Receipt
from tallymill.store.database import Database
from tallymill.store.results import SqlResultStore

AT = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def store(database):
    return SqlResultStore(database)


def posted(body, key=None):
    return Posted(body=body, received_at=AT, key=key)


async def test_bodies_come_back_as_posted_oldest_first(store):
    """
    Not one space of what was posted is ours to change.
    """
    bodies = [b'{"date": "2022-12-22",  "count": 42}', b"null", '"ø"'.encode()]
    for body in bodies:
        assert await store.receive(posted(body)) is Receipt.STORED

    page = await store.page()

    assert [result.body for result in page.results] == bodies
    assert {result.received_at for result in page.results} == {AT}
    assert page.next_after is None
    assert await store.count() == 3


async def test_a_key_is_stored_once_whatever_the_body(store):
    first = await store.receive(posted(b"1", "k"))
    second = await store.receive(posted(b"2", "k"))

    page = await store.page()

    assert (first, second) == (Receipt.STORED, Receipt.SEEN_BEFORE)
    assert [result.body for result in page.results] == [b"1"]


async def test_one_key_at_the_same_moment_is_stored_once(store):
    receipts = await asyncio.gather(
        *(store.receive(posted(b"1", "k")) for _ in range(50)),
        *(store.receive(posted(b"2")) for _ in range(50)),
    )

    assert receipts[:50].count(Receipt.STORED) == 1
    assert receipts[50:].count(Receipt.STORED) == 50
    assert await store.count() == 51


async def test_pages_hold_everything_once(store):
    await asyncio.gather(*(store.receive(posted(b"%d" % n)) for n in range(25)))

    bodies, after = [], 0
    while after is not None:
        page = await store.page(after=after, limit=10)
        bodies += [result.body for result in page.results]
        after = page.next_after

    assert bodies == [b"%d" % n for n in range(25)]


async def test_what_was_received_survives_a_restart(database, tmp_path):
    await SqlResultStore(database).receive(posted(b"1", "k"))
    await database.stop()

    again = Database(tmp_path / "data" / "tallymill.db")
    await again.start()
    try:
        store = SqlResultStore(again)

        assert await store.receive(posted(b"1", "k")) is Receipt.SEEN_BEFORE
        assert await store.count() == 1
    finally:
        await again.stop()
