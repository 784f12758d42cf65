"""`/events/live`: events as soon as they are durable; SSE, NDJSON and WebSocket.

Raw ASGI: reads what is asked for, hands the connection to the room `live`, and ends it.
"""

import asyncio
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

import msgspec
import structlog

from tallymill.events.model import DEFAULT_STREAM, check_stream
from tallymill.kernel.errors import Fault, Invalid, Malformed
from tallymill.kernel.service import cancel_and_wait
from tallymill.live.dialects import (
    Dialect,
    JsonMessages,
    ServerSentEvents,
    json_line,
    text_frame,
)
from tallymill.live.model import SUBJECTS_MOST, Interest, Leave
from tallymill.live.ports import Line
from tallymill.live.reader import Reader
from tallymill.live.reading import Readings
from tallymill.live.resume import Start
from tallymill.web.asgi import SAFE_HEADERS, Receive, Scope, Send, answer, header
from tallymill.web.body import BodyReader
from tallymill.web.drain import Drain
from tallymill.web.line import StreamLine, connection_of, socket_line_of
from tallymill.web.services import Services

log = structlog.get_logger("tallymill.web")

SSE: Final[Dialect] = ServerSentEvents()
NDJSON: Final[Dialect] = JsonMessages(json_line)
SOCKET: Final[Dialect] = JsonMessages(text_frame)
_MEDIA: Final = {
    SSE: b"text/event-stream; charset=utf-8",
    NDJSON: b"application/x-ndjson",
}
#: RFC 6455, section 7.4, and the registry it began: service restart, policy violation.
_CLOSE_CODES: Final = {Leave.FAREWELL: 1012, Leave.SLOW: 1008}
#: How long a last word waits for a reader that is slow to take it.
LAST_WORD_S: Final = 2.0
_KNOWN: Final = ("stream", "subject", "subjects", "after")


