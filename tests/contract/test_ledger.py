"""The ledger's contract, on every adapter: one owner, one commit, nothing by halves."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from tallymill.events.model import ShardId
from tallymill.kernel.errors import Conflict, Corrupt, Unavailable
from tallymill.statistics.ports import LIVE
from tallymill.store.ledger import PEEKED_BYTES, SqlLedger
from tallymill.store.log import SqlEventLog
from tallymill.workers.model import (
    FoldCommit,
    NewPartial,
    Position,
    SetAside,
    Worker,
)


@pytest.fixture
async def ledger(database):
    ledger = SqlLedger(database)
    await ledger.start()
    yield ledger
    await ledger.stop()


@pytest.fixture
async def event_log(database, clock):
    event_log = SqlEventLog(database, clock, shards=2)
    await event_log.start()
    return event_log


@pytest.fixture
def opened(ledger, clock):
    """Opens the ledger with statistics by name: a version, or (version, from now)."""

    async def opened(shards=2, **versions):
        known = {
            name: (version, "events", False)
            if isinstance(version, str)
            else (version[0], "events", version[1])
            for name, version in versions.items()
        }
        return await ledger.open(shards, known, clock.now())

    return opened


def commit_of(position, length, clock, **more):
    """A commit of a batch, with one partial state and no worker unless given."""
    options = {
        "partials": {"v1": NewPartial(state=b"state", events=length)},
        "set_aside": [],
        "at": clock.now(),
    } | more
    return FoldCommit(position=position, next=position.next + length, **options)


def aside(offset, statistic="mean", version="v1", stream="events"):
    return SetAside(
        offset=offset,
        stream=stream,
        version=version,
        statistic=statistic,
        reason=f"no weight at {offset}",
    )


async def rows(database, table, order="1"):
    question = text(f"SELECT * FROM {table} ORDER BY {order}")
    return [
        dict(row)
        for row in await database.read(lambda c: c.execute(question).mappings().all())
    ]


async def stored(database):
    """Everything that a commit may change."""
    tables = ("position", "partial", "worker", "rejected")
    return {table: await rows(database, table) for table in tables}


class TestOpening:
    async def test_a_new_database_has_every_shard_at_its_beginning(self, opened):
        assert await opened(3, a="v1") == [
            Position(shard=ShardId(n), reader=LIVE, epoch=1, next=0) for n in range(3)
        ]

    async def test_opening_again_raises_the_epoch_and_keeps_the_rest(
        self, opened, ledger, clock
    ):
        first, _ = await opened(a="v1")
        await ledger.commit(commit_of(first, 7, clock))

        again = await opened(a="v1")

        assert again[0] == replace(first, epoch=2, next=7)
        position, partials = await ledger.load(ShardId(0), LIVE)
        assert position == again[0]
        assert [(p.version, p.state, p.events) for p in partials] == [
            ("v1", b"state", 7)
        ]

    async def test_shards_can_grow(self, opened, ledger, clock):
        first, _ = await opened(2, a="v1")
        await ledger.commit(commit_of(first, 7, clock))

        grown = await opened(4, a="v1")

        assert [(p.shard, p.epoch, p.next) for p in grown] == [
            (0, 2, 7),
            (1, 2, 0),
            (2, 1, 0),
            (3, 1, 0),
        ]

    async def test_shards_cannot_shrink(self, opened, event_log, database):
        await opened(2)
        before = await stored(database)

        with pytest.raises(Conflict, match="set shards = 2 or more"):
            await opened(1)
        assert await stored(database) == before

    async def test_a_new_statistic_is_replayed_where_there_is_a_past(
        self, opened, ledger, clock
    ):
        first, _ = await opened(a="v1")
        await ledger.commit(commit_of(first, 7, clock))

        positions = await opened(a="v1", b="v2")

        assert [p for p in positions if p.reader == "v2"] == [
            Position(shard=ShardId(0), reader="v2", epoch=1, next=0, until=7)
        ]
        assert [p.next for p in positions if p.reader == LIVE] == [7, 0]

    async def test_a_replay_that_has_not_ended_goes_on(self, opened, ledger, clock):
        first, _ = await opened(a="v1")
        await ledger.commit(commit_of(first, 7, clock))
        *_, replay = sorted(
            await opened(a="v1", b="v2"), key=lambda p: p.reader == "v2"
        )
        await ledger.commit(commit_of(replay, 5, clock))

        again = [p for p in await opened(a="v1", b="v2") if p.reader == "v2"]
        assert again == [replace(replay, epoch=2, next=5)]

        await ledger.commit(commit_of(again[0], 2, clock))
        assert [p.reader for p in await opened(a="v1", b="v2")] == [LIVE, LIVE]

    async def test_from_now_means_no_replay(self, opened, ledger, clock):
        first, _ = await opened(a="v1")
        await ledger.commit(commit_of(first, 7, clock))

        positions = await opened(a="v1", b=("v2", True))
        assert [p.reader for p in positions] == [LIVE, LIVE]
        later = await opened(a="v1", b="v2")
        assert [p.reader for p in later] == [LIVE, LIVE]

    async def test_a_new_version_starts_anew_and_the_former_is_forgotten(
        self, opened, ledger, clock, database
    ):
        first, _ = await opened(a="v1", b="v2")
        partials = {
            version: NewPartial(state=version.encode(), events=7)
            for version in ("v1", "v2")
        }
        set_aside = [aside(3), aside(4, "other", "v2")]
        await ledger.commit(
            commit_of(first, 7, clock, partials=partials, set_aside=set_aside)
        )

        positions = await opened(a="v1.1", b="v2")

        _, kept = await ledger.load(ShardId(0), LIVE)
        assert [p.version for p in kept] == ["v2"]
        assert [(p.reader, p.until) for p in positions if p.reader != LIVE] == [
            ("v1.1", 7)
        ]
        left = await ledger.rejected(stream=None, after=0, limit=10)
        assert [r.statistic for r in left] == ["other"]
        assert [row["version"] for row in await rows(database, "statistic")] == [
            "v1.1",
            "v2",
        ]

    async def test_a_removed_statistic_is_forgotten_with_its_replay(
        self, opened, ledger, clock, database
    ):
        first, _ = await opened(a="v1")
        await ledger.commit(commit_of(first, 7, clock))
        await opened(a="v1", b="v2")

        await opened(a="v1")
        assert {row["reader"] for row in await rows(database, "position")} == {LIVE}
        await opened()
        assert await rows(database, "partial") == []
        assert await rows(database, "statistic") == []

        back = await opened(a="v1")
        assert [(p.next, p.until) for p in back if p.reader == "v1"] == [(0, 7)]

    async def test_workers_that_a_crash_left_are_finished(
        self, opened, ledger, clock, database
    ):
        first, _ = await opened()
        worker = Worker(id=7, shard_id=ShardId(0), created_at=clock.now())
        await ledger.commit(commit_of(first, 5, clock, worker=worker, events=5))
        clock.advance(60)
        await opened()

        (row,) = await rows(database, "worker")
        assert row["finished_at"] - row["created_at"] == 60_000_000

    async def test_an_opening_that_fails_changes_nothing(
        self, opened, event_log, ledger, clock, database
    ):
        first, _ = await opened(a="v1")
        await ledger.commit(commit_of(first, 7, clock))
        before = await stored(database) | {"s": await rows(database, "statistic")}

        with pytest.raises(Conflict):
            await opened(1, b="v2")
        after = await stored(database) | {"s": await rows(database, "statistic")}
        assert after == before

    async def test_a_reader_without_a_position_cannot_be_loaded(self, opened, ledger):
        await opened()
        with pytest.raises(Corrupt, match="Shard 0 has no position"):
            await ledger.load(ShardId(0), "v9")


class TestCommitting:
    async def test_everything_of_a_batch_is_stored_together(
        self, opened, ledger, clock, database
    ):
        first, _ = await opened()
        worker = Worker(id=2**63 - 1, shard_id=ShardId(0), created_at=clock.now())
        taken = await ledger.commit(
            commit_of(
                first,
                5,
                clock,
                worker=worker,
                events=5,
                set_aside=[aside(2), aside(2, "sum"), aside(4)],
            )
        )

        assert taken
        assert (await ledger.load(ShardId(0), LIVE))[0].next == 5
        (partial,) = (await ledger.snapshot()).partials
        assert (partial.version, partial.reader, partial.shard) == ("v1", LIVE, 0)
        assert (partial.state, partial.events) == (b"state", 5)
        assert partial.updated_at == clock.now()
        (row,) = await rows(database, "worker")
        assert (row["id"], row["events_count"]) == (2**63 - 1, 5)
        assert [
            (r.offset, r.statistic, r.reason, r.shard, r.stream)
            for r in await ledger.rejected(stream=None, after=0, limit=9)
        ] == [
            (2, "mean", "no weight at 2", 0, "events"),
            (2, "sum", "no weight at 2", 0, "events"),
            (4, "mean", "no weight at 4", 0, "events"),
        ]

    async def test_a_partial_that_did_not_change_stays(self, opened, ledger, clock):
        first, _ = await opened()
        both = {v: NewPartial(state=v.encode(), events=5) for v in ("v1", "v2")}
        await ledger.commit(commit_of(first, 5, clock, partials=both))
        only = {"v2": NewPartial(state=b"new", events=9)}
        await ledger.commit(commit_of(replace(first, next=5), 5, clock, partials=only))

        _, partials = await ledger.load(ShardId(0), LIVE)
        assert {p.version: (p.state, p.events) for p in partials} == {
            "v1": (b"v1", 5),
            "v2": (b"new", 9),
        }

    @pytest.mark.parametrize(
        "wrong",
        [
            {"epoch": 0},
            {"epoch": 2},
            {"next": 5},
            {"next": -1},
            {"reader": "v1"},
            {"shard": 7},
        ],
    )
    async def test_a_commit_from_elsewhere_touches_nothing(
        self, opened, ledger, clock, database, wrong
    ):
        first, _ = await opened()
        before = await stored(database)
        worker = Worker(id=1, shard_id=ShardId(0), created_at=clock.now())

        taken = await ledger.commit(
            commit_of(
                replace(first, **wrong),
                5,
                clock,
                worker=worker,
                events=5,
                set_aside=[aside(1)],
            )
        )

        assert taken is False
        assert await stored(database) == before

    async def test_the_owner_before_can_commit_no_more(
        self, opened, ledger, clock, database
    ):
        old, _ = await opened()
        new, _ = await opened()
        before = await stored(database)

        assert await ledger.commit(commit_of(old, 5, clock)) is False
        assert await stored(database) == before
        assert await ledger.commit(commit_of(new, 5, clock)) is True

    async def test_a_batch_is_committed_once(self, opened, ledger, clock, database):
        first, _ = await opened()
        worker = Worker(id=1, shard_id=ShardId(0), created_at=clock.now())
        batch = commit_of(first, 5, clock, worker=worker, events=5)

        assert await ledger.commit(batch) is True
        assert await ledger.commit(batch) is False
        assert [row["events_count"] for row in await rows(database, "worker")] == [5]

    async def test_commits_are_tried_in_the_order_of_the_calls(
        self, opened, ledger, clock
    ):
        first, second = await opened()
        chains = [
            commit_of(replace(start, next=n * 5), 5, clock)
            for n in range(20)
            for start in (first, second)
        ]

        assert await asyncio.gather(*map(ledger.commit, chains)) == [True] * 40

    async def test_when_one_is_missing_those_that_build_on_it_fail(
        self, opened, ledger, clock
    ):
        first, _ = await opened()
        chain = [commit_of(replace(first, next=n * 5), 5, clock) for n in (0, 2, 3)]

        assert await asyncio.gather(*map(ledger.commit, chain)) == [
            True,
            False,
            False,
        ]
        assert (await ledger.load(ShardId(0), LIVE))[0].next == 5

    async def test_a_commit_that_cannot_be_stored_stores_nothing_of_it(
        self, opened, ledger, clock, database
    ):
        """
        The rejected events come last; what was written before them is taken back.
        """
        first, second = await opened()
        bad = commit_of(
            first, 5, clock, set_aside=[aside(1), replace(aside(2), reason=None)]
        )
        good = commit_of(second, 3, clock)
        before = await stored(database)

        answers = await asyncio.gather(
            ledger.commit(bad), ledger.commit(good), return_exceptions=True
        )

        assert isinstance(answers[0], Unavailable)
        assert answers[1] is True
        after = await stored(database)
        assert after["rejected"] == before["rejected"]
        assert [row["next"] for row in after["position"]] == [0, 3]
        assert [row["shard"] for row in after["partial"]] == [1]

    async def test_workers_add_up_what_they_committed(
        self, opened, ledger, clock, database
    ):
        first, second = await opened()
        one = Worker(id=1, shard_id=ShardId(0), created_at=clock.now())
        two = Worker(id=2, shard_id=ShardId(1), created_at=clock.now())
        for n in range(3):
            for worker, start in ((one, first), (two, second)):
                at = replace(start, next=n * 5)
                await ledger.commit(commit_of(at, 5, clock, worker=worker, events=5))

        snapshot = await ledger.snapshot()
        counted = [row["events_count"] for row in await rows(database, "worker")]
        assert counted == [15, 15]
        assert sum(counted) == sum(p.next for p in snapshot.progress)

    async def test_before_its_start_it_says_so(self, database, clock):
        position = Position(shard=ShardId(0), reader=LIVE, epoch=1, next=0)
        with pytest.raises(Unavailable, match="not open"):
            await SqlLedger(database).commit(commit_of(position, 1, clock))


class TestWorkers:
    async def test_the_end_of_a_worker_is_stored(self, opened, ledger, clock, database):
        first, _ = await opened()
        worker = Worker(id=5, shard_id=ShardId(0), created_at=clock.now())
        await ledger.commit(commit_of(first, 5, clock, worker=worker, events=5))
        clock.advance(120)
        worker.finished_at = clock.now()
        await ledger.finish(worker)

        (row,) = await rows(database, "worker")
        assert row["finished_at"] - row["created_at"] == 120_000_000
        assert row["events_count"] == 5

    async def test_one_that_committed_nothing_leaves_no_row(
        self, opened, ledger, clock, database
    ):
        await opened()
        await ledger.finish(
            Worker(
                id=5,
                shard_id=ShardId(0),
                created_at=clock.now(),
                finished_at=clock.now() + timedelta(minutes=2),
            )
        )
        assert await rows(database, "worker") == []

    async def test_one_without_an_end_is_not_finished(self, ledger, clock):
        with pytest.raises(ValueError, match="time of its end"):
            await ledger.finish(
                Worker(id=5, shard_id=ShardId(0), created_at=clock.now())
            )


class TestRejected:
    async def test_pages_by_id_and_by_stream(self, opened, ledger, clock):
        first, _ = await opened(a="v1")
        set_aside = [aside(n, stream=("events", "picture")[n % 2]) for n in range(10)]
        await ledger.commit(commit_of(first, 10, clock, set_aside=set_aside))

        async def offsets(stream=None, after=0, limit=99):
            found = await ledger.rejected(stream=stream, after=after, limit=limit)
            return [r.offset for r in found], found[-1].id if found else None

        page, last = await offsets(limit=4)
        assert page == [0, 1, 2, 3]
        assert (await offsets(after=last))[0] == [4, 5, 6, 7, 8, 9]
        page, last = await offsets(stream="picture", limit=2)
        assert page == [1, 3]
        assert (await offsets(stream="picture", after=last))[0] == [5, 7, 9]
        assert await offsets(stream="nothing") == ([], None)

    async def test_they_are_counted(self, opened, ledger, clock):
        first, _ = await opened(a="v1")
        assert await ledger.rejected_count() == 0

        await ledger.commit(commit_of(first, 5, clock, set_aside=[aside(0), aside(1)]))

        assert await ledger.rejected_count() == 2


async def test_large_states_are_read_beside_the_event_loop(
    opened, ledger, clock, monkeypatch, database
):
    """A user's state may hold a list of everything; nobody else should wait for it."""
    first, _ = await opened(a="v1")
    state = b"x" * (PEEKED_BYTES + 1)
    partials = {"v1": NewPartial(state=state, events=7)}
    seen = []
    read = database.read
    monkeypatch.setattr(database, "read", lambda ask: seen.append(ask) or read(ask))

    await ledger.snapshot()
    peeked = len(seen)
    await ledger.commit(commit_of(first, 7, clock, partials=partials))
    (found,) = (await ledger.snapshot()).partials

    assert (peeked, len(seen)) == (0, 1)
    assert (found.state, found.events) == (state, 7)


async def test_a_snapshot_is_of_one_moment(opened, ledger, event_log, clock):
    first, _ = await opened(a="v1")
    await ledger.commit(commit_of(first, 7, clock))
    await opened(a="v1", b="v2")

    snapshot = await ledger.snapshot()

    assert {(p.reader, p.shard, p.next, p.until) for p in snapshot.progress} == {
        (LIVE, 0, 7, None),
        (LIVE, 1, 0, None),
        ("v2", 0, 0, 7),
    }
    assert snapshot.heads == {0: 0, 1: 0}
    assert [(p.version, p.events) for p in snapshot.partials] == [("v1", 7)]
