"""Which codec reads a body of `POST /events`, by its `Content-Type`."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from tallymill.events.cloudevents import (
    decode_binary,
    decode_cloudevent,
    decode_cloudevent_partial,
    decode_cloudevents,
    decode_cloudevents_partial,
    is_binary,
)
from tallymill.events.codec import decode_events, decode_partial
from tallymill.events.model import Event, Limits
from tallymill.events.ndjson import decode_ndjson, decode_ndjson_partial
from tallymill.events.sifting import Rejected, Sifted
from tallymill.kernel.errors import UnsupportedMedia
from tallymill.web.asgi import Scope, header

Body = bytes | bytearray
Found = tuple[list[Event], list[Rejected]]
#: Reads a body that arrived at a moment.
Read = Callable[[Body, datetime, Limits], Found]

_UTF8: Final = frozenset({"utf-8", "utf8", "us-ascii"})


def reader_of(scope: Scope, *, partial: bool) -> Read:
    """Return what reads the events of a request.

    Args:
        scope: The request; binary-mode CloudEvents are told by their `ce-` headers.
        partial: Whether bad events are set aside; one in binary mode never is.

    Raises:
        UnsupportedMedia: The content type is left out or not taken; those taken are
            named.
    """
    if any(name.startswith(b"ce-") for name, _ in scope["headers"]):
        headers = _headers(scope)
        if is_binary(headers):
            return _binary(headers)
    media_type = _media_type(header(scope, b"content-type"))
    found = _FORMATS.get(media_type)
    if found is None:
        raise _not_taken(media_type)
    return found[1] if partial else found[0]


def check_is_json(scope: Scope) -> None:
    """Let a request pass whose body is JSON, or says nothing of itself.

    Raises:
        UnsupportedMedia: It says that it is something else.
    """
    given = header(scope, b"content-type")
    if given is None:
        return
    media_type = read_media_type(given)
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise _not_taken(media_type, taken="application/json")


def read_media_type(content_type: bytes) -> str:
    """Return a content type without its parameters, in lower case.

    Raises:
        UnsupportedMedia: Its charset is not UTF-8.
    """
    media_type, _, parameters = content_type.decode("latin-1").partition(";")
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        charset = value.strip().strip('"').lower()
        if name.strip().lower() == "charset" and charset not in _UTF8:
            raise UnsupportedMedia(
                f"The charset {charset[:80]!r} is not taken; send UTF-8."
            )
    return media_type.strip().lower()


def _json(body: Body, _: datetime, limits: Limits) -> Found:
    return decode_events(body, limits=limits), []


def _json_partial(body: Body, _: datetime, limits: Limits) -> Found:
    return _parts(decode_partial(body, limits=limits))


def _ndjson(body: Body, _: datetime, limits: Limits) -> Found:
    return decode_ndjson(body, limits=limits), []


def _ndjson_partial(body: Body, _: datetime, limits: Limits) -> Found:
    return _parts(decode_ndjson_partial(body, limits=limits))


def _cloud(body: Body, at: datetime, limits: Limits) -> Found:
    return decode_cloudevent(body, arrived_at=at, limits=limits), []


def _cloud_partial(body: Body, at: datetime, limits: Limits) -> Found:
    return _parts(decode_cloudevent_partial(body, arrived_at=at, limits=limits))


def _clouds(body: Body, at: datetime, limits: Limits) -> Found:
    return decode_cloudevents(body, arrived_at=at, limits=limits), []


def _clouds_partial(body: Body, at: datetime, limits: Limits) -> Found:
    return _parts(decode_cloudevents_partial(body, arrived_at=at, limits=limits))


def _binary(headers: dict[str, str]) -> Read:
    def read(body: Body, at: datetime, limits: Limits) -> Found:
        return decode_binary(headers, body, arrived_at=at, limits=limits), []

    return read


_FORMATS: Final[dict[str, tuple[Read, Read]]] = {
    "application/json": (_json, _json_partial),
    "application/x-ndjson": (_ndjson, _ndjson_partial),
    "application/cloudevents+json": (_cloud, _cloud_partial),
    "application/cloudevents-batch+json": (_clouds, _clouds_partial),
}
MEDIA_TYPES: Final = tuple(_FORMATS)
_TAKEN: Final = ", ".join(_FORMATS)


def _parts(sifted: Sifted) -> Found:
    return sifted.events, sifted.rejected


def _media_type(content_type: bytes | None) -> str:
    if content_type is None:
        raise UnsupportedMedia(
            f"The header Content-Type is missing; say which it is: {_TAKEN}."
        )
    return read_media_type(content_type)


def _not_taken(media_type: str, taken: str = _TAKEN) -> UnsupportedMedia:
    hint = ""
    if media_type == "application/x-www-form-urlencoded":
        # What curl says of `-d` unless it is told otherwise.
        hint = " With curl, add: -H 'Content-Type: application/json'."
    return UnsupportedMedia(
        f"The Content-Type {media_type[:80]!r} is not taken here; taken: {taken}.{hint}"
    )


def _headers(scope: Scope) -> dict[str, str]:
    return {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in scope["headers"]
    }
