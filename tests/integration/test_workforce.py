"""The workers on a real log and ledger: every event folded once, whatever fails."""

import asyncio
import sqlite3
from datetime import UTC, datetime

import msgspec
import pytest
from sqlalchemy import text

from tallymill.events.model import Event, ShardId
from tallymill.events.ports import Append
from tallymill.kernel.clock import ManualClock
from tallymill.kernel.service import running
from tallymill.kernel.turnstile import Turnstile
from tallymill.statistics.answers import Answers
from tallymill.statistics.model import StatisticDefinition
from tallymill.statistics.protocol import Statistic
from tallymill.statistics.registry import bind_class, bind_definition
from tallymill.store.database import Database
from tallymill.store.ledger import SqlLedger
from tallymill.store.log import SqlEventLog
from tallymill.workers import shard as shard_module
from tallymill.workers.replay import Replay
from tallymill.workers.service import Workforce, WorkSettings

AT = datetime(2026, 11, 21, tzinfo=UTC)


class Moody(Statistic):
    """Raises for every seventh number."""

    stream, field, name = "events", "n", "moody"

    class State(msgspec.Struct):
        count: int = 0

    def add(self, state, n):
        if n % 7 == 0:
            raise RuntimeError("not a seventh one")
        state.count += 1

    def merge(self, a, b):
        return self.State(a.count + b.count)

    def result(self, state):
        return state.count


def defined(name, kind="sum", field="n", **more):
    return bind_definition(
        StatisticDefinition(name=name, stream="events", kind=kind, field=field, **more)
    )


COUNT = defined("count", "count", None)
SUM = defined("sum")
MEAN = defined("mean", "mean")
MOODY = bind_class(Moody)


class House:
    """A database with its log, ledger and workforce, in a folder."""

    def __init__(self, path, statistics=(COUNT, SUM), **settings):
        self.clock = ManualClock()
        self.database = Database(path)
        self.log = SqlEventLog(
            self.database, self.clock, shards=settings.get("shards", 5)
        )
        self.ledger = SqlLedger(self.database)
        self.statistics = statistics
        self.answers = Answers(self.ledger, statistics)
        self.workforce = Workforce(
            self.log,
            self.ledger,
            self.clock,
            statistics,
            WorkSettings(**settings),
            Turnstile(),
        )

    async def __aenter__(self):
        services = (self.database, self.log, self.ledger, self.workforce)
        self._running = running(services)
        await self._running.__aenter__()
        return self

    async def __aexit__(self, *_):
        await self._running.__aexit__(None, None, None)

    async def send(self, *numbers, shard=None, stream="events"):
        """Append numbers; those of one shard in order, or spread over all."""
        shares = {}
        for n in numbers:
            to = ShardId(n % 5 if shard is None else shard)
            raw = msgspec.Raw(msgspec.json.encode({"n": n}))
            shares.setdefault(to, []).append(Event(AT, raw))
        await self.log.append(
            Append(
                stream=stream,
                shares=list(shares.items()),
                size_bytes=50 * len(numbers),
                has_ids=False,
            )
        )

    async def until(self, condition, seconds=20):
        """Turn the loop until a condition holds; time stands still meanwhile."""
        end = asyncio.get_running_loop().time() + seconds
        while not condition():
            if asyncio.get_running_loop().time() > end:
                raise AssertionError(f"still not so: {self.workforce.troubles()}")
            await asyncio.sleep(0.001)

    async def settled(self):
        """Wait until everything is folded and every batch is given back."""
        await self.until(lambda: self.workforce.pending() == 0)

    async def tick(self, seconds):
        """Move time on, and let whoever waited for it do what it has to."""
        self.clock.advance(seconds)
        for _ in range(5):
            await asyncio.sleep(0)

    async def values(self):
        return {view.name: view.value for view in await self.answers.all()}

    async def rows(self, question):
        return await self.database.read(
            lambda c: [tuple(row) for row in c.execute(text(question))]
        )

    async def reconcile(self, numbers):
        """Check that each number counts exactly once, wherever it is counted."""
        await self.settled()
        folded = sum(
            offset
            for (offset,) in await self.rows(
                "SELECT next FROM position WHERE reader = 'live'"
            )
        )
        counted = sum(n for (n,) in await self.rows("SELECT events_count FROM worker"))
        assert folded == counted == len(numbers)
        found = await self.values()
        assert found["count"] == len(numbers)
        assert found["sum"] == sum(numbers)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "tallymill.db"


