"""Catching up: what a reader has missed, from the log, until it can be live.

The hub keeps what is published while the last piece is read, so that the two join
without a gap and without a repeat. A reader gets its next piece when it has taken the
last one; at most one piece waits for it.
"""

import asyncio
from collections.abc import Sequence

from tallymill.events.model import ShardId
from tallymill.events.ports import EventLog, Run
from tallymill.live.hub import Hub
from tallymill.live.model import STUCK_S, Leave, encode_event
from tallymill.live.position import Cursor
from tallymill.live.reader import Reader

#: Events read at once, about: a millisecond's work in the loop.
EVENTS_A_READ = 1000
#: A piece is handed to the connection at this size.
PIECE_BYTES = 128 * 1024


async def catch_up(
    event_log: EventLog, hub: Hub, reader: Reader, offsets: Sequence[int]
) -> Leave | None:
    """Write what stands from some offsets on, until the reader is live.

    Returns:
        None once it is live; why it leaves if it never got so far.
    """
    cursor = Cursor(hub.epoch, offsets)
    while True:
        target = hub.hold(reader)
        while behind := [s for s, end in enumerate(target) if cursor.offsets[s] < end]:
            # In turns, so that what happened together comes roughly together.
            for shard in behind:
                await _pass_on(event_log, reader, cursor, shard, target[shard])
                if not await is_taken(reader):
                    return Leave.SLOW
                if reader.why not in {None, Leave.LAGGING}:
                    return reader.why
        reader.come_back()
        if hub.release(reader):
            return None


async def is_taken(reader: Reader) -> bool:
    """Wait until the reader has taken what waits; False if it takes nothing."""
    try:
        async with asyncio.timeout(STUCK_S):
            await reader.line.drained()
    except TimeoutError:
        return False
    return True


async def _pass_on(
    event_log: EventLog, reader: Reader, cursor: Cursor, shard: int, end: int
) -> None:
    """Write one piece of a shard's events before an offset, and move past them."""
    streams = reader.interest.streams
    runs = await event_log.read(
        ShardId(shard),
        cursor.offsets[shard],
        only=next(iter(streams)) if len(streams) == 1 else None,
        decode=streams,
        events_max=EVENTS_A_READ,
    )
    frames, is_full = _frames(runs, reader, cursor, end)
    if not is_full and sum(run.count for run in runs) < EVENTS_A_READ:
        cursor.move(shard, end)
    if frames:
        reader.write(b"".join(frames))


def _frames(
    runs: Sequence[Run], reader: Reader, cursor: Cursor, end: int
) -> tuple[list[bytes], bool]:
    """Return frames up to an offset or a piece's size, and whether that was reached."""
    subjects = reader.interest.subjects
    frames: list[bytes] = []
    left_bytes = PIECE_BYTES
    for run in runs:
        for offset, event in enumerate(run.events or (), start=run.first):
            if offset >= end:
                break
            if subjects is not None and event.subject not in subjects:
                continue
            cursor.move(run.shard, offset + 1)
            payload = encode_event(run, offset, event)
            frames.append(reader.dialect.event(cursor.text(), payload))
            left_bytes -= len(frames[-1])
            if left_bytes <= 0:
                return frames, True
        cursor.move(run.shard, min(run.next, end))
    return frames, False