class EventsLive:
    """The route's three ways in."""

    def __init__(self, services: Services, reader: BodyReader, drain: Drain) -> None:
        self._readings = Readings(services.log, services.hub)
        self._bodies = reader
        drain.on_begin(services.hub.dismiss)

    async def get(self, scope: Scope, _: Receive, send: Send) -> None:
        """Serve a reader that asks in its query."""
        await self._begin(scope, send, read_asked(scope))

    async def post(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a reader whose subjects are too many for a query."""
        with self._bodies.share() as share:
            body = bytes(await self._bodies.read(scope, receive, share))
        await self._begin(scope, send, read_asked_body(body))

    async def socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a reader on a WebSocket."""
        asked = read_asked(scope)
        start = await self._readings.start_of(asked.after, named=asked.named)
        await receive()
        await send({"type": "websocket.accept"})
        line = socket_line_of(scope)
        reader = Reader(line, asked.interest, SOCKET)
        line.on_lost(lambda: reader.leave(Leave.GONE))
        # Whatever the client says is read, and thrown away, until it leaves.
        listening = asyncio.create_task(_listen(receive, reader), name="live websocket")
        try:
            why = await self._readings.follow(reader, start)
            if why is not Leave.GONE:
                await _cut_unless_taken(line)
                await send({"type": "websocket.close", "code": _CLOSE_CODES[why]})
        finally:
            await cancel_and_wait(listening)

    async def _begin(self, scope: Scope, send: Send, asked: "Asked") -> None:
        dialect = dialect_of(scope)
        start = await self._readings.start_of(asked.after, named=asked.named)
        head = ((b"x-accel-buffering", b"no"), (b"vary", b"accept"))
        connection = connection_of(scope)
        if connection.wants_head_only:
            await answer(send, 200, b"", content_type=_MEDIA[dialect], headers=head)
            return
        line = connection.hand_over()
        line.begin(((b"content-type", _MEDIA[dialect]), *head, *SAFE_HEADERS))
        line.run(self._stream(line, Reader(line, asked.interest, dialect), start))

    async def _stream(self, line: StreamLine, reader: Reader, start: Start) -> None:
        line.on_lost(lambda: reader.leave(Leave.GONE))
        why = await self._readings.follow(reader, start)
        if why is not Leave.GONE:
            await _cut_unless_taken(line)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a reader asks for."""

    interest: Interest
    after: str  #: where it stood; empty for none
    named: str  #: what said so


class AskedBody(msgspec.Struct, forbid_unknown_fields=True):
    """The same in the body of a POST."""

    stream: str | list[str] = DEFAULT_STREAM
    subjects: list[str] | None = None
    after: str = ""


def read_asked(scope: Scope) -> Asked:
    """Return what a request's query and `Last-Event-ID` ask for.

    `stream` and `subject` may come again and again; `subjects` is a list with commas.

    Raises:
        Malformed: It is no UTF-8.
        Invalid: A parameter is unknown, or names what cannot be.
    """
    given: dict[str, list[str]] = {name: [] for name in _KNOWN}
    for name, value in _pairs(scope["query_string"]):
        if name not in given:
            taken = ", ".join(_KNOWN)
            what = f"is no parameter here; taken: {taken}"
            raise Invalid(
                f"The query parameter {name[:80]!r} {what}.", faults=[Fault(name, what)]
            )
        given[name].append(value)
    subjects = given["subject"]
    for several in given["subjects"]:
        subjects += several.split(",")
    wanted = subjects if given["subject"] or given["subjects"] else None
    interest = interest_in(given["stream"] or [DEFAULT_STREAM], wanted)
    last = (header(scope, b"last-event-id") or b"").decode("utf-8", "replace")
    if last:
        return Asked(interest, last, "Last-Event-ID")
    return Asked(interest, (given["after"] or [""])[-1], "after")


def read_asked_body(body: bytes) -> Asked:
    """Return what the body of a POST asks for.

    Raises:
        Malformed: It is no JSON.
        Invalid: It is no object of the right form, or names what cannot be.
    """
    try:
        asked = msgspec.json.decode(body or b"{}", type=AskedBody)
    except msgspec.ValidationError as exc:
        what = f"is not as it must be: {exc}"
        raise Invalid(f"The body {what}.", faults=[Fault("", what)]) from exc
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise Malformed(f"The body is no JSON: {exc}.") from exc
    streams = [asked.stream] if isinstance(asked.stream, str) else asked.stream
    return Asked(interest_in(streams, asked.subjects), asked.after, "after")


def interest_in(streams: list[str], subjects: list[str] | None) -> Interest:
    """Return an interest in some streams and subjects.

    Raises:
        Invalid: A stream's name cannot be one, none is named, or subjects are too many.
    """
    if not streams:
        raise Invalid("Name a stream.", faults=[Fault("stream", "names no stream")])
    names = frozenset(check_stream(name) for name in streams)
    if subjects is None:
        return Interest(names)
    wanted = frozenset(subject for subject in subjects if subject)
    if len(wanted) > SUBJECTS_MOST:
        what = f"names {len(wanted)} subjects; the most is {SUBJECTS_MOST}"
        raise Invalid(
            f"The subscription {what}. Open another for the rest, or leave them out.",
            faults=[Fault("subject", what)],
        )
    if not wanted:
        what = "names no subject; leave it out for all"
        raise Invalid(f"The parameter subject {what}.", faults=[Fault("subject", what)])
    return Interest(names, wanted)


def dialect_of(scope: Scope) -> Dialect:
    """Return how a client wants to be told: NDJSON if it accepts that, else SSE."""
    accepted = header(scope, b"accept") or b""
    return NDJSON if b"application/x-ndjson" in accepted else SSE


async def _cut_unless_taken(line: Line) -> None:
    """Give a reader a little time to take its last word."""
    try:
        async with asyncio.timeout(LAST_WORD_S):
            await line.drained()
    except TimeoutError:
        line.cut()


async def _listen(receive: Receive, reader: Reader) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        pass
    reader.leave(Leave.GONE)


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError as exc:
        raise Malformed("The query is not UTF-8 in percent-encoding.") from exc
