"""Replay joins the live stream: no gap, no repeat, in order, whatever comes between."""

import asyncio
import json
import re

from hypothesis import given, settings
from hypothesis import strategies as st
from live_rooms import EPOCH, LiveRoom, turns

from tallymill.live import replay

SHARDS = 3
EVENTS = st.tuples(
    st.integers(0, SHARDS - 1),
    st.sampled_from(["events", "accounts"]),
    st.sampled_from(["1", "2", None]),
)
#: Append some, let the loop turn, have a reader join or leave.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.lists(EVENTS, max_size=6)),
        st.tuples(st.just("turn"), st.integers(1, 20)),
        st.tuples(st.just("cut"), st.integers(0, 2)),
        st.tuples(st.just("stick"), st.integers(0, 2)),
    ),
    max_size=30,
)
INTERESTS = [
    (("events",), None),
    (("accounts",), ("1",)),
    (("events", "accounts"), ("1", "2")),
]


class Client:
    """A reader that comes back with its last id whenever it is cut."""

    def __init__(self, room, streams, subjects):
        self.room, self.streams, self.subjects = room, streams, subjects
        self.seen = []
        self.last_id = f"{EPOCH}-0.0.0"
        self.reader = None

    async def connect(self):
        self.reader, self.task = await self.room.join(
            *self.streams, subjects=self.subjects, after=self.last_id, settle=0
        )

    async def cut(self):
        """Lose the connection, the second half of what was written with it."""
        line = self.reader.line
        line.free()
        line.pieces = line.pieces[: 1 + len(line.pieces) // 2]
        self.take()
        self.reader.leave(replay.Leave.GONE)
        await self.task
        await self.connect()

    def take(self):
        for event in self.reader.line.events():
            self.last_id = event.id or self.last_id
            told = json.loads(event.data)
            self.seen.append((told["shard_id"], told["offset"]))
            positions = [int(p) for p in re.split(r"[-.]", event.id)[1:]]
            assert positions[told["shard_id"]] == told["offset"] + 1


@settings(max_examples=150, deadline=None)
@given(
    before=st.lists(EVENTS, max_size=10),
    steps=STEPS,
    small=st.booleans(),
    turns_a_read=st.integers(0, 5),
)
def test_every_reader_gets_each_of_its_events_once_and_in_order(
    before, steps, small, turns_a_read
):
    """
    The promise of the live stream, through cuts, bursts and catching up.
    """
    piece_bytes = 200 if small else 128 * 1024
    asyncio.run(play(before, steps, turns_a_read, piece_bytes))


async def play(before, steps, turns_a_read, piece_bytes):
    replay.PIECE_BYTES, kept = piece_bytes, replay.PIECE_BYTES
    try:
        async with LiveRoom(SHARDS) as room:
            room.log.turns_a_read = turns_a_read
            room.log.append(*((*event, 0) for event in before))
            clients = [Client(room, *interest) for interest in INTERESTS]
            for client in clients:
                await client.connect()
            for step, value in steps:
                await take_step(room, clients, step, value)
            for client in clients:
                client.reader.line.free()
            await turns(1000)
            for client in clients:
                client.take()
                assert_complete(room, client)
    finally:
        replay.PIECE_BYTES = kept


async def take_step(room, clients, step, value):
    if step == "append":
        room.log.append(*((*event, "x" * 20_000) for event in value))
    elif step == "turn":
        await turns(value)
    elif step == "cut":
        await clients[value].cut()
    else:
        clients[value].reader.line.is_stuck = True
        clients[value].reader.line.freed.clear()


def assert_complete(room, client):
    for shard in range(SHARDS):
        expected = [
            (shard, run.first)
            for run in room.log.runs[shard]
            if run.stream in client.streams
            and (client.subjects is None or run.events[0].subject in client.subjects)
        ]
        assert [each for each in client.seen if each[0] == shard] == expected
