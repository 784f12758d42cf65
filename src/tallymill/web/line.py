"""Lines to readers of live events: connections that are written to directly.

An event stream has no use for most of what an HTTP connection holds: 10 KB of parser,
request and queues. So a stream takes the connection over, as a WebSocket does, and
nothing stays but the transport and a `StreamLine`. Flow control is the transport's own.
Who calls: `protocol` makes lines, `events_live` takes them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, Protocol

import structlog
from uvicorn.server import ServerState

from tallymill.web.asgi import Disconnected, Headers, Scope

log = structlog.get_logger("tallymill.web")

#: Where in a scope's state the protocol puts itself.
CONNECTION: Final = "tallymill.connection"


class StreamLine(asyncio.Protocol):
    """`Line` on a connection that is a stream's alone; what the client says is dropped."""

    __slots__ = (
        "_is_lost",
        "_on_lost",
        "_state",
        "_waiter",
        "transport",
        "waiting_bytes",
        "write",
    )

    def __init__(self, transport: asyncio.Transport, state: ServerState) -> None:
        self.transport = transport
        self.write: Callable[[bytes], None] = transport.write
        self.waiting_bytes: Callable[[], int] = transport.get_write_buffer_size
        self._state = state
        self._on_lost: Callable[[], None] | None = None
        self._is_lost = False
        self._waiter: asyncio.Future[None] | None = None
        state.connections.add(self)  # type: ignore[arg-type] # asks for shutdown() and transport
        transport.set_protocol(self)

    def begin(self, headers: Headers) -> None:
        """Send the head of the answer; its body ends with the connection."""
        lines = [b"HTTP/1.1 200 OK"]
        given = (*self._state.default_headers, *headers, (b"connection", b"close"))
        lines += [b"%b: %b" % pair for pair in given]
        self.write(b"\r\n".join(lines) + b"\r\n\r\n")

    def run(self, stream: Coroutine[Any, Any, None]) -> None:
        """Have a stream written by a task of its own; then close."""
        task = asyncio.create_task(self._run(stream), name="event stream")
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)

    def on_lost(self, listener: Callable[[], None]) -> None:
        """Have a function called once the connection is lost; at once if it is."""
        self._on_lost = listener
        if self._is_lost:
            listener()

    async def drained(self) -> None:
        """See `Line.drained`."""
        if self._waiter is not None:
            await asyncio.shield(self._waiter)

    def cut(self) -> None:
        """See `Line.cut`."""
        self.transport.abort()

    def shutdown(self) -> None:
        """Nothing: whoever writes the stream has its own farewell; uvicorn calls."""

    def pause_writing(self) -> None:
        """Have `drained` wait."""
        self._waiter = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """Have `drained` return."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Tell whoever writes."""
        self._is_lost = True
        self._state.connections.discard(self)
        self.resume_writing()
        if self._on_lost is not None:
            self._on_lost()
            self._on_lost = None

    async def _run(self, stream: Coroutine[Any, Any, None]) -> None:
        try:
            await stream
        except Exception:
            log.exception("stream.failed")
        finally:
            self.transport.close()


class SocketLine:
    """`Line` on a WebSocket's connection, beside the protocol that keeps it."""

    def __init__(
        self, transport: asyncio.Transport, drained: Callable[[], Awaitable[object]]
    ) -> None:
        """Make a line.

        Args:
            transport: The connection.
            drained: Waits until the protocol may write.
        """
        self.write: Callable[[bytes], None] = transport.write
        self.waiting_bytes: Callable[[], int] = transport.get_write_buffer_size
        self._abort = transport.abort
        self._drained = drained
        self._on_lost: Callable[[], None] | None = None

    def on_lost(self, listener: Callable[[], None]) -> None:
        """Have a function called once the connection is lost."""
        self._on_lost = listener

    async def drained(self) -> None:
        """See `Line.drained`."""
        await self._drained()

    def cut(self) -> None:
        """See `Line.cut`."""
        self._abort()

    def lose(self) -> None:
        """Tell whoever writes that the connection is lost; the protocol's to call."""
        if self._on_lost is not None:
            self._on_lost()


class Connection(Protocol):
    """An HTTP connection, to a route that wants it for a stream."""

    @property
    def wants_head_only(self) -> bool:
        """Whether the answer is to have no body."""
        ...

    def hand_over(self) -> StreamLine:
        """Give the connection away; nothing must have been sent yet."""
        ...


def connection_of(scope: Scope) -> Connection:
    """Return the connection that a request came on.

    Raises:
        Disconnected: It is lost.
    """
    connection: Connection | None = scope["state"].get(CONNECTION)
    if connection is None:
        raise Disconnected
    return connection


def socket_line_of(scope: Scope) -> SocketLine:
    """Return the line of a WebSocket."""
    line: SocketLine = scope["state"][CONNECTION]
    return line
