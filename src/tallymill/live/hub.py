"""The hub: each event, as soon as it is durable, to those who want to see it.

Readers who ask for the same share a group: a frame is made once, a turn's frames are
joined once, and each reader gets one write. An event costs only the groups that want
it. Nothing is queued here: what a reader does not take waits in its connection, up to a
bound; beyond it, the reader goes on from the log (see `reading`).

Everything runs in the event loop.
"""

import asyncio
import itertools
from collections.abc import Iterable, Sequence

import structlog

from tallymill.events.model import Event
from tallymill.events.ports import EventLog, Run
from tallymill.kernel.clock import Clock
from tallymill.kernel.service import cancel_and_wait
from tallymill.live.dialects import Dialect
from tallymill.live.model import (
    HEARTBEAT_S,
    TURN_BYTES_MOST,
    WAITING_BYTES_MOST,
    Interest,
    Leave,
    encode_event,
)
from tallymill.live.ports import Epochs
from tallymill.live.position import Cursor
from tallymill.live.reader import Reader, State

log = structlog.get_logger("tallymill.live")

#: Heartbeats are spread over so many beats, so that they come at no one moment.
BEATS = 60


class Group:
    """Readers who ask for the same in the same dialect, and a turn's frames for them."""

    __slots__ = ("dialect", "frames", "interest", "readers", "size_bytes")

    def __init__(self, interest: Interest, dialect: Dialect) -> None:
        self.interest = interest
        self.dialect = dialect
        self.readers: set[Reader] = set()
        self.frames: list[bytes] = []
        self.size_bytes = 0

    def take(self) -> bytes | None:
        """Return the turn's frames, ready to be written; None if they are too many."""
        frames, self.frames = self.frames, []
        size_bytes, self.size_bytes = self.size_bytes, 0
        if size_bytes > TURN_BYTES_MOST:
            return None
        return b"".join(frames)


class Wanted:
    """Who wants to see a stream."""

    __slots__ = ("by_subject", "every")

    def __init__(self) -> None:
        self.every: set[Group] = set()
        self.by_subject: dict[str, set[Group]] = {}

    def add(self, group: Group) -> None:
        """Have a group see what it asks for."""
        if group.interest.subjects is None:
            self.every.add(group)
            return
        for subject in group.interest.subjects:
            self.by_subject.setdefault(subject, set()).add(group)

    def remove(self, group: Group) -> None:
        """Forget a group."""
        self.every.discard(group)
        for subject in group.interest.subjects or ():
            groups = self.by_subject[subject]
            groups.discard(group)
            if not groups:
                del self.by_subject[subject]

    def groups_of(self, subject: str | None) -> Iterable[Group]:
        """Return who wants an event about a subject; None is about nothing."""
        if not self.by_subject or subject is None:
            return self.every
        about = self.by_subject.get(subject)
        if about is None:
            return self.every
        return (*self.every, *about) if self.every else about