class TestFolding:
    async def test_what_is_sent_is_folded_once_and_pending_returns_to_nothing(
        self, path
    ):
        async with House(path) as house:
            for start in range(0, 1000, 50):
                await house.send(*range(start, start + 50))

            await house.reconcile(range(1000))
            assert house.workforce.folded() == 1000
            assert house.workforce.troubles() == []

    async def test_other_streams_move_the_position_too(self, path):
        async with House(path) as house:
            await house.send(*range(100), stream="nobody.asked")
            await house.send(*range(10))
            await house.settled()

            assert await house.values() == {"count": 10, "sum": 45}
            assert house.workforce.folded() == 110

    async def test_with_no_statistic_at_all_events_are_still_worked_off(self, path):
        async with House(path, statistics=()) as house:
            await house.send(*range(100))
            await house.settled()

            assert house.workforce.folded() == 100

    async def test_more_than_memory_holds_is_read_from_the_log(self, path, monkeypatch):
        monkeypatch.setattr(shard_module, "QUEUE_EVENTS_MAX", 20)
        monkeypatch.setattr(shard_module, "READ_EVENTS_MAX", 30)
        async with House(path) as house:
            for start in range(0, 3000, 100):
                await house.send(*range(start, start + 100))

            await house.reconcile(range(3000))

    async def test_events_stored_before_the_start_are_folded(self, path):
        house = House(path)
        await house.database.start()
        await house.log.start()
        await house.send(*range(500))
        await house.database.stop()

        async with House(path) as house:
            await house.reconcile(range(500))

    async def test_events_that_come_between_heads_and_start_are_folded(self, path):
        """
        The heads are read in a thread; what is appended meanwhile must not be missed.
        """
        house = House(path)
        await house.database.start()
        await house.log.start()
        await house.ledger.start()
        heads = house.log.heads

        async def slow_heads():
            found = await heads()
            await house.send(*range(20))
            return found

        house.log.heads = slow_heads
        await house.workforce.start()

        await house.reconcile(range(20))
        await house.workforce.stop()
        await house.database.stop()

    @pytest.mark.parametrize("batch_size", [1, 5, 3000, 100_000])
    async def test_any_batch_size_comes_to_an_end(self, path, batch_size):
        async with House(path, batch_size=batch_size) as house:
            await house.send(*range(9000), shard=0)

            await house.reconcile(range(9000))


