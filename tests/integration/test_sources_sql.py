"""SQL sources on real SQLite files: read only, bounded in time, rows and bytes."""

import asyncio
import sqlite3
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tallymill.jobs.ports import Question
from tallymill.kernel.clock import SystemClock
from tallymill.kernel.errors import NotFound, QueryFailed, Unavailable
from tallymill.sources.model import Source
from tallymill.sources.sql import PLACES, ROWS_MOST, SqlSources

KOLKATA = ZoneInfo("Asia/Kolkata")
ENDLESS = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
    "SELECT count(*) FROM n"
)


@pytest.fixture
def shop(tmp_path):
    path = tmp_path / "shop.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(
            """
            CREATE TABLE registration (id INTEGER PRIMARY KEY, timestamp TEXT, weight REAL);
            INSERT INTO registration (timestamp, weight) VALUES
                ('2022-12-11 23:59:59.999999', 1), ('2022-12-12 00:00:00.000000', 2),
                ('2022-12-12 01:30:22', 4), ('2022-12-18 23:59:59.999999', 8),
                ('2022-12-19', 16), ('2022-12-19 00:00:00', 32);
            """
        )
    connection.close()
    return path


@pytest.fixture
def sources(shop, tmp_path):
    return SqlSources(
        [
            Source(name="shop", url="sqlite:///shop.sqlite"),
            Source(name="absolute", url=f"sqlite:///{shop}"),
            Source(name="utc", url="sqlite:///shop.sqlite", times="utc"),
            Source(name="gone", url="sqlite:///gone.sqlite"),
            Source(name="memory", url="sqlite://"),
            Source(name="odd", url="not a url"),
            Source(name="no_driver", url="oracle://host/x"),
            Source(name="no_such", url="nosuchdb://host/x"),
        ],
        folder=tmp_path,
        clock=SystemClock(),
    )


async def ask(sources, sql, source="shop", timeout_s=10.0, **parameters):
    question = Question(
        source=source,
        sql=sql,
        timezone="Asia/Kolkata",
        timeout_s=timeout_s,
        parameters=parameters,
    )
    return await sources.ask(question)


async def test_rows_come_with_their_columns_in_order(sources):
    rows = await ask(sources, "SELECT id, weight AS w FROM registration LIMIT 2")

    assert rows == ({"id": 1, "w": 1.0}, {"id": 2, "w": 2.0})
    assert list(rows[0]) == ["id", "w"]


async def test_a_path_may_be_absolute(sources):
    assert await ask(sources, "SELECT 1 AS one", "absolute") == ({"one": 1},)


async def test_a_week_is_a_week_of_the_jobs_zone(sources):
    """
    The data's texts are local: neither the first moment of Monday nor the last of
    Sunday may be lost, and none of the next Monday may come in.
    """
    (row,) = await ask(
        sources,
        "SELECT sum(weight) AS w FROM registration "
        "WHERE timestamp >= :start AND timestamp < :end",
        start=datetime(2022, 12, 12, tzinfo=KOLKATA),
        end=datetime(2022, 12, 19, tzinfo=KOLKATA),
    )

    assert row == {"w": 2.0 + 4.0 + 8.0}


async def test_a_source_may_keep_its_times_in_utc(sources):
    moment = datetime(2022, 12, 12, tzinfo=KOLKATA)

    rows = await ask(sources, "SELECT :start AS t", "utc", start=moment)

    assert rows == ({"t": "2022-12-11 18:30:00"},)


async def test_parameters_that_the_query_does_not_use_are_left_out(sources):
    rows = await ask(sources, "SELECT :a AS a, '12:30' AS b", a=5, start=1, end=2)

    assert rows == ({"a": 5, "b": "12:30"},)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO registration (weight) VALUES (1)",
        "UPDATE registration SET weight = 0",
        "DELETE FROM registration",
        "DROP TABLE registration",
        "CREATE TABLE x (a)",
        "ATTACH DATABASE 'other.sqlite' AS other",
        "PRAGMA query_only = OFF",
        "PRAGMA journal_mode = DELETE",
        "VACUUM INTO 'copy.sqlite'",
        "WITH x AS (SELECT 1) INSERT INTO registration (weight) SELECT 1",
        "SELECT load_extension('x')",
    ],
)
async def test_nothing_is_ever_written(sources, shop, sql):
    before = shop.read_bytes()

    with pytest.raises(QueryFailed, match="only read"):
        await ask(sources, sql)

    assert shop.read_bytes() == before
    assert [path.name for path in shop.parent.iterdir()] == [shop.name]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT other FROM registration", "no such column: other"),
        ("SELEKT 1", "syntax error"),
        ("SELECT 1; DELETE FROM registration", "one statement"),
        ("", "no rows"),
        ("SELECT :missing AS a", "missing"),
        ("SELECT 1 AS a, 2 AS a", "Two columns are called 'a'"),
        ("SELECT zeroblob(100000000) AS a", "too big"),
        ("BEGIN", "read"),
    ],
)
async def test_a_query_that_fails_is_told_in_a_sentence(sources, sql, said):
    with pytest.raises(QueryFailed, match=said) as failed:
        await ask(sources, sql)

    assert "Traceback" not in failed.value.detail