class Hub:
    """Passes on what the log stores; a service, started once the log is."""

    def __init__(self, event_log: EventLog, epochs: Epochs, clock: Clock) -> None:
        self._log = event_log
        self._epochs = epochs
        self._clock = clock
        self._now = Cursor("0000", ())
        self._flushed: tuple[int, ...] = ()
        self._wanted: dict[str, Wanted] = {}
        self._groups: dict[tuple[Dialect, Interest], Group] = {}
        self._touched: list[Group] = []
        self._is_flush_due = False
        self._beats: list[set[Reader]] = [set() for _ in range(BEATS)]
        self._turn = 0
        self._beating: asyncio.Task[None] | None = None
        self.readers = 0  #: connected, catching up included
        self.dismissed: int | None = None  #: how many were told farewell at once
        self.subjects = 0  #: in all subscriptions; equal ones count once

    async def start(self) -> None:
        """Learn where the log stands, and listen; nothing may be appended meanwhile."""
        heads = await self._log.heads()
        self._now = Cursor(
            await self._epochs.epoch(), [heads[shard] for shard in sorted(heads)]
        )
        self._flushed = tuple(self._now.offsets)
        self._log.subscribe(self.publish)
        self._beating = asyncio.create_task(self._beat_on(), name="live heartbeats")

    async def stop(self) -> None:
        """End what readers are left; idempotent."""
        self.dismiss()
        beating, self._beating = self._beating, None
        await cancel_and_wait(beating)

    @property
    def epoch(self) -> str:
        """The database's epoch."""
        return self._now.epoch

    @property
    def offsets(self) -> tuple[int, ...]:
        """By shard, the offset of the next event that will be passed on."""
        return tuple(self._now.offsets)

    def publish(self, runs: Sequence[Run]) -> None:
        """Have events written at the next turn of the loop."""
        for run in runs:
            wanted = self._wanted.get(run.stream)
            if wanted is not None and run.events is not None:
                self._spread(run, run.events, wanted)
            self._now.move(run.shard, run.next)
        if not self._is_flush_due:
            self._is_flush_due = True
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Write what was published: to each reader once."""
        self._is_flush_due = False
        touched, self._touched = self._touched, []
        lagging: list[Reader] = []
        for group in touched:
            piece = group.take()
            if piece is None:
                lagging += group.readers
                continue
            for reader in group.readers:
                if reader.held is not None:
                    if not reader.hold(piece):
                        lagging.append(reader)
                elif reader.waiting_bytes() > WAITING_BYTES_MOST:
                    lagging.append(reader)
                else:
                    reader.write(piece)
        for reader in lagging:
            self._drop_behind(reader)
        self._flushed = tuple(self._now.offsets)

    def hold(self, reader: Reader) -> tuple[int, ...]:
        """Keep what comes from now on for a reader that still catches up.

        Returns:
            The offsets up to which it has to catch up.
        """
        self.flush()
        reader.held = []
        reader.held_bytes = 0
        reader.state = State.HELD
        self._join_group(reader)
        return self._flushed

    def release(self, reader: Reader) -> bool:
        """Write what was kept for a reader and have it live from now on.

        Returns:
            False if too much came meanwhile: nothing was kept, and it must go on
            catching up from where `hold` said.
        """
        if reader.state is not State.HELD or reader.held is None:
            return False
        held, reader.held = reader.held, None
        reader.state = State.LIVE
        for piece in held:
            reader.write(piece)
        return True

    def enter(self, reader: Reader) -> None:
        """Count a reader, and give it heartbeats from now on."""
        self.readers += 1
        # In turn, so that readers who come at one moment don't beat at one moment.
        self._turn = (self._turn + 1) % BEATS
        reader.beat = self._turn
        self._beats[reader.beat].add(reader)
        if self.dismissed is not None:
            reader.leave(Leave.FAREWELL)

    def leave(self, reader: Reader) -> None:
        """Forget a reader."""
        self.readers -= 1
        self._beats[reader.beat].discard(reader)
        self._leave_group(reader)

    def dismiss(self) -> None:
        """Have every reader end with a farewell, and whoever comes from now on."""
        self.flush()
        if self.dismissed is None:
            self.dismissed = self.readers
        for beat in self._beats:
            for reader in beat:
                reader.leave(Leave.FAREWELL)

    def _spread(self, run: Run, events: Sequence[Event], wanted: Wanted) -> None:
        for offset, event in enumerate(events, start=run.first):
            groups = wanted.groups_of(event.subject)
            if groups:
                self._now.move(run.shard, offset + 1)
                self._add(groups, run, offset, event)

    def _add(
        self, groups: Iterable[Group], run: Run, offset: int, event: Event
    ) -> None:
        payload = b""
        frames: dict[Dialect, bytes] = {}
        for group in groups:
            if group.size_bytes > TURN_BYTES_MOST:
                continue
            frame = frames.get(group.dialect)
            if frame is None:
                payload = payload or encode_event(run, offset, event)
                frame = group.dialect.event(self._now.text(), payload)
                frames[group.dialect] = frame
            if not group.frames:
                self._touched.append(group)
            group.frames.append(frame)
            group.size_bytes += len(frame)

    def _drop_behind(self, reader: Reader) -> None:
        """Have a reader go on from the log, from what it was given last."""
        if reader.state is State.LIVE:
            reader.offsets = self._flushed
        reader.held = None
        reader.state = State.AWAY
        self._leave_group(reader)
        reader.leave(Leave.LAGGING)

    def _join_group(self, reader: Reader) -> None:
        key = reader.dialect, reader.interest
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(reader.interest, reader.dialect)
            self.subjects += len(reader.interest.subjects or ())
            for stream in reader.interest.streams:
                self._wanted.setdefault(stream, Wanted()).add(group)
        group.readers.add(reader)
        reader.is_in_group = True

    def _leave_group(self, reader: Reader) -> None:
        if not reader.is_in_group:
            return
        reader.is_in_group = False
        key = reader.dialect, reader.interest
        group = self._groups[key]
        group.readers.discard(reader)
        if group.readers:
            return
        del self._groups[key]
        self.subjects -= len(reader.interest.subjects or ())
        for stream in reader.interest.streams:
            wanted = self._wanted[stream]
            wanted.remove(group)
            if not wanted.every and not wanted.by_subject:
                del self._wanted[stream]

    async def _beat_on(self) -> None:
        for beat in itertools.cycle(self._beats):
            await self._clock.sleep(HEARTBEAT_S / BEATS)
            self.flush()
            text = self._now.text()
            for reader in beat:
                reader.show_life(text)
