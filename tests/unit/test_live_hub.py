"""The hub: who gets what, how often it is made, and what becomes of who lags."""

import asyncio

import pytest
from live_rooms import EPOCH, SSE, LiveRoom, turns

from tallymill.kernel.errors import Overloaded
from tallymill.live import model, reading, replay
from tallymill.live.dialects import JsonMessages, ServerSentEvents, json_line
from tallymill.live.model import HEARTBEAT_S, WAITING_BYTES_MOST, Leave
from tallymill.live.reader import State


class Counting(ServerSentEvents):
    """Server-sent events that count how many are made."""

    def __init__(self):
        self.made = 0

    def event(self, position, payload):
        self.made += 1
        return super().event(position, payload)


class TestWhoGetsWhat:
    async def test_a_reader_gets_what_it_asks_for_and_no_more(self):
        """
        Streams and subjects both narrow.
        """
        async with LiveRoom() as room:
            mine, _ = await room.join("accounts", subjects=["1", "2"])
            every, _ = await room.join("accounts", "events")

            room.log.append(
                (0, "accounts", "1", "a"),
                (1, "accounts", "3", "b"),
                (2, "events", "1", "c"),
                (0, "accounts", None, "d"),
                (1, "accounts", "2", "e"),
                (1, "picture", "1", "f"),
            )
            await turns()

            assert mine.line.datas() == ["a", "e"]
            assert every.line.datas() == ["a", "b", "c", "d", "e"]

    async def test_an_event_is_made_once_and_written_once_a_turn(self):
        """
        What a thousand readers share is not made a thousand times.
        """
        dialect = Counting()
        async with LiveRoom() as room:
            readers = [(await room.join(dialect=dialect))[0] for _ in range(10)]
            others, _ = await room.join(subjects=["x"], dialect=dialect)
            before = [len(reader.line.pieces) for reader in readers]

            for number in range(20):
                room.log.append((0, "events", "x", number))
            await turns()

            assert dialect.made == 20
            written = [len(reader.line.pieces) for reader in readers]
            assert written == [count + 1 for count in before]
            assert others.line.datas() == list(range(20))

    async def test_an_event_that_nobody_wants_is_not_made(self):
        """
        Ten thousand events of another stream must cost the readers nothing.
        """
        dialect = Counting()
        async with LiveRoom() as room:
            await room.join("accounts", subjects=["1"], dialect=dialect)

            room.log.append((0, "accounts", "2", 0), (0, "events", "1", 0))
            await turns()

            assert dialect.made == 0

    async def test_each_id_holds_every_shards_position(self):
        """
        A reader goes on from its last id alone.
        """
        async with LiveRoom() as room:
            reader, _ = await room.join(subjects=["x"])

            room.log.append((0, "events", "x", 0), (1, "events", "y", 1))
            room.log.append((1, "events", "x", 2))
            await turns()

            ids = [event.id for event in reader.line.events()]
            assert ids == [f"{EPOCH}-1.0.0", f"{EPOCH}-1.2.0"]

    async def test_who_has_left_gets_nothing_more_and_is_forgotten(self):
        """
        A connection that is closed must leave nothing behind.
        """
        async with LiveRoom() as room:
            reader, task = await room.join(subjects=["x", "y"])
            reader.leave(Leave.GONE)
            assert await task is Leave.GONE

            room.log.append((0, "events", "x", 0))
            await turns()

            assert reader.line.datas() == []
            assert room.hub.readers == 0
            assert not room.hub._wanted
            assert not room.hub._groups


