"""How what a reader is told is written: server-sent events, NDJSON, WebSocket messages.

All three say the same things. A frame is made once and sent to everybody who speaks the
dialect; frames stand one after another as they are. Nothing here knows a connection.
"""

from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from tallymill.live.frames import sse_frame, sse_mark
from tallymill.live.model import Gap

_ENCODE: Final = msgspec.json.Encoder().encode
_ONE_LINE: Final = bytes.maketrans(b"\r\n", b"  ")


class Dialect(Protocol):
    """Writes messages as bytes, each whole."""

    def event(self, position: bytes, payload: bytes) -> bytes:
        """Return an event.

        Args:
            position: Where a reader stands once it has it.
            payload: A JSON object with at least one member; line ends stand only
                between its tokens.
        """
        ...

    def welcome(self, position: bytes, retry_ms: int) -> bytes:
        """Return what comes first: where the reader stands, and when to come back."""
        ...

    def heartbeat(self, position: bytes) -> bytes:
        """Return a sign of life; `position` is empty for who is still catching up."""
        ...

    def gap(self, gap: Gap) -> bytes:
        """Return what was missed and cannot be given."""
        ...

    def slow(self, reason: str) -> bytes:
        """Return why a reader is cut off."""
        ...

    def farewell(self, reason: str, retry_ms: int, spread_ms: int) -> bytes:
        """Return that the server goes, and when this reader should come back.

        Args:
            reason: A sentence.
            retry_ms: This reader's own wait, milliseconds.
            spread_ms: The window over which all readers' waits are spread.
        """
        ...


class ServerSentEvents:
    """`text/event-stream`: events have the default type, the rest a type of its own."""

    def event(self, position: bytes, payload: bytes) -> bytes:
        """See `Dialect.event`."""
        return sse_frame(payload, position=position)

    def welcome(self, position: bytes, retry_ms: int) -> bytes:
        """See `Dialect.welcome`."""
        return sse_mark(position=position, retry_ms=retry_ms)

    def heartbeat(self, position: bytes) -> bytes:
        """See `Dialect.heartbeat`."""
        return sse_mark(comment=b"heartbeat", position=position)

    def gap(self, gap: Gap) -> bytes:
        """See `Dialect.gap`."""
        position = gap.resumed.encode("ascii")
        return sse_frame(_ENCODE(gap), kind=b"gap", position=position)

    def slow(self, reason: str) -> bytes:
        """See `Dialect.slow`."""
        return sse_frame(_ENCODE({"reason": reason}), kind=b"slow")

    def farewell(self, reason: str, retry_ms: int, spread_ms: int) -> bytes:
        """See `Dialect.farewell`."""
        told = {"reason": reason, "retry_ms": retry_ms, "spread_ms": spread_ms}
        return sse_frame(_ENCODE(told), kind=b"farewell", retry_ms=retry_ms)


class JsonMessages:
    """One JSON object a message: `type`, `position`, and what belongs to the type."""

    def __init__(self, frame: Callable[[bytes], bytes]) -> None:
        """Make a dialect.

        Args:
            frame: Parts a message from the next, as a line or as a WebSocket frame.
        """
        self._frame = frame

    def event(self, position: bytes, payload: bytes) -> bytes:
        """See `Dialect.event`."""
        return self._frame(
            b'{"type":"event","position":"%b",%b' % (position, payload[1:])
        )

    def welcome(self, position: bytes, retry_ms: int) -> bytes:
        """See `Dialect.welcome`."""
        return self._say("welcome", position=position.decode(), retry_ms=retry_ms)

    def heartbeat(self, position: bytes) -> bytes:
        """See `Dialect.heartbeat`."""
        if not position:
            return self._say("heartbeat")
        return self._say("heartbeat", position=position.decode())

    def gap(self, gap: Gap) -> bytes:
        """See `Dialect.gap`."""
        return self._say(
            "gap",
            position=gap.resumed,
            reason=gap.reason,
            after=gap.after,
            resumed=gap.resumed,
            holes=gap.holes,
        )

    def slow(self, reason: str) -> bytes:
        """See `Dialect.slow`."""
        return self._say("slow", reason=reason)

    def farewell(self, reason: str, retry_ms: int, spread_ms: int) -> bytes:
        """See `Dialect.farewell`."""
        return self._say(
            "farewell", reason=reason, retry_ms=retry_ms, spread_ms=spread_ms
        )

    def _say(self, kind: str, **members: Any) -> bytes:  # noqa: ANN401 - any JSON value
        return self._frame(_ENCODE({"type": kind, **members}))


def json_line(message: bytes) -> bytes:
    """Return a JSON text as a line; its own line ends, all insignificant, become spaces."""
    return b"%b\n" % message.translate(_ONE_LINE)


def text_frame(message: bytes) -> bytes:
    """Return a text as one unmasked WebSocket frame (RFC 6455, section 5.2)."""
    size = len(message)
    if size < 126:
        return b"\x81%c%b" % (size, message)
    if size < 65536:
        return b"\x81\x7e%b%b" % (size.to_bytes(2, "big"), message)
    return b"\x81\x7f%b%b" % (size.to_bytes(8, "big"), message)
