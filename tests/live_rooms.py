"""The room `live` over a log in memory, and a line that keeps what is written to it."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime

import msgspec

from tallymill.events.model import Event, ShardId
from tallymill.events.ports import Run
from tallymill.kernel.clock import ManualClock
from tallymill.live.dialects import ServerSentEvents
from tallymill.live.frames import SseReader
from tallymill.live.hub import Hub
from tallymill.live.model import Interest
from tallymill.live.reader import Reader
from tallymill.live.reading import Readings

EPOCH = "5f3a9c01b2d4"
AT = datetime(2026, 11, 21, tzinfo=UTC)
SSE = ServerSentEvents()


class MemoryLog:
    """The parts of an event log that `live` stands on; one event a run."""

    def __init__(self, shards):
        self.runs = [[] for _ in range(shards)]
        self.floors = [0] * shards
        self.listeners = []
        self.turns_a_read = 1

    async def heads(self):
        return {ShardId(s): len(runs) for s, runs in enumerate(self.runs)}

    async def read(self, shard, first, *, only, decode, events_max):
        # What happens meanwhile may be read or not, as with a database.
        await turns(self.turns_a_read)
        found = self.runs[shard][max(first, self.floors[shard]) :]
        runs = merged([r for r in found if only in {None, r.stream}][:events_max])
        await turns(self.turns_a_read)
        return runs

    def subscribe(self, listener):
        self.listeners.append(listener)

    def append(self, *events):
        """Store (shard, stream, subject, data) at once, and tell who listens."""
        runs = []
        for shard, stream, subject, data in events:
            event = Event(AT, msgspec.Raw(msgspec.json.encode(data)), None, subject)
            run = Run(
                shard=ShardId(shard),
                stream=stream,
                first=len(self.runs[shard]),
                count=1,
                events=[event],
            )
            self.runs[shard].append(run)
            runs.append(run)
        for listener in self.listeners:
            listener(runs)


def merged(runs):
    """Return runs with those made one that stand one after another in a stream."""
    found = []
    for run in runs:
        last = found[-1] if found else None
        if last and (last.stream, last.next) == (run.stream, run.first):
            events = [*last.events, *run.events]
            found[-1] = replace(last, count=len(events), events=events)
        else:
            found.append(run)
    return found


class MemoryLine:
    """A connection in memory; takes everything at once unless it is told not to."""

    def __init__(self):
        self.pieces = []
        self.stuck_bytes = 0
        self.is_stuck = False
        self.is_cut = False
        self.freed = asyncio.Event()

    def write(self, piece):
        self.pieces.append(piece)
        if self.is_stuck:
            self.stuck_bytes += len(piece)

    def waiting_bytes(self):
        return self.stuck_bytes

    async def drained(self):
        if self.is_stuck:
            await self.freed.wait()

    def free(self):
        self.is_stuck = False
        self.stuck_bytes = 0
        self.freed.set()

    def cut(self):
        self.is_cut = True

    def events(self):
        """Everything that was written, as a reader dispatches it."""
        return list(SseReader().feed(b"".join(self.pieces)))

    def datas(self):
        """The data of the events proper."""
        told = [json.loads(e.data) for e in self.events() if e.type == "message"]
        return [each["data"] for each in told]


class Epochs:
    async def epoch(self):
        return EPOCH


class LiveRoom:
    """A hub that is started, and readers that follow it."""

    def __init__(self, shards=3):
        self.log = MemoryLog(shards)
        self.clock = ManualClock()
        self.hub = Hub(self.log, Epochs(), self.clock)
        self.readings = Readings(self.log, self.hub)
        self.tasks = []

    async def __aenter__(self):
        await self.hub.start()
        return self

    async def __aexit__(self, *_):
        await self.hub.stop()
        await asyncio.gather(*self.tasks)

    async def join(self, *streams, subjects=None, after="", dialect=SSE, settle=30):
        """Return a reader and its task, which ends with why it left."""
        wanted = None if subjects is None else frozenset(subjects)
        interest = Interest(frozenset(streams or {"events"}), wanted)
        reader = Reader(MemoryLine(), interest, dialect)
        start = await self.readings.start_of(after, named="after")
        task = asyncio.create_task(self.readings.follow(reader, start))
        self.tasks.append(task)
        await turns(settle)
        return reader, task


async def turns(count=30):
    """Let everything run that can."""
    for _ in range(count):
        await asyncio.sleep(0)