class TestWorkers:
    async def test_batches_are_multiples_of_five_in_order_by_at_most_three_workers(
        self, path
    ):
        async with House(path) as house:
            commits, busy = [], []
            commit = house.ledger.commit

            async def watched(each):
                commits.append(each)
                busy.append(3 - house.workforce._shards[0].pool.free)
                return await commit(each)

            house.ledger.commit = watched
            for start in range(0, 12_003, 4_001):
                await house.send(*range(start, start + 4_001), shard=0)
            await house.settled()

            ends = [0, *(each.next for each in commits)]
            assert [each.position.next for each in commits] == ends[:-1]
            assert ends[-1] == 12_003
            lengths = [each.events for each in commits]
            assert all(length % 5 == 0 or length < 5 for length in lengths)
            assert 1 <= max(busy) <= 3
            assert len({each.worker.id for each in commits}) <= 3

    async def test_three_work_at_once_on_one_shard_when_much_waits(self, path):
        async with House(path) as house:
            await house.send(*range(9000), shard=2)
            await house.settled()

            workers = house.workforce.workers()
            assert len(workers) == 3
            assert {w.shard_id for w in workers} == {2}
            assert [w.events_count for w in workers] == [3000] * 3
            assert house.workforce.workers(shard_id=1) == []

    async def test_an_idle_worker_finishes_after_two_minutes(self, path):
        async with House(path) as house:
            await house.send(1, shard=0)
            await house.settled()
            (worker,) = house.workforce.workers()
            began = house.clock.now()

            for _ in range(238):
                await house.tick(0.5)
            assert worker.finished_at is None
            for _ in range(4):
                await house.tick(0.5)

            assert 119 <= (worker.finished_at - began).total_seconds() <= 121
            assert house.workforce.workers(active=True) == []
            await house.until(lambda: True)
            await house.database.write(lambda c: None)
            ((ended,),) = await house.rows("SELECT finished_at FROM worker")
            assert ended is not None

            await house.send(2, shard=0)
            await house.settled()
            assert [w.finished_at is None for w in house.workforce.workers()] == [
                False,
                True,
            ]
            assert house.workforce.worker(worker.id) is worker
            assert house.workforce.worker(1) is None

    async def test_work_keeps_a_worker_from_finishing(self, path):
        async with House(path) as house:
            for n in range(5):
                await house.send(n, shard=0)
                await house.settled()
                await house.tick(60)

            (worker,) = house.workforce.workers()
            assert (worker.events_count, worker.finished_at) == (5, None)

    async def test_workers_that_a_crash_left_are_finished_by_the_next_start(self, path):
        async with House(path) as house:
            await house.send(*range(10))
            await house.settled()
        async with House(path) as house:
            assert house.workforce.workers() == []
            ended = await house.rows("SELECT finished_at FROM worker")
            assert ended
            assert all(at is not None for (at,) in ended)


class Blocked:
    """Another process's write lock, held for longer than the writer waits."""

    def __init__(self, house, path):
        house.database._transactions._driver.execute("PRAGMA busy_timeout = 20")
        self._other = sqlite3.connect(path, isolation_level=None)

    def __enter__(self):
        self._other.execute("BEGIN IMMEDIATE")

    def __exit__(self, *_):
        self._other.execute("ROLLBACK")
        self._other.close()