async def test_a_query_that_never_ends_is_ended(sources):
    with pytest.raises(QueryFailed, match=r"within 0\.2 seconds"):
        await ask(sources, ENDLESS, timeout_s=0.2)


async def test_a_query_whose_asker_has_gone_is_ended(sources):
    """
    Its thread must not work on for the rest of a long timeout.
    """
    asking = [
        asyncio.create_task(ask(sources, ENDLESS, timeout_s=60)) for _ in range(PLACES)
    ]
    await asyncio.sleep(0)
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)

    # All places are free again as soon as the threads have ended.
    assert await ask(sources, "SELECT 1 AS a", timeout_s=20) == ({"a": 1},)


async def test_a_busy_source_delays_no_other(sources):
    hanging = [
        asyncio.create_task(ask(sources, ENDLESS, timeout_s=1.0)) for _ in range(PLACES)
    ]
    await asyncio.sleep(0)

    with pytest.raises(Unavailable, match="busy with 4 other"):
        await ask(sources, "SELECT 1", timeout_s=0.1)
    other = await ask(sources, "SELECT 1 AS a", "absolute", timeout_s=0.9)

    assert other == ({"a": 1},)
    outcomes = await asyncio.gather(*hanging, return_exceptions=True)
    assert all(isinstance(outcome, QueryFailed) for outcome in outcomes)


async def test_a_million_rows_are_not_fetched(sources):
    million = ENDLESS.replace("SELECT count(*) FROM n", "SELECT i FROM n LIMIT 1000000")

    with pytest.raises(QueryFailed, match="more than 10,000 rows"):
        await ask(sources, million)


async def test_as_many_rows_as_there_may_be_are_given(sources):
    rows = await ask(
        sources,
        ENDLESS.replace("SELECT count(*) FROM n", f"SELECT i FROM n LIMIT {ROWS_MOST}"),
    )

    assert len(rows) == ROWS_MOST


async def test_few_rows_may_be_too_long(sources):
    long = ENDLESS.replace(
        "SELECT count(*) FROM n", "SELECT hex(randomblob(500000)) AS a FROM n LIMIT 50"
    )

    with pytest.raises(QueryFailed, match="bytes: ask for less"):
        await ask(sources, long)


@pytest.mark.parametrize(
    ("source", "error", "said"),
    [
        (
            "gone",
            Unavailable,
            r"unable to open database file; its file is /.*, which does not exist",
        ),
        ("memory", QueryFailed, "names no file"),
        ("odd", QueryFailed, "none that SQLAlchemy understands"),
        ("no_driver", QueryFailed, "not installed"),
        ("no_such", QueryFailed, "not installed"),
        ("shopp", NotFound, "There is no source 'shopp'"),
    ],
)
async def test_a_source_that_cannot_be_opened_is_told(sources, source, error, said):
    with pytest.raises(error, match=said):
        await ask(sources, "SELECT 1", source)


@pytest.fixture
def nonsense(tmp_path):
    (tmp_path / "gone.sqlite").write_bytes(b"hello " * 1000)


@pytest.mark.usefixtures("nonsense")
async def test_a_file_that_is_no_database_is_told(sources):
    with pytest.raises(QueryFailed, match="not a database"):
        await ask(sources, "SELECT * FROM sqlite_master", "gone")


async def test_a_source_may_be_written_by_others_meanwhile(sources, shop):
    with sqlite3.connect(shop) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("INSERT INTO registration (weight) VALUES (64)")
        connection.commit()
        rows = await ask(sources, "SELECT max(weight) AS w FROM registration")
    connection.close()

    assert rows == ({"w": 64.0},)
