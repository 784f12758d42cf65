"""The deep check finds what does not fit, and nothing where all is well."""

import sqlite3
from datetime import UTC, datetime

import msgspec
import pytest

from tallymill.events.model import Event, ShardId
from tallymill.events.ports import Append
from tallymill.kernel.clock import SystemClock
from tallymill.kernel.errors import NotFound, Unavailable
from tallymill.kernel.service import running
from tallymill.kernel.turnstile import Turnstile
from tallymill.statistics.model import StatisticDefinition
from tallymill.statistics.registry import bind_definition
from tallymill.store.check import deep_check
from tallymill.store.database import Database
from tallymill.store.ledger import SqlLedger
from tallymill.store.log import SqlEventLog
from tallymill.workers.service import Workforce, WorkSettings

AT = datetime(2026, 11, 21, tzinfo=UTC)


def defined(name, kind, field="n", **more):
    return bind_definition(
        StatisticDefinition(name=name, stream="events", kind=kind, field=field, **more)
    )


FIRST = (defined("count", "count", None), defined("sum", "sum"))
ALL = (*FIRST, defined("mean", "mean"), defined("late", "max", from_now=True))


async def serve(path, statistics, numbers, *, seconds=20):
    """Run a server's store on a folder, send events, and fold them all."""
    clock, database = SystemClock(), Database(path)
    log, ledger = SqlEventLog(database, clock, shards=3), SqlLedger(database)
    work = Workforce(
        log, ledger, clock, statistics, WorkSettings(shards=3), Turnstile()
    )
    async with running([database, log, ledger, work]):
        for n in numbers:
            raw = msgspec.json.encode({"n": n if n % 10 else "none"})
            await log.append(
                Append(
                    stream="events" if n % 4 else "elsewhere",
                    shares=[(ShardId(n % 3), [Event(AT, msgspec.Raw(raw), id=str(n))])],
                    size_bytes=50,
                    has_ids=True,
                )
            )
        assert await work.drain(seconds) == 0
        if work._replay._task is not None:
            await work._replay._task
        return deep_check(path, statistics=statistics)


@pytest.fixture
async def path(tmp_path):
    path = tmp_path / "tallymill.db"
    await serve(path, FIRST, range(60))
    await serve(path, ALL, range(50, 120))
    return path


def damage(path, *statements):
    with sqlite3.connect(path) as driver:
        for statement in statements:
            driver.execute(statement)
    driver.close()


def wrong(report):
    return [check.name for check in report.checks if not check.ok]


async def test_all_is_well_on_a_running_and_on_a_stopped_project(tmp_path):
    path = tmp_path / "tallymill.db"
    while_running = await serve(path, FIRST, range(60))
    after = await serve(path, ALL, range(50, 120))

    assert while_running.ok, wrong(while_running)
    assert after.ok, wrong(after)
    stopped = deep_check(path, statistics=ALL)
    assert stopped.ok, wrong(stopped)
    names = [check.name for check in stopped.checks]
    assert len(names) == len(set(names)) == 17


async def test_progress_is_told_to_the_end(path):
    told = []
    deep_check(path, on_progress=lambda done, total: told.append((done, total)))

    assert told[-1] == (120, 120)
    assert told == sorted(told)


@pytest.mark.parametrize(
    ("statement", "finds"),
    [
        ("DELETE FROM block WHERE shard = 1 AND first = 7", "shard 1 has its blocks"),
        ("UPDATE shard SET head = head + 1 WHERE id = 2", "shard 2 has its blocks"),
        ("UPDATE block SET count = 2 WHERE shard = 0 AND first = 3", "shard 0 has"),
        ("UPDATE block SET payload = '[' WHERE shard = 0 AND first = 0", "shard 0 has"),
        ("UPDATE block SET shard = 9 WHERE shard = 0 AND first = 0", "every block is"),
        ("DELETE FROM event_id WHERE id = '17'", "each id is stored once"),
        ("UPDATE position SET next = 99 WHERE reader = 'live'", "no reader is beyond"),
        ("UPDATE worker SET events_count = 1", "the workers' events"),
        ("UPDATE partial SET events = events + 1", "the statistic sum is"),
        ("UPDATE partial SET state = x'00'", "the statistic mean is"),
        ("DELETE FROM partial WHERE reader = 'live'", "the statistic count is"),
        ("DELETE FROM partial WHERE reader <> 'live'", "the statistic mean is"),
        ("DELETE FROM rejected WHERE id = 2", "what sum could not take"),
        (
            (
                "INSERT INTO rejected SELECT 999, version, shard, offset, stream,"
                " statistic, reason, rejected_at FROM rejected LIMIT 1"
            ),
            "what sum could not take",
        ),
    ],
)
async def test_what_does_not_fit_is_found(path, statement, finds):
    damage(path, statement)

    report = deep_check(path, statistics=ALL)

    assert not report.ok
    assert any(name.startswith(finds) for name in wrong(report)), wrong(report)


async def test_the_state_is_compared_to_the_last_event(path):
    """
    The one state differs by the weight of one event; the counts agree.
    """
    damage(
        path,
        "UPDATE partial SET state = (SELECT p.state FROM partial p WHERE"
        " p.version = partial.version AND p.shard <> partial.shard LIMIT 1)",
    )

    assert "the statistic sum is what the log adds up to" in wrong(
        deep_check(path, statistics=ALL)
    )


async def test_a_statistic_that_was_never_served_is_not_wrong(path):
    report = deep_check(path, statistics=(*ALL, defined("new", "min")))

    assert report.ok, wrong(report)


async def test_a_file_that_is_not_there_or_no_database_is_told(tmp_path):
    with pytest.raises(NotFound, match="no database at"):
        deep_check(tmp_path / "tallymill.db")
    (tmp_path / "x.db").write_bytes(b"no database" * 100)
    with pytest.raises(Unavailable, match="not a database"):
        deep_check(tmp_path / "x.db")


async def test_nothing_is_written_by_looking(path):
    before = path.read_bytes()
    deep_check(path, statistics=ALL)

    assert path.read_bytes() == before