class TestFailures:
    async def test_commits_that_cannot_be_written_are_folded_again(self, path):
        async with House(path) as house:
            await house.send(*range(40))
            await house.settled()
            hold, held = asyncio.Event(), asyncio.Event()
            commit = house.ledger.commit

            async def waits(each):
                held.set()
                await hold.wait()
                return await commit(each)

            house.ledger.commit = waits
            await house.send(*range(40, 80))
            await held.wait()
            with Blocked(house, path):
                hold.set()
                await house.until(house.workforce.troubles)
                assert house.workforce.pending() == 40
                for _ in range(4):
                    await house.tick(5)
                    await asyncio.sleep(0.05)
                assert house.workforce.troubles()
                assert "locked" in house.workforce.troubles()[0]
                assert house.workforce.pending() == 40
            for _ in range(5):
                await house.tick(5)
                await asyncio.sleep(0.02)

            await house.reconcile(range(80))
            assert house.workforce.troubles() == []
            for each in house.workforce._shards:
                assert each.pool.free == 3
            memory = sum(w.events_count for w in house.workforce.workers())
            assert memory == 80

    async def test_a_failed_commit_takes_those_after_it_along(self, path):
        """
        Batches in flight build on each other; one that fails must undo what follows.
        """
        async with House(path) as house:
            failing = iter([False, True, False])
            driver_commit = house.ledger.commit

            async def sometimes(each):
                if next(failing, False):
                    raise sqlite3.OperationalError("disk I/O error")
                return await driver_commit(each)

            house.ledger.commit = sometimes
            await house.send(*range(9000), shard=0)
            await house.until(house.workforce.troubles)
            await house.tick(1)

            await house.reconcile(range(9000))

    async def test_a_shard_taken_over_by_another_counts_nothing_twice(self, path):
        async with House(path) as house:
            await house.send(*range(50))
            await house.settled()
            await house.ledger.open(
                5,
                {s.name: (s.version, s.stream, False) for s in house.statistics},
                house.clock.now(),
            )
            await house.send(*range(50, 100))
            await house.until(house.workforce.troubles)
            assert "another instance" in house.workforce.troubles()[0]
            await house.tick(1)

            await house.reconcile(range(100))

    async def test_a_hole_in_the_log_is_told_and_does_not_spin(self, path):
        async with House(path, shards=5) as house:
            await house.workforce.stop()
            await house.send(*range(100), shard=0)
            await house.send(*range(100), shard=0)
            await house.database.write(
                lambda c: c.execute(text("DELETE FROM block WHERE first = 0"))
            )
        async with House(path) as house:
            await house.until(house.workforce.troubles)

            assert "no event at offset 0" in house.workforce.troubles()[0]
            assert house.workforce.pending() == 200
            await house.send(*range(10), shard=1)
            await house.until(lambda: house.workforce.folded() == 10)

    async def test_a_fold_that_fails_unexpectedly_keeps_no_worker_busy(
        self, path, monkeypatch
    ):
        broken = [True] * 5
        fold = shard_module.fold

        def fails_first(*arguments):
            if broken:
                broken.pop()
                raise MemoryError("no room")
            return fold(*arguments)

        monkeypatch.setattr(shard_module, "fold", fails_first)
        async with House(path) as house:
            await house.send(*range(100), shard=0)
            for _ in range(6):
                await house.until(
                    lambda: house.workforce.troubles() or not house.workforce.pending()
                )
                await house.tick(5)
                await asyncio.sleep(0.01)

            await house.reconcile(range(100))

    async def test_restarts_at_any_moment_count_nothing_twice(self, path):
        """
        Stopping drops whatever is in flight, as a crash does; the ledger decides.
        """
        sent = 0
        for turn in range(12):
            async with House(path) as house:
                for _ in range(turn % 3 + 1):
                    await house.send(*range(sent, sent + 333))
                    sent += 333
                for _ in range(turn):
                    await asyncio.sleep(0)
        async with House(path) as house:
            await house.reconcile(range(sent))

    async def test_a_users_statistic_that_raises_stops_nothing(self, path):
        async with House(path, statistics=(COUNT, SUM, MOODY)) as house:
            await house.send(*range(70))

            await house.reconcile(range(70))
            assert (await house.values())["moody"] == 60
            rejected = await house.ledger.rejected(stream=None, after=0, limit=99)
            assert sorted((r.shard, r.offset) for r in rejected) == sorted(
                (n % 5, n // 5) for n in range(0, 70, 7)
            )
            assert all("not a seventh one" in r.reason for r in rejected)

    async def test_rejected_events_appear_once_through_restarts_and_failures(
        self, path
    ):
        for turn in range(4):
            async with House(path, statistics=(COUNT, SUM, MOODY)) as house:
                await house.send(*range(turn * 70, turn * 70 + 70))
                for _ in range(turn):
                    await asyncio.sleep(0)
        async with House(path, statistics=(COUNT, SUM, MOODY)) as house:
            await house.settled()
            rejected = await house.ledger.rejected(stream=None, after=0, limit=999)

        places = [(r.shard, r.offset, r.statistic) for r in rejected]
        assert len(places) == len(set(places)) == 40


class TestReplays:
    async def test_a_new_statistic_is_replayed_while_events_pour_in(self, path):
        async with House(path) as house:
            for start in range(0, 2000, 100):
                await house.send(*range(start, start + 100))
            await house.settled()

        async with House(path, statistics=(COUNT, SUM, MEAN, MOODY)) as house:
            for start in range(2000, 3000, 100):
                await house.send(*range(start, start + 100))
            await house.reconcile(range(3000))
            await self.replayed(house)

            values = await house.values()
            assert values["mean"] == sum(range(3000)) / 3000
            assert values["moody"] == 3000 - 429
            rejected = await house.ledger.rejected(stream=None, after=0, limit=999)
            assert len({(r.shard, r.offset) for r in rejected}) == len(rejected) == 429

    async def test_stopping_in_the_middle_of_a_replay_changes_nothing(
        self, path, monkeypatch
    ):
        monkeypatch.setattr("tallymill.workers.replay.CHUNK_EVENTS", 10)
        monkeypatch.setattr("tallymill.workers.replay.PIECE_EVENTS", 7)
        async with House(path) as house:
            for start in range(0, 1000, 100):
                await house.send(*range(start, start + 100))
            await house.settled()
        sent, stops = 1000, 0
        while True:
            async with House(path, statistics=(COUNT, SUM, MEAN)) as house:
                await house.send(*range(sent, sent + 20))
                sent += 20
                await asyncio.sleep(0.002)
                views = {v.name: v for v in await house.answers.all()}
                if views["mean"].replaying is msgspec.UNSET:
                    break
                stops += 1
        async with House(path, statistics=(COUNT, SUM, MEAN)) as house:
            await house.reconcile(range(sent))
            assert (await house.values())["mean"] == sum(range(sent)) / sent
            events = {v.name: v.events for v in await house.answers.all()}
            assert events == {"count": sent, "sum": sent, "mean": sent}
        assert stops >= 1

    async def test_a_statistic_from_now_leaves_the_past_alone(self, path):
        late = defined("late", "count", None, from_now=True)
        async with House(path) as house:
            await house.send(*range(100))
            await house.settled()
        async with House(path, statistics=(COUNT, SUM, late)) as house:
            await house.send(*range(100, 130))
            await house.reconcile(range(130))

            assert (await house.values())["late"] == 30

    async def test_a_rare_stream_is_replayed_up_to_its_end(self, path):
        rare = bind_definition(
            StatisticDefinition(name="rare", stream="rare", kind="sum", field="n")
        )
        async with House(path) as house:
            await house.send(1, 2, stream="rare")
            await house.send(*range(500))
            await house.send(3, stream="rare")
            await house.send(*range(500))
            await house.settled()
        async with House(path, statistics=(COUNT, rare)) as house:
            await self.replayed(house)

            assert (await house.values())["rare"] == 6

    async def test_a_damaged_shard_keeps_no_other_from_being_replayed(self, path):
        async with House(path) as house:
            await house.send(*range(100))
            await house.settled()
            damage = text("UPDATE block SET payload = x'5b7b' WHERE shard = 0")
            await house.database.write(lambda c: c.execute(damage))
        async with House(path, statistics=(COUNT, SUM, MEAN)) as house:

            def replayed_elsewhere():
                return len(done) == 4

            done = []
            while not replayed_elsewhere():
                done = await house.rows(
                    "SELECT 1 FROM position WHERE reader <> 'live' AND next = until"
                )
                await house.tick(3)
                await asyncio.sleep(0.005)
            mean = next(v for v in await house.answers.all() if v.name == "mean")
            assert (mean.replaying.done, mean.replaying.total) == (80, 100)

    async def test_a_replay_that_cannot_be_written_is_tried_again(self, path):
        async with House(path) as house:
            await house.send(*range(100))
            await house.settled()
        house = House(path, statistics=(COUNT, SUM, MEAN))
        commit, failing = house.ledger.commit, [True] * 3

        async def sometimes(each):
            if failing:
                failing.pop()
                raise sqlite3.OperationalError("disk I/O error")
            return await commit(each)

        house.ledger.commit = sometimes
        async with house:
            for _ in range(5):
                await asyncio.sleep(0.02)
                await house.tick(3)
            await self.replayed(house)

            assert (await house.values())["mean"] == sum(range(100)) / 100

    async def replayed(self, house):
        assert isinstance(house.workforce._replay, Replay)
        task = house.workforce._replay._task
        if task is not None:
            await asyncio.wait_for(asyncio.shield(task), 20)
        for view in await house.answers.all():
            assert view.replaying is msgspec.UNSET


async def test_draining_tells_how_many_are_left(path):
    async with House(path) as house:
        await house.send(*range(100))
        draining = asyncio.ensure_future(house.workforce.drain(30))
        await house.settled()
        await house.tick(1)

        assert await draining == 0
