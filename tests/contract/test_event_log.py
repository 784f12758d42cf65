"""The event log's contract, on every adapter: what is stored, kept, refused, told."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import text

from tallymill.events.model import Event, ShardId
from tallymill.events.ports import Append, Receipt
from tallymill.kernel.errors import Corrupt, Invalid, Unavailable
from tallymill.store import log as log_module
from tallymill.store.log import SqlEventLog

AT = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
async def event_log(database, clock):
    event_log = SqlEventLog(database, clock, shards=5)
    await event_log.start()
    yield event_log
    await event_log.stop()


def event(data, **more):
    return Event(AT, msgspec.Raw(msgspec.json.encode(data)), **more)


def append(*shares, stream="events", size_bytes=None, **more):
    """An append of (shard, data, data, …) shares; data may be events."""
    placed = [
        (
            ShardId(shard),
            [each if isinstance(each, Event) else event(each) for each in datas],
        )
        for shard, *datas in shares
    ]
    events = [each for _, share in placed for each in share]
    if size_bytes is None:
        size_bytes = sum(len(msgspec.json.encode(each)) for each in events)
    return Append(
        stream=stream,
        shares=placed,
        size_bytes=size_bytes,
        has_ids=any(each.id is not None for each in events),
        **more,
    )


def datas(events):
    return [msgspec.json.decode(each.data) for each in events]


def as_seen(runs):
    """Runs as (stream, first, count, data or None)."""
    return [(r.stream, r.first, r.count, r.events and datas(r.events)) for r in runs]


async def everything(event_log, shard, first=0, **more):
    """All runs of a shard, read a few at a time."""
    runs = []
    options = {"only": None, "decode": {"events", "picture"}, "events_max": 3} | more
    while found := await event_log.read(ShardId(shard), first, **options):
        runs += found
        first = found[-1].next
    return runs


async def pages(event_log, limit=3, **more):
    """All events page by page, with the sizes of the pages."""
    found, sizes, after = [], [], None
    options = {"stream": "events", "subject": None} | more
    while True:
        page = await event_log.page(after=after, limit=limit, **options)
        found += page.events
        sizes.append(len(page.events))
        after = page.after
        if after is None:
            return found, sizes


async def together(database, *appends):
    """Run appends so that all of them wait for the same group."""
    entered, go = threading.Event(), threading.Event()

    def hold(_connection):
        entered.set()
        go.wait(20)

    held = asyncio.ensure_future(database.write(hold))
    await asyncio.to_thread(entered.wait, 20)
    tasks = [asyncio.ensure_future(each) for each in appends]
    for _ in range(3):
        await asyncio.sleep(0)
    go.set()
    await held
    return await asyncio.gather(*tasks, return_exceptions=True)


async def rows(database, table):
    question = text(f"SELECT * FROM {table}")
    return list(await database.read(lambda c: c.execute(question).all()))


class TestOffsets:
    async def test_a_new_log_has_empty_shards(self, event_log):
        assert await event_log.heads() == {0: 0, 1: 0, 2: 0, 3: 0, 4: 0}
        assert await everything(event_log, 0) == []
        assert await pages(event_log) == ([], [0])

    async def test_offsets_follow_each_other_without_a_hole(self, event_log):
        receipts = [
            await event_log.append(append((0, 1, 2), (3, 3))),
            await event_log.append(append((0, 4), stream="picture")),
            await event_log.append(append((0, 5, 6))),
        ]

        assert [as_seen(receipt.runs) for receipt in receipts] == [
            [("events", 0, 2, [1, 2]), ("events", 0, 1, [3])],
            [("picture", 2, 1, [4])],
            [("events", 3, 2, [5, 6])],
        ]
        assert await event_log.heads() == {0: 5, 1: 0, 2: 0, 3: 1, 4: 0}
        assert as_seen(await everything(event_log, 0)) == [
            ("events", 0, 2, [1, 2]),
            ("picture", 2, 1, [4]),
            ("events", 3, 2, [5, 6]),
        ]

    async def test_many_senders_at_once_leave_no_hole_and_keep_their_order(
        self, event_log, database
    ):
        waiting = [
            event_log.append(
                append(
                    (sender % 5, *[[sender, n] for n in range(sender % 4 + 1)]),
                    stream=("events", "picture")[sender % 3 == 0],
                )
            )
            for sender in range(60)
        ]
        receipts = await together(database, *waiting)

        for shard in range(5):
            runs = await everything(event_log, shard)
            ends = [0, *(run.next for run in runs)]
            assert [run.first for run in runs] == ends[:-1]
            stored = [tuple(d) for run in runs for d in datas(run.events)]
            assert stored == sorted(stored)
            assert ends[-1] == (await event_log.heads())[shard]
        assert [receipt.accepted for receipt in receipts] == [
            sender % 4 + 1 for sender in range(60)
        ]

    async def test_small_appends_that_wait_together_share_a_block(
        self, event_log, database
    ):
        await together(database, *(event_log.append(append((1, n))) for n in range(40)))

        blocks = [row.count for row in await rows(database, "block")]
        assert blocks == [40]
        assert as_seen(await everything(event_log, 1)) == [
            ("events", 0, 40, list(range(40)))
        ]

    async def test_a_block_is_closed_at_its_size(self, event_log, database):
        big = "x" * 700_000
        await together(
            database, *(event_log.append(append((1, big))) for _ in range(4))
        )

        assert [row.count for row in await rows(database, "block")] == [2, 2]
        assert [r.first for r in await everything(event_log, 1)] == [0, 2]

    async def test_an_append_of_nothing_stores_nothing(self, event_log, database):
        receipt = await event_log.append(append())

        assert (receipt.accepted, receipt.duplicates, receipt.runs) == (0, 0, [])
        assert await rows(database, "block") == []

    async def test_what_is_stored_comes_back_to_the_letter(self, event_log):
        sent = [
            Event(
                AT, msgspec.Raw(raw), id=f"i{n}", subject="a/b \u00e9\u0000\U0001f600"
            )
            for n, raw in enumerate(
                (
                    b"73786976294838206464",
                    b"0.100000000000000005551115123126",
                    b'{"a":1,"a":2}',
                    b'"\\u0000\\u00e9"',
                    b"1e400",
                    b"null",
                )
            )
        ]
        sent.append(Event(datetime.fromisoformat("2019-10-04T01:52:07.000001-03:00")))
        await event_log.append(append((2, *sent)))

        (run,) = await everything(event_log, 2)
        assert run.events == sent
        assert [bytes(each.data) for each in run.events[:6]] == [
            bytes(each.data) for each in sent[:6]
        ]
        assert run.events[-1].data is msgspec.UNSET
        assert (
            run.events[-1].timestamp.isoformat() == "2019-10-04T01:52:07.000001-03:00"
        )

    async def test_a_second_start_goes_on_where_the_first_ended(
        self, event_log, database, clock
    ):
        await event_log.append(append((0, 1, 2)))
        again = SqlEventLog(database, clock, shards=7)
        await again.start()
        await again.append(append((0, 3), (6, 4)))

        assert as_seen(await everything(again, 0)) == [
            ("events", 0, 2, [1, 2]),
            ("events", 2, 1, [3]),
        ]
        assert len(await again.heads()) == 7

    async def test_before_its_start_and_after_the_end_it_says_so(
        self, event_log, database, clock
    ):
        with pytest.raises(Unavailable, match="not open"):
            await SqlEventLog(database, clock, shards=5).append(append((0, 1)))
        await database.stop()
        with pytest.raises(Unavailable):
            await event_log.append(append((0, 1)))
        with pytest.raises(Unavailable):
            await event_log.heads()


class TestAllOrNone:
    async def test_a_request_that_fails_halfway_stores_none_of_it(
        self, event_log, database
    ):
        """
        Its caller alone is told; those that waited with it are stored, without holes.
        """
        bad = append((0, 1), (9, 2))  # there is no shard 9
        answers = await together(
            database,
            event_log.append(append((0, "a"), (1, "a"), key="a")),
            event_log.append(bad),
            event_log.append(append((0, "b"), (1, "b"))),
        )

        assert isinstance(answers[1], Exception)
        assert [answers[0].accepted, answers[2].accepted] == [2, 2]
        assert as_seen(await everything(event_log, 0)) == [
            ("events", 0, 1, ["a"]),
            ("events", 1, 1, ["b"]),
        ]
        assert (await event_log.heads())[1] == 2

    async def test_a_failed_append_leaves_neither_its_key_nor_its_ids(
        self, event_log, database
    ):
        bad = append((0, event(1, id="x")), (9, event(2, id="y")), key="k")
        with pytest.raises(KeyError):
            await event_log.append(bad)

        assert await rows(database, "event_id") == []
        assert await rows(database, "request_key") == []
        again = append((0, event(1, id="x")), (1, event(2, id="y")), key="k")
        receipt = await event_log.append(again)
        assert (receipt.accepted, receipt.replayed) == (2, False)

    async def test_a_full_disk_refuses_what_does_not_fit_and_nothing_else(
        self, event_log, database
    ):
        await event_log.append(append((0, "before")))
        driver = database._transactions._driver
        driver.execute("PRAGMA max_page_count = 1").fetchall()
        big = "x" * 600_000
        answers = await together(
            database,
            event_log.append(append((0, "small"), key="small")),
            event_log.append(append((0, big), (1, big))),
            event_log.append(append((1, event("id", id="id")))),
        )
        heads = await event_log.heads()
        driver.execute("PRAGMA max_page_count = 1000000").fetchall()

        assert [type(answer) for answer in answers] == [Receipt, Unavailable, Receipt]
        assert "disk is full" in answers[1].detail
        assert heads == {0: 2, 1: 1, 2: 0, 3: 0, 4: 0}
        receipt = await event_log.append(append((0, "small"), key="small"))
        assert receipt.replayed
        receipt = await event_log.append(append((0, big), (1, big)))
        assert [run.first for run in receipt.runs] == [2, 1]


class TestKeys:
    async def test_the_same_key_gets_the_first_receipt_and_stores_nothing(
        self, event_log
    ):
        first = await event_log.append(append((0, 1, 2), key="k", note=b"note"))
        second = await event_log.append(append((1, 9), key="k", note=b"other"))

        assert (first.accepted, first.note, first.replayed) == (2, b"note", False)
        assert (second.accepted, second.duplicates) == (2, 0)
        assert (second.note, second.replayed, list(second.runs)) == (b"note", True, [])
        assert (await event_log.heads())[1] == 0

    async def test_twice_in_one_group_is_stored_once(self, event_log, database):
        answers = await together(
            database, *(event_log.append(append((0, 1), key="k")) for _ in range(5))
        )

        assert [a.replayed for a in answers] == [False, True, True, True, True]
        assert {a.accepted for a in answers} == {1}
        assert (await event_log.heads())[0] == 1

    async def test_another_key_is_another_request(self, event_log):
        for key in ("k", "K", "k ", None, None):
            assert not (await event_log.append(append((0, 1), key=key))).replayed

        assert (await event_log.heads())[0] == 5

    async def test_a_key_outlives_the_process(self, event_log, database, clock):
        await event_log.append(append((0, 1), key="k"))
        again = SqlEventLog(database, clock, shards=5)
        await again.start()

        assert (await again.append(append((0, 1), key="k"))).replayed

    async def test_a_key_lives_for_24_hours(self, event_log, clock):
        await event_log.append(append((0, 1), key="k"))
        clock.advance(24 * 3600)
        at_the_end = await event_log.append(append((0, 1), key="k"))
        clock.advance(0.000_001)
        after = await event_log.append(append((0, 2), key="k"))
        clock.advance(24 * 3600)
        again = await event_log.append(append((0, 3), key="k"))

        assert [at_the_end.replayed, after.replayed, again.replayed] == [
            True,
            False,
            True,
        ]

    async def test_old_keys_are_cleared_away(self, event_log, database, clock):
        for n in range(3):
            await event_log.append(append((0, n), key=f"k{n}"))
        clock.advance(25 * 3600)
        await event_log.append(append((0, 9), key="new"))

        assert [row.key for row in await rows(database, "request_key")] == ["new"]

    async def test_a_request_of_duplicates_alone_is_kept_with_its_key(self, event_log):
        await event_log.append(append((0, event(1, id="x"))))
        first = await event_log.append(append((0, event(1, id="x")), key="k"))
        second = await event_log.append(append((0, event(1, id="x")), key="k"))

        for receipt in (first, second):
            assert (receipt.accepted, receipt.duplicates) == (0, 1)
        assert second.replayed


class TestIds:
    async def test_a_known_id_is_left_out_in_a_later_request(self, event_log):
        await event_log.append(append((0, event(1, id="x"), event(2, id="y"))))
        receipt = await event_log.append(
            append((3, event(3, id="y"), event(4, id="z"), event(5)))
        )

        assert (receipt.accepted, receipt.duplicates) == (2, 1)
        assert as_seen(receipt.runs) == [("events", 0, 2, [4, 5])]
        assert (await event_log.heads())[3] == 2

    async def test_an_id_twice_in_a_request_is_stored_once(self, event_log):
        receipt = await event_log.append(
            append((0, event(1, id="x"), event(2, id="x")), (1, event(3, id="x")))
        )

        assert (receipt.accepted, receipt.duplicates) == (1, 2)
        assert [as_seen([run])[0][3] for run in receipt.runs] == [[1]]

    async def test_repeats_that_were_left_out_before_count_as_duplicates(
        self, event_log
    ):
        for _ in range(2):
            receipt = await event_log.append(
                append((0, event(1, id="x"), event(2)), key="k", repeats=3)
            )
            assert (receipt.accepted, receipt.duplicates) == (2, 3)

    async def test_an_id_twice_in_a_group_is_stored_once(self, event_log, database):
        answers = await together(
            database,
            *(event_log.append(append((n, event(n, id="x")))) for n in range(4)),
        )

        assert [answer.accepted for answer in answers] == [1, 0, 0, 0]
        assert sum((await event_log.heads()).values()) == 1

    async def test_ids_of_different_streams_do_not_meet(self, event_log):
        for stream in ("events", "picture"):
            receipt = await event_log.append(
                append((0, event(1, id="x")), stream=stream)
            )
            assert receipt.accepted == 1

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("a\0b", "a"),
            ("a", "a\0b"),
            ("a\0b", "a\0c"),
            ("e\u0301", "\u00e9"),
            ("x", "X"),
            ("x", "x "),
            ("1", "01"),
            ("\U0001f600", "\ufffd"),
            ('"', '\\"'),
        ],
    )
    async def test_ids_are_compared_to_the_letter(self, event_log, one, other):
        first = await event_log.append(append((0, event(1, id=one))))
        second = await event_log.append(append((0, event(2, id=other))))
        again = await event_log.append(
            append((0, event(1, id=one), event(2, id=other)))
        )

        assert (first.accepted, second.accepted) == (1, 1)
        assert (again.accepted, again.duplicates) == (0, 2)

    async def test_thousands_of_ids_are_told_apart_at_once(self, event_log):
        many = [event(n, id=f"id {n}") for n in range(2500)]
        await event_log.append(append((0, *many[::2])))
        receipt = await event_log.append(append((1, *many)))

        assert (receipt.accepted, receipt.duplicates) == (1250, 1250)
        assert datas(receipt.runs[0].events) == list(range(1, 2500, 2))


class TestReading:
    @pytest.fixture
    async def filled(self, event_log):
        await event_log.append(append((0, 0, 1, 2)))
        await event_log.append(append((0, 3, 4), stream="picture"))
        await event_log.append(append((1, "elsewhere")))
        await event_log.append(append((0, 5)))
        return event_log

    @pytest.mark.parametrize("first", range(8))
    @pytest.mark.parametrize("events_max", [1, 2, 4, 100])
    async def test_from_any_offset_comes_all_that_follows(
        self, filled, first, events_max
    ):
        runs = await everything(filled, 0, first, events_max=events_max)

        assert [d for run in runs for d in datas(run.events)] == list(range(first, 6))
        assert all(run.count == len(run.events) for run in runs)

    async def test_at_least_one_run_and_about_as_many_as_asked_for(self, filled):
        async def counts(events_max):
            runs = await filled.read(
                ShardId(0), 0, only=None, decode=(), events_max=events_max
            )
            return [run.count for run in runs]

        assert await counts(1) == [3]
        assert await counts(4) == [3, 2]
        assert await counts(6) == [3, 2, 1]

    async def test_only_one_stream_leaves_holes(self, filled):
        runs = await everything(filled, 0, 1, only="events")

        assert as_seen(runs) == [("events", 1, 2, [1, 2]), ("events", 5, 1, [5])]
        assert await everything(filled, 0, only="nothing") == []

    async def test_what_is_not_to_be_decoded_comes_as_a_count(self, filled):
        runs = await everything(filled, 0, decode={"picture"})

        assert as_seen(runs) == [
            ("events", 0, 3, None),
            ("picture", 3, 2, [3, 4]),
            ("events", 5, 1, None),
        ]

    async def test_a_shard_that_never_was_is_empty(self, filled):
        assert await everything(filled, 77) == []

    async def test_a_damaged_block_is_named(self, filled, database):
        damage = text("UPDATE block SET payload = x'5b7b' WHERE first = 3")
        await database.write(lambda c: c.execute(damage))

        with pytest.raises(Corrupt, match="does not hold events"):
            await everything(filled, 0)


class TestPages:
    async def test_the_pages_give_every_event_once_in_the_order_of_arrival(
        self, event_log
    ):
        for n in range(7):
            await event_log.append(append((n % 5, [n, 0], [n, 1])))
            await event_log.append(append((n % 5, "other"), stream="picture"))

        for limit in (1, 2, 3, 14, 15):
            found, sizes = await pages(event_log, limit)
            assert datas(each.event for each in found) == [
                [n, i] for n in range(7) for i in (0, 1)
            ]
            assert set(sizes[:-1]) <= {limit}

    async def test_an_event_comes_with_its_place(self, event_log, clock):
        await event_log.append(append((2, "a", "b")))
        clock.advance(1)
        await event_log.append(append((2, "c")))

        found, _ = await pages(event_log)
        assert [(e.shard, e.offset, e.stream) for e in found] == [
            (2, 0, "events"),
            (2, 1, "events"),
            (2, 2, "events"),
        ]
        assert found[2].accepted_at == clock.now()
        assert found[0].accepted_at == clock.now() - timedelta(seconds=1)

    async def test_none_is_lost_or_repeated_while_appends_go_on(self, event_log):
        for n in range(10):
            await event_log.append(append((n % 5, n)))
        found, after, sent = [], None, 10
        while True:
            page = await event_log.page(
                stream="events", subject=None, after=after, limit=2
            )
            found += datas(each.event for each in page.events)
            if sent < 16:
                await event_log.append(append((sent % 5, sent), (4, sent + 0.5)))
                sent += 1
            after = page.after
            if after is None:
                break

        appended = list(range(10))
        for n in range(10, 16):
            appended += [n, n + 0.5]
        assert found == appended

    async def test_by_subject_only_its_events_come(self, event_log):
        subjects = ["a", "aa", 'q"', "\u00e9", "\\", "a\0"]
        for n in range(24):
            await event_log.append(
                append((0, event(n, subject=subjects[n % 6]), event("no subject")))
            )

        for n, subject in enumerate(subjects):
            found, _ = await pages(event_log, 2, subject=subject)
            assert datas(e.event for e in found) == list(range(n, 24, 6))
            assert {e.event.subject for e in found} == {subject}
        assert await pages(event_log, subject="nobody") == ([], [0])

    async def test_a_search_reads_a_bounded_piece_of_the_log_a_page(
        self, event_log, monkeypatch
    ):
        monkeypatch.setattr(log_module, "SCAN_BYTES", 100)
        for n in range(12):
            about = "rare" if n in (0, 11) else "often"
            await event_log.append(append((0, event(n, subject=about))))

        found, sizes = await pages(event_log, 5, subject="rare")
        assert datas(e.event for e in found) == [0, 11]
        assert 0 in sizes
        assert len(sizes) > 3

    @pytest.mark.parametrize(
        "cursor",
        [
            "",
            "garbage",
            "!!!",
            "é",
            "MQ",
            "MS4",
            "LjE",
            "MS4tMQ",
            "eC54",
            "MS4xLjE",
            "MSAuMQ",
        ],
    )
    async def test_a_cursor_that_is_not_ours_is_refused(self, event_log, cursor):
        with pytest.raises(Invalid, match="cursor 'after'"):
            await event_log.page(stream="events", subject=None, after=cursor, limit=1)

    async def test_a_cursor_beyond_the_end_gives_the_end(self, event_log):
        await event_log.append(append((0, 1)))
        for place in (
            "99.0",
            "1.99",
            "99999999999999999999.1",
            "1.9999999999999999999",
        ):
            page = await event_log.page(
                stream="events",
                subject=None,
                after=log_module.base64.urlsafe_b64encode(place.encode())
                .decode()
                .rstrip("="),
                limit=1,
            )
            assert (page.events, page.after) == ([], None)


class TestSubscribers:
    async def test_they_hear_in_order_and_before_the_sender(self, event_log, database):
        heard, answered_before = [], []
        tasks = []

        def listen(runs):
            heard.extend((run.shard, run.first, run.count) for run in runs)
            answered_before.append(any(task.done() for task in tasks[len(heard) :]))

        event_log.subscribe(listen)
        tasks += [
            asyncio.ensure_future(event_log.append(append((n % 2, n))))
            for n in range(20)
        ]
        await asyncio.gather(*tasks)

        assert not any(answered_before)
        for shard in (0, 1):
            assert [first for s, first, _ in heard if s == shard] == list(range(10))

    async def test_every_one_hears_the_events_themselves(self, event_log):
        heard, also = [], []
        event_log.subscribe(heard.extend)
        event_log.subscribe(also.extend)
        await event_log.append(append((0, 1, 2), (1, 3)))

        assert as_seen(heard) == [("events", 0, 2, [1, 2]), ("events", 0, 1, [3])]
        assert also == heard

    async def test_they_hear_nothing_of_what_is_not_stored(self, event_log):
        heard = []
        event_log.subscribe(heard.extend)
        await event_log.append(append((0, event(1, id="x")), key="k"))
        heard.clear()
        await event_log.append(append((0, event(1, id="x")), key="k"))
        await event_log.append(append((0, event(1, id="x"))))
        with pytest.raises(KeyError):
            await event_log.append(append((9, 1)))

        assert heard == []

    async def test_they_hear_of_what_a_vanished_sender_sent(self, event_log, database):
        heard = []
        event_log.subscribe(heard.extend)
        task = asyncio.ensure_future(event_log.append(append((0, 1))))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await event_log.append(append((0, 2)))

        assert [d for run in heard for d in datas(run.events)] == [1, 2]
        assert (await event_log.heads())[0] == 2


async def test_an_answer_comes_only_after_the_commit(event_log, database):
    order = []
    connection = database._transactions.connection
    sqlalchemy_event.listen(connection, "commit", lambda _: order.append("commit"))
    for n in range(3):
        await event_log.append(append((0, n)))
        order.append("answer")

    assert order == ["commit", "answer"] * 3
