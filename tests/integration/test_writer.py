"""The writer thread on a real file: groups, full disks, locks, and the end."""

import asyncio
import sqlite3
import threading
import weakref
from contextlib import contextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tallymill.kernel.errors import Conflict, Overloaded, Unavailable
from tallymill.store import writer
from tallymill.store.database import Database
from tallymill.store.sqlite import SqliteTransactions
from tallymill.store.writer import Writer


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "tallymill.db"


@pytest.fixture
async def database(path):
    database = Database(path)
    await database.start()
    await database.write(
        lambda c: c.execute(
            text("CREATE TABLE note (name TEXT PRIMARY KEY, body BLOB)")
        )
    )
    yield database
    await database.stop()


class Pause:
    """Holds the writer in a transaction, so that what comes next waits together."""

    def __init__(self, database):
        self._database = database
        self._go = threading.Event()

    async def __aenter__(self):
        entered = threading.Event()

        def hold(_connection):
            entered.set()
            self._go.wait(20)

        self._held = asyncio.ensure_future(self._database.write(hold))
        await asyncio.to_thread(entered.wait, 20)

    async def __aexit__(self, *_):
        await asyncio.sleep(0)
        self._go.set()
        await self._held


def put(name, body=b""):
    statement = text("INSERT INTO note VALUES (:name, :body)")
    return lambda c: c.execute(statement, {"name": name, "body": body}) and name


def put_all(connection, items):
    """A lane's handler: one note for each (name, body)."""
    return [put(name, body)(connection) for name, body in items]


async def names(database):
    question = text("SELECT name FROM note ORDER BY name")
    return list(await database.read(lambda c: c.scalars(question).all()))


async def outcomes(*waiting):
    return await asyncio.gather(*waiting, return_exceptions=True)


def asked(database, pragma):
    return database.write(lambda c: c.exec_driver_sql(f"PRAGMA {pragma}").scalar())


@contextmanager
def no_more_pages(database):
    """Make the file as good as full: not one page more than it has."""
    driver = database._transactions._driver
    driver.execute("PRAGMA max_page_count = 1").fetchall()
    yield
    driver.execute("PRAGMA max_page_count = 1000000").fetchall()


async def test_the_writing_connection_syncs_every_commit_and_checkpoints_alone(
    database,
):
    assert await asked(database, "journal_mode") == "wal"
    assert await asked(database, "synchronous") == 2
    assert await asked(database, "wal_autocheckpoint") == 0
    assert await asked(database, "page_size") == 16384


async def test_readers_cannot_write(database):
    with pytest.raises(Unavailable, match="readonly"):
        await database.read(put("smuggled"))

    assert await names(database) == []


async def test_a_question_sees_one_moment(database, path):
    seen, written = threading.Event(), threading.Event()

    def question(connection):
        before = connection.scalar(text("SELECT count(*) FROM note"))
        seen.set()
        written.wait(20)
        return before, connection.scalar(text("SELECT count(*) FROM note"))

    asking = asyncio.ensure_future(database.read(question))
    await asyncio.to_thread(seen.wait, 20)
    await database.write(put("late"))
    written.set()

    assert await asking == (0, 0)
    assert await names(database) == ["late"]


async def test_what_waits_shares_a_transaction_and_each_is_answered(database):
    lane = database.lane(put_all)
    sizes = []
    counting = database.lane(lambda c, items: sizes.append(len(items)) or items)
    async with Pause(database):
        waiting = [lane.submit((f"n{i}", b"")) for i in range(50)]
        counted = [counting.submit(i) for i in range(50)]

    assert await outcomes(*waiting) == [f"n{i}" for i in range(50)]
    assert await outcomes(*counted) == list(range(50))
    assert sizes == [50]


async def test_a_failing_item_harms_only_its_own_caller(database):
    told = []
    lane = database.lane(put_all, told.extend)
    async with Pause(database):
        waiting = [lane.submit((n, b"")) for n in ("a", "b", "a", "c")]
        unit = asyncio.ensure_future(database.write(put("unit")))

    answers = await outcomes(*waiting)

    assert answers[:2] + answers[3:] == ["a", "b", "c"]
    assert isinstance(answers[2], Unavailable)
    assert "UNIQUE" in str(answers[2])
    assert await unit == "unit"
    assert told == ["a", "b", "c"]
    assert await names(database) == ["a", "b", "c", "unit"]


