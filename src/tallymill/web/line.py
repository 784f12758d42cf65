"""The line to a reader of live events: uvicorn's connection, written to directly.

An event stream has no use for the server's `send`, which checks and copies each piece:
after the head of the answer, the hub hands whole pieces to the transport. Flow control
is the protocol's own. Who calls: `protocol` offers the line, `events_live` takes it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from tallymill.web.asgi import Scope

#: Where in a scope's state the protocol puts the function that opens the line.
LINE: Final = "tallymill.line"


class ConnectionLine:
    """`Line` on a transport."""

    def __init__(
        self,
        transport: asyncio.Transport,
        drained: Callable[[], Awaitable[object]],
        *,
        method: str = "GET",
    ) -> None:
        """Make a line.

        Args:
            transport: The connection.
            drained: Waits until its protocol may write.
            method: Of the request; the answer to HEAD has no body.
        """
        self.write: Callable[[bytes], None] = transport.write
        self.waiting_bytes: Callable[[], int] = transport.get_write_buffer_size
        self.method = method
        self._on_lost: Callable[[], None] | None = None
        self._is_lost = False
        self._cut = transport.abort
        self._drained = drained

    async def drained(self) -> None:
        """See `Line.drained`."""
        await self._drained()

    def cut(self) -> None:
        """See `Line.cut`."""
        self._cut()

    def on_lost(self, listener: Callable[[], None]) -> None:
        """Have a function called once the connection is lost; at once if it is."""
        self._on_lost = listener
        if self._is_lost:
            listener()

    def lose(self) -> None:
        """Tell whoever writes that the connection is lost; the protocol's to call."""
        self._is_lost = True
        if self._on_lost is not None:
            self._on_lost()
            self._on_lost = None


def line_of(scope: Scope) -> ConnectionLine:
    """Return the line of a request's connection."""
    line: ConnectionLine = scope["state"][LINE]()
    return line


def chunk(piece: bytes) -> bytes:
    """Return a piece of a body in the chunked coding (RFC 9112, section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)
