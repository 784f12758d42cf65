"""The account store's contract: accounts by id, and their events into the log."""

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest

from tallymill.accounts.model import Account, AccountEvent, Draft, Verdict
from tallymill.events.model import Event, ShardId
from tallymill.events.sharding import shard_of
from tallymill.kernel.errors import Unavailable
from tallymill.store.accounts import SqlAccountStore
from tallymill.store.log import SqlEventLog

AT = datetime(2026, 11, 21, tzinfo=UTC)
STORED, SEEN, UNKNOWN, INACTIVE = Verdict


@pytest.fixture
async def event_log(database, clock):
    event_log = SqlEventLog(database, clock, shards=5, instance="this-host")
    await event_log.start()
    return event_log


@pytest.fixture
async def store(database, event_log, clock):
    return SqlAccountStore(database, event_log, clock, shards=5)


@pytest.fixture
async def accounts(store):
    drafts = [Draft(name="Ada"), Draft(name="Bob", is_active=False), Draft(name="Éva")]
    return (await store.save(drafts)).accounts


def event(account_id, text="x", **more):
    raw = msgspec.Raw(msgspec.json.encode(text))
    return AccountEvent(account_id, Event(AT, raw, subject=str(account_id)), 90, **more)


async def stored(event_log):
    page = await event_log.page(stream="accounts", subject=None, after=None, limit=1000)
    return [
        (each.event.subject, msgspec.json.decode(each.event.data))
        for each in page.events
    ]


class TestAccounts:
    async def test_ids_begin_at_1_and_go_up(self, accounts):
        assert accounts == (
            Account(1, "Ada", is_active=True),
            Account(2, "Bob", is_active=False),
            Account(3, "Éva", is_active=True),
        )

    async def test_many_are_found_at_once_and_unknown_ones_left_out(self, store):
        await store.save([Draft(name=str(n)) for n in range(1_200)])

        found = await store.find(range(1, 3_000))

        assert len(found) == 1_200
        assert found[1_200].name == "1199"

    async def test_what_was_changed_before_is_seen(self, store, accounts):
        await store.change(1, name="Eve", is_active=None)
        await store.change(1, name=None, is_active=False)

        assert await store.find([1]) == {1: Account(1, "Eve", is_active=False)}

    async def test_nobody_cannot_be_changed(self, store):
        assert await store.change(9, name="x", is_active=True) is None

    async def test_a_draft_with_an_id_makes_or_changes_that_account(
        self, store, accounts
    ):
        saved = await store.save(
            [
                Draft(id=1, name="Ada"),
                Draft(id=2, name="Robert"),
                Draft(id=70, name="new"),
                Draft(name="next"),
            ]
        )

        assert (saved.added, saved.changed) == (2, 1)
        assert [each.id for each in saved.accounts] == [1, 2, 70, 71]

    async def test_pages_lead_through_all_by_their_ids(self, store):
        await store.save([Draft(name=f"n{n}") for n in range(7)])

        first = await store.page(search=None, is_active=None, after=0, limit=3)
        last = await store.page(search=None, is_active=None, after=6, limit=3)

        assert [each.id for each in first.accounts] == [1, 2, 3]
        assert (first.next_after, first.total) == (3, 7)
        assert [each.id for each in last.accounts] == [7]
        assert (last.next_after, last.total) == (None, None)

    @pytest.mark.parametrize(
        ("search", "found"),
        [("a", ["Ada", "Éva"]), ("ÉV", ["Éva"]), ("%", []), ("_", []), ("", None)],
    )
    async def test_a_search_looks_anywhere_in_the_name_whatever_the_case(
        self, store, accounts, search, found
    ):
        page = await store.page(search=search, is_active=None, after=0, limit=9)

        names = [each.name for each in page.accounts]
        assert names == (["Ada", "Bob", "Éva"] if found is None else found)
        assert page.total == len(names)

    async def test_a_list_may_be_of_those_that_are_active_or_not(self, store, accounts):
        page = await store.page(search=None, is_active=False, after=0, limit=9)

        assert [each.name for each in page.accounts] == ["Bob"]


class TestSeeding:
    async def test_an_empty_store_is_filled_once(self, store):
        assert await store.seed(["a", "b"])
        assert not await store.seed(["c"])

        assert sorted((await store.find(range(1, 9))).keys()) == [1, 2]

    async def test_a_database_with_events_is_not_empty(self, store, event_log):
        """
        Who had turned the seeding off and has events would not want it later.
        """
        await store.save([Draft(name="only")])
        await store.take([event(1)])
        await store._database.write(
            lambda connection: connection.exec_driver_sql("DELETE FROM account")
        )

        assert not await store.seed(["a"])