async def test_an_error_of_the_unit_itself_reaches_its_caller_as_it_is(database):
    def refuse(_connection):
        raise Conflict("no")

    with pytest.raises(Conflict):
        await database.write(refuse)
    assert await database.write(put("next")) == "next"


async def test_a_listener_that_raises_keeps_no_caller_waiting(database):
    def raises(_outcomes):
        raise ValueError("a listener's fault")

    lane = database.lane(put_all, raises)

    assert await asyncio.wait_for(lane.submit(("a", b"")), 10) == "a"
    assert await asyncio.wait_for(lane.submit(("b", b"")), 10) == "b"


async def test_listeners_hear_of_it_once_durable_and_before_the_answer(database, path):
    heard = []

    def listen(outcomes):
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as other:
            stored = [row[0] for row in other.execute("SELECT name FROM note")]
        other.close()
        heard.append((list(outcomes), stored, [f.done() for f in waiting]))

    lane = database.lane(put_all, listen)
    async with Pause(database):
        waiting = [lane.submit(("a", b"")), lane.submit(("b", b""))]
    await outcomes(*waiting)

    assert heard == [(["a", "b"], ["a", "b"], [False, False])]


async def test_a_caller_that_went_away_disturbs_nobody(database):
    lane = database.lane(put_all)
    async with Pause(database):
        gone, stays = lane.submit(("gone", b"")), lane.submit(("stays", b""))
        gone.cancel()

    assert await stays == "stays"
    assert await names(database) == ["gone", "stays"]


async def test_on_a_full_disk_nobody_of_the_group_is_told_it_is_stored(database):
    """
    SQLite ends the whole transaction when it finds the disk full: what other lanes
    had written in it before is gone with it, and must not be acknowledged.
    """
    before, after = database.lane(put_all), database.lane(put_all)
    body = b"x" * 1_000_000
    with no_more_pages(database):
        async with Pause(database):
            waiting = [
                before.submit(("small", b"")),
                after.submit(("large", body)),
                after.submit(("small too", b"")),
            ]
        answers = await outcomes(*waiting)

        assert [type(answer) for answer in answers] == [Unavailable] * 3
        assert {answer.detail for answer in answers} == {
            "The disk is full; nothing was stored. Free some space."
        }
        assert await names(database) == []

    assert await before.submit(("large", body)) == "large"
    assert await names(database) == ["large"]


async def test_a_unit_that_hides_a_full_disk_is_not_taken_for_stored(database):
    def hide(connection):
        put("first")(connection)
        try:
            put("large", b"x" * 1_000_000)(connection)
        except DBAPIError:
            return "stored"

    with no_more_pages(database), pytest.raises(Unavailable):
        await database.write(hide)

    assert await names(database) == []
    assert await database.write(put("next")) == "next"


async def test_a_checkpoint_that_fails_does_not_end_the_writer(database):
    """
    The checkpoint is where a disk is often found full first: the file has to grow.
    """

    def fail(*_, **__):
        raise sqlite3.OperationalError("disk I/O error")

    database._transactions.tend, tend = fail, database._transactions.tend
    assert await asyncio.wait_for(database.write(put("a")), 10) == "a"
    assert await asyncio.wait_for(database.write(put("b")), 10) == "b"
    database._transactions.tend = tend

    assert await names(database) == ["a", "b"]


async def test_a_lock_held_by_another_process_is_waited_for(database, path):
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.ensure_future(database.write(put("a")))
    threading.Timer(0.2, other.execute, ["ROLLBACK"]).start()

    assert await waiting == "a"
    other.close()


async def test_a_lock_held_too_long_is_told_and_nothing_is_stored(database, path):
    database._transactions._driver.execute("PRAGMA busy_timeout = 50").fetchall()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(Unavailable, match="locked"):
        await database.write(put("a"))
    other.execute("ROLLBACK")
    other.close()

    assert await names(database) == []
    assert await database.write(put("b")) == "b"


