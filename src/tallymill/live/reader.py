"""One reader, as the hub sees it: where it is written to, and what keeps it from it."""

import asyncio
from enum import Enum, auto

from tallymill.live.dialects import Dialect
from tallymill.live.model import WAITING_BYTES_MOST, Interest, Leave
from tallymill.live.ports import Line


class State(Enum):
    """Whether a reader gets what is published."""

    AWAY = auto()  #: it catches up from the log
    HELD = auto()  #: it still does; what is published is kept for it
    LIVE = auto()  #: it gets it at once


class Reader:
    """A reader; the slots are the hub's to change."""

    __slots__ = (
        "_waiter",
        "_why",
        "beat",
        "dialect",
        "held",
        "held_bytes",
        "interest",
        "is_in_group",
        "line",
        "offsets",
        "state",
        "waiting_bytes",
        "write",
    )

    def __init__(self, line: Line, interest: Interest, dialect: Dialect) -> None:
        self.line = line
        self.write = line.write
        self.waiting_bytes = line.waiting_bytes
        self.interest = interest
        self.dialect = dialect
        self.state = State.AWAY
        self.held: list[bytes] | None = None
        self.held_bytes = 0
        self.offsets: tuple[int, ...] = ()  #: where it stood when it dropped behind
        self.beat = 0
        self.is_in_group = False
        self._why: Leave | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def why(self) -> Leave | None:
        """Why it leaves; None as long as it does not."""
        return self._why

    def hold(self, piece: bytes) -> bool:
        """Keep a piece; False if that would be too much."""
        if self.held is None or self.held_bytes + len(piece) > WAITING_BYTES_MOST:
            return False
        self.held.append(piece)
        self.held_bytes += len(piece)
        return True

    def leave(self, why: Leave) -> None:
        """End its being live; dropping behind is the only reason that gives way."""
        if self._why is None or self._why is Leave.LAGGING:
            self._why = why
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def come_back(self) -> None:
        """Take back that it drops behind."""
        if self._why is Leave.LAGGING:
            self._why = None

    async def left(self) -> Leave:
        """Return why it is live no more, once it is so."""
        while self._why is None:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        self._waiter = None
        return self._why

    def show_life(self, position: bytes) -> None:
        """Write a heartbeat, unless something is on its way anyhow."""
        if self.waiting_bytes():
            return
        told = position if self.state is State.LIVE else b""
        self.write(self.dialect.heartbeat(told))