class TestEvents:
    async def test_each_event_has_its_own_verdict(self, store, accounts, event_log):
        verdicts = await store.take(
            [event(1, "a"), event(2, "b"), event(99, "c"), event(0), event(3, "d")]
        )

        assert verdicts == [STORED, INACTIVE, UNKNOWN, UNKNOWN, STORED]
        assert sorted(await stored(event_log)) == [("1", "a"), ("3", "d")]

    async def test_events_stand_in_the_shard_of_their_account_in_order(
        self, store, accounts, event_log
    ):
        for n in range(5):
            await store.take([event(1, n), event(1, n + 100)])

        runs = await event_log.read(
            shard_of("1", 5), 0, only="accounts", decode={"accounts"}, events_max=99
        )
        texts = [msgspec.json.decode(e.data) for run in runs for e in run.events]
        assert texts == [0, 100, 1, 101, 2, 102, 3, 103, 4, 104]

    async def test_a_deactivation_counts_for_the_next_event(
        self, store, accounts, event_log
    ):
        await store.take([event(1, "before")])
        await store.change(1, name=None, is_active=False)
        refused = await store.take([event(1, "after")])
        await store.change(1, name=None, is_active=True)

        assert refused == [INACTIVE]
        assert await store.take([event(1, "again")]) == [STORED]
        assert await stored(event_log) == [("1", "before"), ("1", "again")]

    async def test_listeners_are_told_once_with_the_instance(
        self, store, accounts, event_log
    ):
        told = []
        event_log.subscribe(told.extend)

        await asyncio.gather(*[store.take([event(n)]) for n in (1, 2, 3, 1)])

        assert sum(run.count for run in told) == 3
        assert {run.instance for run in told} == {"this-host"}
        assert {run.stream for run in told} == {"accounts"}

    async def test_nobody_is_told_of_what_was_refused(self, store, accounts, event_log):
        told = []
        event_log.subscribe(told.append)

        await store.take([event(2), event(99)])

        assert told == []

    async def test_the_instance_is_kept_with_the_event(
        self, store, accounts, event_log
    ):
        await store.take([event(1)])

        page = await event_log.page(stream="accounts", subject="1", after=None, limit=9)
        runs = await event_log.read(
            ShardId(page.events[0].shard), 0, only=None, decode=(), events_max=9
        )
        assert page.events[0].instance == runs[0].instance == "this-host"

    async def test_a_store_that_is_closed_says_so(self, store, accounts, database):
        await store.take([event(1)])
        await database.stop()

        with pytest.raises(Unavailable):
            await store.take([event(1)])


class TestKeys:
    async def test_a_key_stores_once_within_a_hand_over_and_after(
        self, store, accounts, event_log
    ):
        keyed = {"key": "k", "key_life_s": 600}

        first = await store.take([event(1, 1, **keyed), event(1, 2, **keyed)])
        again = await store.take(
            [event(1, 3, **keyed), event(3, 4, key="l", key_life_s=1)]
        )

        assert (first, again) == ([STORED, SEEN], [SEEN, STORED])
        assert sorted(await stored(event_log)) == [("1", 1), ("3", 4)]

    async def test_a_key_is_answered_as_the_first_time_after_a_deactivation(
        self, store, accounts
    ):
        await store.take([event(1, key="k", key_life_s=600)])
        await store.change(1, name=None, is_active=False)

        assert await store.take([event(1, key="k", key_life_s=600)]) == [SEEN]

    async def test_the_key_of_a_refused_event_is_free(self, store, accounts):
        keyed = {"key": "k", "key_life_s": 600}
        assert await store.take([event(2, **keyed), event(99, **keyed)]) == [
            INACTIVE,
            UNKNOWN,
        ]

        assert await store.take([event(1, **keyed)]) == [STORED]

    async def test_a_key_lives_as_long_as_it_was_said(self, store, accounts, clock):
        keyed = {"key": "k", "key_life_s": 600}
        await store.take([event(1, **keyed)])

        clock.advance(599.9)
        assert await store.take([event(1, **keyed)]) == [SEEN]
        clock.advance(0.2)
        assert await store.take([event(1, **keyed)]) == [STORED]

    async def test_expired_keys_are_forgotten_little_by_little(
        self, store, accounts, clock, database
    ):
        """
        A proxy names every request: a day of them would be a billion rows.
        """
        many = [event(1, n, key=f"k{n}", key_life_s=600) for n in range(5_000)]
        await store.take(many)
        clock.advance(601)
        left = []
        for n in range(4):
            await store.take([event(1, n, key=f"new{n}", key_life_s=600)])
            clock.advance(0.1)
            left.append(
                await database.read(
                    lambda c: c.exec_driver_sql(
                        "SELECT count(*) FROM account_key"
                    ).scalar()
                )
            )

        assert left == [3_001, 1_002, 3, 4]