class TestSlowReaders:
    async def test_who_lags_goes_on_from_the_log_without_a_gap(self):
        """
        A burst that a connection cannot take is no reason to lose a reader.
        """
        async with LiveRoom() as room:
            reader, task = await room.join()
            reader.line.is_stuck = True
            text = "x" * (WAITING_BYTES_MOST // 4)
            for number in range(20):
                room.log.append((number % 3, "events", "s", [number, text]))
                await turns(2)

            assert reader.state is not State.LIVE
            reader.line.free()
            await turns(200)

            assert sorted(n for n, _ in reader.line.datas()) == list(range(20))
            assert reader.state is State.LIVE
            assert not task.done()

    async def test_what_waits_for_a_stuck_reader_is_bounded(self):
        """
        A reader that is stopped must not fill the server's memory.
        """
        async with LiveRoom() as room:
            reader, _ = await room.join()
            other, _ = await room.join()
            reader.line.is_stuck = True
            text = "x" * 10_000

            for number in range(500):
                room.log.append((0, "events", "s", [number, text]))
                await turns(2)

            assert reader.line.stuck_bytes < WAITING_BYTES_MOST + 50_000
            assert [n for n, _ in other.line.datas()] == list(range(500))
            reader.line.free()

    async def test_a_reader_that_takes_nothing_is_cut_off_with_a_reason(
        self, monkeypatch
    ):
        """
        It can come back with the id of its last event.
        """
        monkeypatch.setattr(replay, "STUCK_S", 0.01)
        async with LiveRoom() as room:
            reader, task = await room.join()
            reader.line.is_stuck = True

            room.log.append((0, "events", "s", "x" * (WAITING_BYTES_MOST + 1)))
            await turns()
            room.log.append((0, "events", "s", "more"))

            assert await asyncio.wait_for(task, 5) is Leave.SLOW
            assert reader.line.events()[-1].type == "slow"

    async def test_a_turn_that_is_too_large_is_read_from_the_log(self, monkeypatch):
        """
        What all readers share in one turn is bounded, too.
        """
        monkeypatch.setattr("tallymill.live.hub.TURN_BYTES_MOST", 1000)
        async with LiveRoom() as room:
            reader, _ = await room.join()

            room.log.append(*((0, "events", "s", [n, "x" * 100]) for n in range(50)))
            await turns(100)

            assert [n for n, _ in reader.line.datas()] == list(range(50))

    async def test_more_readers_than_there_may_be_are_told_to_come_later(
        self, monkeypatch
    ):
        """
        Files that may be open are counted.
        """
        monkeypatch.setattr(reading, "READERS_MOST", 1)
        async with LiveRoom() as room:
            await room.join()

            with pytest.raises(Overloaded):
                await room.join()

    async def test_more_subjects_than_there_may_be_in_all_are_refused(
        self, monkeypatch
    ):
        """
        Each costs memory, whoever asks for it; equal subscriptions share it.
        """
        monkeypatch.setattr(reading, "SUBJECTS_IN_ALL_MOST", 3)
        async with LiveRoom() as room:
            for _ in range(3):
                await room.join(subjects=["a", "b"])
            await room.join(subjects=["b", "c"])

            with pytest.raises(Overloaded):
                await room.join(subjects=["d"])
            assert room.hub.subjects == 4


class TestLifeAndDeath:
    async def test_a_heartbeat_comes_every_15_seconds_with_the_position(self):
        """
        Proxies close what is silent; and a reader whose events are rare moves on.
        """
        async with LiveRoom() as room:
            reader, _ = await room.join(subjects=["rare"])
            room.log.append((0, "events", "often", 0))
            pieces = len(reader.line.pieces)

            for _ in range(60):
                room.clock.advance(HEARTBEAT_S / 60)
                await turns(5)

            beats = reader.line.pieces[pieces:]
            assert beats == [b": heartbeat\nid: %b-1.0.0\n\n" % EPOCH.encode()]

    async def test_a_thousand_heartbeats_do_not_come_at_one_moment(self):
        """
        A beat is a turn's work; spread, nobody's event waits for it.
        """
        async with LiveRoom() as room:
            for _ in range(120):
                await room.join()

            sizes = [len(beat) for beat in room.hub._beats]

            assert set(sizes) == {2}

    async def test_at_the_end_each_reader_gets_a_farewell_of_its_own(self):
        """
        They come back one by one, not all at once.
        """
        async with LiveRoom() as room:
            joined = [await room.join() for _ in range(50)]
            room.log.append((0, "events", "s", "last"))

            room.hub.dismiss()
            whys = {await task for _, task in joined}

            assert whys == {Leave.FAREWELL}
            lasts = [reader.line.events()[-2:] for reader, _ in joined]
            assert {(a.type, b.type) for a, b in lasts} == {("message", "farewell")}
            assert len({b.data for _, b in lasts}) > 25

    async def test_who_comes_in_while_the_server_goes_gets_a_farewell_too(self):
        """
        Its request was let in just before; the server must not wait for it.
        """
        async with LiveRoom() as room:
            room.hub.dismiss()

            reader, task = await room.join()

            assert await asyncio.wait_for(task, 5) is Leave.FAREWELL
            assert reader.line.events()[-1].type == "farewell"

    async def test_readers_of_each_dialect_share_a_subject(self):
        """
        One event, each in its own form.
        """
        async with LiveRoom() as room:
            sse, _ = await room.join(subjects=["s"], dialect=SSE)
            lines, _ = await room.join(subjects=["s"], dialect=JsonMessages(json_line))

            room.log.append((0, "events", "s", 1))
            await turns()

            assert sse.line.datas() == [1]
            assert b'{"type":"event","position":' in lines.line.pieces[-1]

    async def test_a_stuck_reader_is_not_given_heartbeats(self):
        """
        They, too, would add up.
        """
        async with LiveRoom() as room:
            reader, _ = await room.join()
            line = reader.line
            line.is_stuck, line.stuck_bytes = True, 1

            reader.show_life(b"x-1")

            assert len(line.pieces) == 1
            line.free()


def test_the_bounds_are_those_of_the_documentation():
    """
    They are promised.
    """
    assert (model.SUBJECTS_MOST, WAITING_BYTES_MOST, HEARTBEAT_S) == (
        10_000,
        262_144,
        15.0,
    )
