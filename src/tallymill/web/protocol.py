"""uvicorn's HTTP/1.1 protocol with the guards that it leaves out.

A head that is too large or trickles, and the rest of a refused body, end the
connection. Streams may take a connection over (see `line`).
Who calls: `server`.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.httptools_impl import (
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from tallymill.web.line import CONNECTION, SocketLine, StreamLine
from tallymill.web.problems import Problem

HEAD_BYTES_MOST: Final = 64 * 1024
#: From the connection, or the first byte of a request, to the end of its head.
HEAD_S: Final = 15.0
#: How long what still comes is thrown away after a refusal was sent. Closing at once
#: would reset the connection before the client has read why.
LINGER_S: Final = 10.0


#: A sender may be silent for so long in the middle of a body that we wait for.
STALL_S: Final = 20.0


_TYPES: Final = {
    408: "urn:tallymill:problem:too-slow",
    431: "urn:tallymill:problem:too-large",
}


class _HeadTooLarge(Exception):
    """Stops the parser; the refusal is out."""


class WholeHead:
    """Hands an answer's head to the transport together with the body that follows.

    uvicorn writes them one after the other; one write is an eighth faster.
    """

    __slots__ = ("_head", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head: bytes | None = None

    def write(self, data: bytes) -> None:
        """Write what comes, a head with what follows it."""
        head = self._head
        if head is not None:
            self._head = None
            data = head + data
        elif data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 100"):
            self._head = data
            return
        self._transport.write(data)

    def close(self) -> None:
        """Close once everything is written."""
        if self._head is not None:
            self._transport.write(self._head)
            self._head = None
        self._transport.close()

    def is_closing(self) -> bool:
        """Say whether the connection is closed or about to be."""
        return self._transport.is_closing()


class GuardedProtocol(HttpToolsProtocol):
    """One connection."""

    _head_bytes = 0
    _piece_bytes = 0  #: of the piece that is read now
    _head_most = 0  #: what the head can have at most: all pieces that hold some of it
    _is_in_head = True
    _completed = 0  #: requests that were read to their end
    _is_refused = False
    _refusal: bytes | None = None  #: to be sent once what came before is answered
    _guard: asyncio.TimerHandle | None = None

    @property
    def _cycle(self) -> RequestResponseCycle | None:
        """The request that is answered now.

        uvicorn says that there always is one; there is none before the first request,
        in an upgrade, and after the connection was handed over.
        """
        return self.cycle

    @property
    def wants_head_only(self) -> bool:
        """See `Connection.wants_head_only`."""
        return self.scope["method"] == "HEAD"

    def hand_over(self) -> StreamLine:
        """See `Connection.hand_over`; uvicorn is done with connection and request."""
        self._disarm()
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        self.connections.discard(self)
        line = StreamLine(self.transport, self.server_state)
        self.cycle.disconnected = True
        self._forget()
        return line

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        """Wait for a request, but not for ever."""
        super().connection_made(transport)
        self._arm(HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer and the request."""
        self._disarm()
        super().connection_lost(exc)
        self._forget()

    def data_received(self, data: bytes) -> None:
        """Take bytes in, unless a head has had too many; after a refusal, none."""
        if self._is_refused:
            return
        completed = self._completed
        self._piece_bytes = size = len(data)
        self._head_most += size
        super().data_received(data)
        cycle = self._cycle
        if self._is_refused:
            return
        if not self._is_in_head and cycle and not cycle.response_complete:
            self._arm(STALL_S, self._body_stalls)
        # What ended a body, in this very piece, is no part of a head.
        if not self._is_in_head or self._completed != completed:
            return
        self._head_bytes += size
        if self._head_bytes > HEAD_BYTES_MOST:
            self._refuse_head()

    def on_message_begin(self) -> None:
        """Begin a head."""
        super().on_message_begin()
        self.scope["state"][CONNECTION] = self
        self._begin_head()
        self._arm(HEAD_S)

    def on_headers_complete(self) -> None:
        """End a head."""
        # One that comes in one piece is known to be too large only now.
        if self._head_most > HEAD_BYTES_MOST and self._head_size() > HEAD_BYTES_MOST:
            self._refuse_head()
            raise _HeadTooLarge
        super().on_headers_complete()
        self._is_in_head = False
        self._disarm()
        # After the head of an answer to HEAD nothing follows.
        if self._cycle and self.scope["method"] != "HEAD":
            self.cycle.transport = WholeHead(self.transport)  # type: ignore[assignment] # all that it calls

    def on_message_complete(self) -> None:
        """End a request; what comes next is another's head."""
        super().on_message_complete()
        self._disarm()
        if self._cycle and self._cycle.response_complete:
            # Its rest came after the answer: nobody else waits for what follows.
            self._arm(self.timeout_keep_alive)
        self._completed += 1
        self._is_in_head = True
        self._head_bytes = 0

    def on_response_complete(self) -> None:
        """Go on to the next request, or throw the rest of a refused body away."""
        is_last = not self.pipeline
        super().on_response_complete()
        if is_last and self._refusal is not None:
            self._send_refusal(self._refusal)
        elif not self._is_in_head:
            self._arm(LINGER_S)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        self._refuse(400, "The request cannot be read", f"It is no valid HTTP: {msg}")

    def _begin_head(self) -> None:
        self._is_in_head = True
        self._head_bytes = 0
        self._head_most = self._piece_bytes

    def _head_size(self) -> int:
        fields = sum(len(name) + len(value) + 4 for name, value in self.headers)
        return len(self.url) + fields

    def _refuse_head(self) -> None:
        self._refuse(431, "The head is too large", "Send fewer or shorter headers.")

    def _refuse(self, status: int, title: str, detail: str) -> None:
        """Refuse what came last; what came before it is answered first."""
        if self._is_refused or self.transport.is_closing():
            return
        self._is_refused = True
        self._disarm()
        self._refusal = _refusal(status, title, detail)
        cycle = self._cycle
        if cycle is None:
            self._send_refusal(self._refusal)
        elif cycle.response_complete:
            # What is left of a body whose request is answered gets no second answer.
            self._send_refusal(self._refusal if self._is_in_head else b"")
        elif cycle.more_body:
            self._refuse_unfinished(cycle, self._refusal)

    def _refuse_unfinished(self, cycle: RequestResponseCycle, refusal: bytes) -> None:
        """Refuse a request whose body will never be whole."""
        if self.pipeline:
            self.pipeline.popleft()  # it is the last, and has not begun
            return
        if not cycle.response_started:
            self._send_refusal(refusal)
        else:
            self._send_refusal(b"")
        cycle.disconnected = True
        cycle.message_event.set()

    def _send_refusal(self, refusal: bytes) -> None:
        self._refusal = None
        self._unset_keepalive_if_required()
        self.transport.write(refusal)
        self.transport.write_eof()
        self._arm(LINGER_S)

    def _arm(self, seconds: float, then: Callable[[], None] | None = None) -> None:
        self._disarm()
        self._guard = self.loop.call_later(seconds, then or self._time_is_up)

    def _disarm(self) -> None:
        if self._guard is not None:
            self._guard.cancel()
            self._guard = None

    def _body_stalls(self) -> None:
        if self.flow.read_paused or self.cycle.response_complete:
            # It is us who do not read; or the answer is out, and its end has a guard.
            self._arm(STALL_S, self._body_stalls)
            return
        if not self.cycle.response_started:
            what = f"Nothing of the body came for {STALL_S:.0f} seconds; send it again."
            self._refuse(408, "The request came too slowly", what)
            return
        self.cycle.disconnected = True
        self.cycle.message_event.set()

    def _forget(self) -> None:
        """Let go of what refers back to here, so that no collector is needed."""
        if self.scope:
            self.scope["state"].pop(CONNECTION, None)
        self.cycle = None  # type: ignore[assignment] # as uvicorn has it at first
        self.parser = None  # type: ignore[assignment] # as uvicorn does at the end

    def _time_is_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.abort()


class LineWebSocket(WebSocketsSansIOProtocol):
    """One WebSocket, with a line."""

    _line: SocketLine | None = None

    def handle_connect(self, event: Request) -> None:
        """Offer the line, where the handshake goes well."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            self._line = SocketLine(self.transport, self.writable.wait)
            self.scope["state"][CONNECTION] = self._line

    async def send(self, message: ASGISendEvent) -> None:
        """Send one message; a refusal, too, completes the handshake.

        uvicorn would log an error and send a second answer.
        """
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True

    def connection_lost(self, exc: Exception | None) -> None:
        """End the stream, if there is one."""
        super().connection_lost(exc)
        if self._line is not None:
            self._line.lose()


def _refusal(status: int, title: str, detail: str) -> bytes:
    problem = Problem(
        type=_TYPES.get(status, "urn:tallymill:problem:malformed"),
        title=title,
        status=status,
        detail=detail,
    )
    body = msgspec.json.encode(problem)
    return (
        b"HTTP/1.1 %d %s\r\ncontent-type: application/problem+json\r\n"
        b"content-length: %d\r\nconnection: close\r\n\r\n%s"
        % (status, title.encode("ascii"), len(body), body)
    )
