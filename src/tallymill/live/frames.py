"""Server-sent events, written and read after the WHATWG text. No I/O.

The writer makes frames that every reader understands; the reader takes bytes in pieces
of any size. Who calls: `dialects`, the command line, the tests.

Source: WHATWG HTML, section 9.2 "Server-sent events", 9.2.5 and 9.2.6.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tallymill.kernel.errors import TooLarge

_BOM: Final = b"\xef\xbb\xbf"
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
#: An event is refused beyond this: the server's largest is far smaller.
EVENT_BYTES_MOST: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SseEvent:
    """An event as a reader dispatches it."""

    type: str  #: "message" where none was given
    data: str
    id: str  #: the last event id at that moment; "" while there is none


def sse_frame(
    data: bytes, *, kind: bytes = b"", position: bytes = b"", retry_ms: int = -1
) -> bytes:
    """Return one event.

    Args:
        data: UTF-8; each of its lines becomes one, so CR and CRLF come back as LF.
        kind: Its type, without line ends; empty is the default type, "message".
        position: Its id, without line ends or NUL; empty for none.
        retry_ms: When to reconnect after a loss, milliseconds; negative for none.
    """
    parts = []
    if kind:
        parts.append(b"event: %b\n" % kind)
    if retry_ms >= 0:
        parts.append(b"retry: %d\n" % retry_ms)
    if position:
        parts.append(b"id: %b\n" % position)
    if b"\n" in data or b"\r" in data:
        parts += [b"data: %b\n" % line for line in _LINE_END.split(data)]
    else:
        parts.append(b"data: %b\n" % data)
    return b"%b\n" % b"".join(parts)


def sse_mark(
    *, position: bytes = b"", retry_ms: int = -1, comment: bytes = b""
) -> bytes:
    """Return a block that moves a reader's last event id, or its retry, and no more."""
    parts = []
    if comment:
        parts.append(b": %b\n" % comment)
    if retry_ms >= 0:
        parts.append(b"retry: %d\n" % retry_ms)
    if position:
        parts.append(b"id: %b\n" % position)
    return b"%b\n" % b"".join(parts)


class SseReader:
    """Takes an event stream apart, piece by piece.

    After a loss make a new one with the old one's `last_event_id`; what had not been
    dispatched is dropped, as the standard asks.
    """

    def __init__(self, last_event_id: str = "") -> None:
        self.last_event_id = last_event_id  #: to be sent as `Last-Event-ID`
        self.retry_ms: int | None = None  #: what the server asked for, if it did
        self._id = last_event_id
        self._type = ""
        self._data: list[str] = []
        self._data_bytes = 0
        self._line = bytearray()
        self._is_first = True  # a BOM may still come
        self._skips_lf = False  # the last piece ended with CR

    def feed(self, piece: bytes) -> Iterator[SseEvent]:
        """Take bytes in and yield the events that they complete.

        Raises:
            TooLarge: An event has more than 64 MiB.
        """
        if self._skips_lf and piece:
            self._skips_lf = False
            piece = piece.removeprefix(b"\n")
        start = 0
        for end in _LINE_END.finditer(piece):
            self._line += piece[start : end.start()]
            start = end.end()
            yield from self._end_line()
        self._skips_lf = piece.endswith(b"\r")
        self._line += piece[start:]
        if len(self._line) + self._data_bytes > EVENT_BYTES_MOST:
            raise TooLarge(f"An event has more than {EVENT_BYTES_MOST} bytes.")

    def _end_line(self) -> Iterator[SseEvent]:
        line = bytes(self._line)
        self._line.clear()
        if self._is_first:
            self._is_first = False
            line = line.removeprefix(_BOM)
        if line:
            self._field(line)
            return
        self.last_event_id = self._id
        data, kind = self._data, self._type
        self._data, self._type, self._data_bytes = [], "", 0
        if data:
            yield SseEvent(kind or "message", "\n".join(data), self._id)

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value.decode("utf-8", "replace"))
            self._data_bytes += len(value) + 1
        elif name == b"event":
            self._type = value.decode("utf-8", "replace")
        elif name == b"id":
            if b"\0" not in value:
                self._id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit():
            self.retry_ms = int(value[:15])
