"""The life of one reader: begin where it stood, be live, fall behind, end with a word.

Who calls: the routes of `web`, once for each connection.
"""

import random
from collections.abc import Mapping

import structlog

from tallymill.events.model import ShardId
from tallymill.events.ports import EventLog
from tallymill.kernel.errors import Overloaded
from tallymill.live.hub import Hub
from tallymill.live.model import READERS_MOST, SUBJECTS_IN_ALL_MOST, Leave
from tallymill.live.position import Cursor, parse_position
from tallymill.live.reader import Reader
from tallymill.live.replay import catch_up, is_taken
from tallymill.live.resume import Start, resume
from tallymill.live.spread import retry_ms, window_ms

log = structlog.get_logger("tallymill.live")

#: In place of a position: everything that the log still has.
FROM_START = "start"
SLOW = "You did not take what was sent; come back with the id of your last event."
FAREWELL = "The server is shutting down; come back with the id of your last event."


class Readings:
    """Serves readers."""

    def __init__(self, event_log: EventLog, hub: Hub) -> None:
        self._log = event_log
        self._hub = hub

    async def start_of(self, after: str, *, named: str) -> Start:
        """Return where a reader begins.

        Args:
            after: The id of its last event; "start" for everything that is kept; empty
                for what comes from now on.
            named: Where that came from, for the refusal.

        Raises:
            Malformed: It is no id.
            Overloaded: Too many read already, or too many subjects.
        """
        self._check_room()
        if not after:
            return Start(self._hub.offsets, None)
        if after == FROM_START:
            floors = await self._floors(self._hub.offsets)
            return Start(tuple(floors[shard] for shard in sorted(floors)), None)
        position = parse_position(after, named=named)
        heads = self._hub.offsets
        if position.epoch == self._hub.epoch and position.offsets != heads:
            floors = await self._floors(heads)
        else:
            floors = dict.fromkeys(map(ShardId, range(len(heads))), 0)
        return resume(
            position,
            epoch=self._hub.epoch,
            floors=[floors[shard] for shard in sorted(floors)],
            heads=heads,
        )

    def _check_room(self) -> None:
        if self._hub.readers >= READERS_MOST:
            raise Overloaded(
                f"{READERS_MOST} clients follow the events, which is the most.",
                retry_after_s=5.0,
            )
        if self._hub.subjects >= SUBJECTS_IN_ALL_MOST:
            raise Overloaded(
                f"{SUBJECTS_IN_ALL_MOST} subjects are followed, which is the most.",
                retry_after_s=5.0,
            )

    async def follow(self, reader: Reader, start: Start) -> Leave:
        """Serve a reader until it leaves; return why.

        The last word, where there is one to say, is written; ending the connection is
        the caller's.
        """
        self._hub.enter(reader)
        try:
            self._welcome(reader, start)
            why = await self._serve(reader, start.offsets)
            self._take_leave(reader, why)
        finally:
            self._hub.leave(reader)
        return why

    async def _serve(self, reader: Reader, offsets: tuple[int, ...]) -> Leave:
        while True:
            why = await catch_up(self._log, self._hub, reader, offsets)
            why = why or await reader.left()
            if why is not Leave.LAGGING:
                return why
            offsets = reader.offsets
            if not await is_taken(reader):
                return Leave.SLOW

    def _welcome(self, reader: Reader, start: Start) -> None:
        dialect = reader.dialect
        position = Cursor(self._hub.epoch, start.offsets).text()
        wait_ms = retry_ms(self._hub.readers, random.random())  # noqa: S311 - spreads retries, guards no secret
        hello = dialect.welcome(position, wait_ms)
        if start.gap is not None:
            hello = dialect.gap(start.gap) + hello
        reader.write(hello)

    def _take_leave(self, reader: Reader, why: Leave) -> None:
        dialect = reader.dialect
        if why is Leave.SLOW:
            log.info("live.reader_slow", waiting_bytes=reader.waiting_bytes())
            reader.write(dialect.slow(SLOW))
        if why is Leave.FAREWELL:
            readers = self._hub.dismissed or 1
            wait_ms = retry_ms(readers, random.random())  # noqa: S311 - as above
            last = dialect.farewell(FAREWELL, wait_ms, window_ms(readers))
            reader.write(last)

    async def _floors(self, heads: tuple[int, ...]) -> Mapping[ShardId, int]:
        """Return for each shard the offset of the oldest event that is kept."""
        floors = {}
        for shard in map(ShardId, range(len(heads))):
            oldest = await self._log.read(shard, 0, only=None, decode=(), events_max=1)
            floors[shard] = oldest[0].first if oldest else heads[shard]
        return floors
