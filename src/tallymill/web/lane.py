"""A fast lane in uvicorn's protocol: requests answered without a task of their own.

A request that a lane takes costs no scope, cycle or task; whatever is unusual about
one (a body, a key, a fault, a pipeline, a slow reader) sends it the ordinary way, by
ASGI, which gives the same answers. uvicorn's own bookkeeping goes on: it sees a cycle
that is open until the answer is written. Who calls: `server`; lanes are in `lanes`.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from tallymill.web.asgi import Message
from tallymill.web.protocol import HEAD_BYTES_MOST, HEAD_S, GuardedProtocol

Head = Sequence[tuple[bytes, bytes]]


class Answer:
    """A whole answer as bytes, but for the headers that every answer has."""

    __slots__ = ("rest", "status_line")

    def __init__(self, start: Message, body: Message) -> None:
        self.status_line: bytes = STATUS_LINE[start["status"]]
        lines = [b"%s: %s\r\n" % pair for pair in start["headers"]]
        self.rest = b"".join([*lines, b"\r\n", body["body"]])


#: Returns the answer once the future is done, however it is.
Finish = Callable[["asyncio.Future[Any]"], Answer]


class Lanes(Protocol):
    """What takes requests out of the ordinary way."""

    def take(
        self, method: bytes, url: bytes, headers: Head
    ) -> "Answer | tuple[asyncio.Future[Any], Finish] | None":
        """Return the answer, or what it will be made of; None to take it not.

        Args:
            method: As sent.
            url: The request target, as sent.
            headers: Names in lower case.
        """
        ...


class _Silent:
    """An event that nobody waits for."""

    __slots__ = ()

    def set(self) -> None:
        """Do nothing."""


class _Open:
    """What uvicorn sees of a request in a lane: a cycle that is not complete yet."""

    __slots__ = ("body", "disconnected", "keep_alive", "more_body", "response_complete")

    message_event: Final = _Silent()

    def __init__(self) -> None:
        self.open()

    def open(self) -> None:
        """Begin a request."""
        self.body = b""
        self.disconnected = False
        self.keep_alive = True
        self.more_body = False
        self.response_complete = False


class LaneProtocol(GuardedProtocol):
    """One connection, with lanes."""

    _taken: "Answer | tuple[asyncio.Future[Any], Finish] | None" = None
    _finish: Finish
    _has_begun = False

    def __init__(self, *args: Any, lanes: Lanes, **more: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*args, **more)
        self._take = lanes.take
        self._open = _Open()

    def data_received(self, data: bytes) -> None:
        """Take bytes in; a head that is not complete has to be soon."""
        super().data_received(data)
        if self._is_refused:
            return
        if self._has_begun and self._is_in_head and self._guard is None:
            self._arm(HEAD_S)

    def on_message_begin(self) -> None:
        """Begin a head; what ASGI needs is made when it is known to be needed."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self._has_begun = True
        self._begin_head()

    def on_headers_complete(self) -> None:
        """End a head: into a lane, or the ordinary way."""
        self._has_begun = False
        if self._may_take():
            taken = self._take(self.parser.get_method(), self.url, self.headers)
            if taken is not None:
                self._taken = taken
                self._is_in_head = False
                self._disarm()
                self._open.open()
                self.cycle = self._open  # type: ignore[assignment] # all that is asked of one
                return
        self._go_the_ordinary_way()

    def on_message_complete(self) -> None:
        """End a request."""
        super().on_message_complete()
        taken, self._taken = self._taken, None
        if taken is None:
            return
        if isinstance(taken, Answer):
            self._write(taken)
            return
        future, self._finish = taken
        future.add_done_callback(self._answer)

    def _may_take(self) -> bool:
        """Whether this request is its connection's only one, and nothing is odd."""
        before: RequestResponseCycle | None = self.cycle
        return (
            (before is None or before.response_complete)
            and not self.expect_100_continue
            and not self.flow.write_paused
            and self._head_most <= HEAD_BYTES_MOST
            and self.parser.should_keep_alive()
            and self.parser.get_http_version() == "1.1"
        )

    def _go_the_ordinary_way(self) -> None:
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self._disarm()
        self.url, self.expect_100_continue = url, expect
        self.headers.extend(headers)
        super().on_headers_complete()

    def _answer(self, future: "asyncio.Future[Any]") -> None:
        if not self._open.disconnected and not future.cancelled():
            self._write(self._finish(future))

    def _write(self, answer: Answer) -> None:
        if self.transport.is_closing():
            return
        given = self.server_state.default_headers
        parts = [b"%s: %s\r\n" % pair for pair in given]
        end = b"" if self._open.keep_alive else b"connection: close\r\n"
        self.transport.write(b"".join([answer.status_line, *parts, end, answer.rest]))
        self._open.response_complete = True
        if not self._open.keep_alive:
            self.transport.close()
        self.on_response_complete()
