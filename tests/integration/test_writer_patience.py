"""Patient lanes: what nobody waits for goes along with what somebody does."""

import asyncio
import threading

import pytest

from tallymill.store import writer as writer_module
from tallymill.store.database import Database


@pytest.fixture
async def database(tmp_path):
    database = Database(tmp_path / "data" / "tallymill.db")
    await database.start()
    yield database
    await database.stop()


class Order:
    """Lanes that note which of their items were handled in which transaction."""

    def __init__(self, database):
        self.groups = []
        self.transaction = 0
        self.eager = database.lane(self._handler("eager"))
        self.patient = database.lane(self._handler("patient"), is_patient=True)

    def _handler(self, name):
        def handle(_connection, items):
            self.groups.append((name, list(items)))
            return items

        return handle


@pytest.fixture
def order(database):
    return Order(database)


async def test_alone_it_waits_a_moment_and_goes(order):
    assert await order.patient.submit("a") == "a"


async def test_senders_go_first_but_not_for_ever(database, order):
    """
    Nine transactions of others, and it is written with the next.
    """
    go = threading.Event()
    held = asyncio.ensure_future(database.write(lambda _: go.wait(20)))
    await asyncio.sleep(0)
    patient = order.patient.submit("p")
    first = order.eager.submit(0)
    go.set()
    await held
    sent = [first]
    for n in range(1, 2 * writer_module.PATIENCE):
        sent.append(order.eager.submit(n))
        await sent[-2]
    await asyncio.gather(patient, *sent)

    before = order.groups.index(("patient", ["p"]))
    assert before <= writer_module.PATIENCE + 1


async def test_it_is_handled_in_order_and_together(database, order):
    go = threading.Event()
    held = asyncio.ensure_future(database.write(lambda _: go.wait(20)))
    await asyncio.sleep(0)
    waiting = [order.patient.submit(n) for n in range(5)]
    go.set()
    await asyncio.gather(held, *waiting)

    assert order.groups == [("patient", [0, 1, 2, 3, 4])]


async def test_what_waits_at_the_end_is_written(tmp_path):
    database = Database(tmp_path / "data" / "tallymill.db")
    await database.start()
    order = Order(database)
    waiting = order.patient.submit("last")

    await database.stop()

    assert await waiting == "last"
