"""A database in a folder of the test's own, and the clock that the test moves."""

import pytest

from tallymill.kernel.clock import ManualClock
from tallymill.store.database import Database


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
async def database(tmp_path):
    database = Database(tmp_path / "data" / "tallymill.db")
    await database.start()
    yield database
    await database.stop()