async def test_only_one_database_runs_on_a_folder(database, path):
    with pytest.raises(Conflict, match="Another Tallymill is running"):
        await Database(path).start()


async def test_a_start_that_fails_leaves_the_folder_free(path):
    path.parent.mkdir()
    path.write_bytes(b"this is no database, however long one looks at it" * 100)
    with pytest.raises(Unavailable, match="not a database"):
        await Database(path).start()
    path.unlink()

    database = Database(path)
    await database.start()
    await database.stop()


async def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(Unavailable, match="file/data cannot be written"):
        await Database(tmp_path / "file" / "data" / "tallymill.db").start()


async def test_stopping_writes_what_waits_and_answers_it(database, path):
    lane = database.lane(put_all)
    async with Pause(database):
        waiting = [lane.submit((f"n{i:02}", b"")) for i in range(20)]
        stopping = asyncio.ensure_future(database.stop())
        await asyncio.sleep(0)
    await stopping

    assert all(future.done() for future in waiting)
    assert await outcomes(*waiting) == [f"n{i:02}" for i in range(20)]
    with sqlite3.connect(path) as left:
        assert left.execute("SELECT count(*) FROM note").fetchone() == (20,)
    left.close()


async def test_after_the_end_every_call_says_so(database):
    lane = database.lane(put_all)
    await database.stop()

    with pytest.raises(Unavailable, match="shutting down"):
        lane.submit(("late", b""))
    with pytest.raises(Unavailable):
        await database.write(put("late"))
    with pytest.raises(Unavailable, match="not open"):
        await names(database)


async def test_the_last_checkpoint_leaves_no_log_file(database, path):
    await database.write(put("a"))
    await database.stop()

    assert not path.with_name("tallymill.db-wal").exists()


async def test_too_many_waiting_bytes_are_refused_until_they_are_written(path):
    path.parent.mkdir()
    transactions = SqliteTransactions(path)
    writer = Writer(transactions, waiting_bytes_max=1000)
    lane = writer.lane(lambda _connection, items: items)
    first = lane.submit("larger than the bound, but alone", 5000)
    with pytest.raises(Overloaded) as refused:
        lane.submit("one more", 1)
    writer.start()

    assert await first == "larger than the bound, but alone"
    assert await lane.submit("again", 900) == "again"
    assert refused.value.retry_after_s == 1.0
    await writer.close()
    transactions.close()


async def test_what_weighs_nothing_is_bounded_too(database):
    """Fifty thousand units could wait for a disk that does not come."""
    database._writer._waiting_bytes_max = 100 * writer.ITEM_BYTES_LEAST
    lane = database.lane(put_all)
    async with Pause(database):
        waiting = [lane.submit((f"n{i}", b"")) for i in range(99)]
        with pytest.raises(Overloaded):
            lane.submit(("one more", b""))

    await outcomes(*waiting)
    assert database._writer._waiting_bytes == 0


async def test_a_disk_that_takes_nothing_is_a_trouble_until_it_does(database):
    assert database.troubles() == []
    with no_more_pages(database):
        await outcomes(database.write(put("large", b"x" * 100_000)))
        assert "disk is full" in database.troubles()[0]

    # Nobody but the question itself writes.
    await asyncio.wait_for(database._trial, 10)
    assert database.troubles() == []


async def test_a_caller_who_is_refused_is_no_trouble(database):
    def refuse(_connection):
        raise Conflict("no")

    await outcomes(database.write(refuse))

    assert database.troubles() == []


async def test_what_is_written_is_let_go_of(database):
    """The largest request stayed in memory until the next one was written."""

    class Item:
        """Something that can be watched."""

    handled, tended = threading.Event(), threading.Event()

    def handle(_connection, items):
        handled.set()
        return [None] * len(items)

    def tend(*_, **__):
        if handled.is_set():
            tended.set()

    database._transactions.tend = tend
    item = Item()
    watched = weakref.ref(item)
    waiting = database.lane(handle).submit(item)
    del item
    await waiting
    await asyncio.to_thread(tended.wait, 20)

    assert watched() is None
