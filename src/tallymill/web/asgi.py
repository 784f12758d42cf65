"""ASGI's shapes, reading a request's head, and sending a whole answer.

What the raw routes share. Nothing here knows a room.
"""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from functools import lru_cache
from typing import Any, Final

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]

#: On every answer: data is not cached, and no browser guesses what it is.
SAFE_HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)
JSON: Final = b"application/json"


class Disconnected(Exception):
    """The client went away before its request was complete."""


def header_values(scope: Scope, name: bytes) -> list[bytes]:
    """Return every value of a header, in order; `name` is in lower case."""
    return [value for key, value in scope["headers"] if key == name]


def header(scope: Scope, name: bytes) -> bytes | None:
    """Return the first value of a header, or None; `name` is in lower case."""
    for key, value in scope["headers"]:
        if key == name:
            found: bytes = value
            return found
    return None


@lru_cache(maxsize=4096)
def json_start(status: int, length: int) -> Message:
    """Return the head of an answer of JSON; made once for each length."""
    return _start(status, length, JSON, ())


def whole(
    status: int,
    body: bytes,
    *,
    content_type: bytes = JSON,
    headers: Headers = (),
) -> tuple[Message, Message]:
    """Return the messages of an answer; `headers` take the place of the safe ones."""
    return (
        _start(status, len(body), content_type, headers),
        {"type": "http.response.body", "body": body},
    )


async def answer(
    send: Send,
    status: int,
    body: bytes,
    *,
    content_type: bytes = JSON,
    headers: Headers = (),
) -> None:
    """Send a complete answer; `headers` take the place of the safe ones."""
    for message in whole(status, body, content_type=content_type, headers=headers):
        await send(message)


def _start(status: int, length: int, content_type: bytes, headers: Headers) -> Message:
    given = {name for name, _ in headers}
    return {
        "type": "http.response.start",
        "status": status,
        "headers": [
            (b"content-type", content_type),
            (b"content-length", b"%d" % length),
            *(pair for pair in SAFE_HEADERS if pair[0] not in given),
            *headers,
        ],
    }
