"""CloudEvents 1.0 as events: structured, batch and binary mode.

What becomes of an event's attributes:

| CloudEvent            | event       |                                                   |
|-----------------------|-------------|---------------------------------------------------|
| `source` and `id`     | `id`        | `SOURCE ID`: it is the two that are unique        |
| `time`                | `timestamp` | the time of arrival if there is none              |
| `subject`             | `subject`   |                                                   |
| `data`, `data_base64` | `data`      | as sent; base64 stays a string of base64          |
| `type`, all others    |             | checked, not kept                                 |

`data` is kept alone, not wrapped in its envelope, so that a statistic finds its field
where it would find it in a plain event. A sender to whom the `type` matters gives each
type its stream (`?stream=`) or says it within `data`. A space cannot stand in a source,
which is a URI reference, so two pairs never make one id; a pair of more than 255
characters is named by its SHA-256. In binary mode a body of JSON is the data, text
becomes a string, anything else a string of base64.

Source: CloudEvents 1.0.2, its JSON format and its HTTP protocol binding.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Final, Literal
from urllib.parse import unquote

import msgspec

from tallymill.events.codec import DEFAULT_LIMITS, check_body, check_commas
from tallymill.events.diagnosis import (
    Shape,
    Wrong,
    diagnose,
    kind_of,
    moment,
    optional,
    text,
    verbatim,
)
from tallymill.events.jsontext import parse
from tallymill.events.model import ID_MOST, SUBJECT_MOST, Event, Limits
from tallymill.events.sifting import Sifted, as_single, sift, weigh, whole
from tallymill.kernel.errors import Fault, Invalid, Refused

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"

_ATTRIBUTES: Final = ("specversion", "id", "source", "type", "time", "subject")
_REQUIRED: Final = ("specversion", "id", "source", "type")
_JSON_TYPE: Final = re.compile(r"[^;]*[/+]json\s*(;.*)?", re.IGNORECASE)
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')

_Text = Annotated[str, msgspec.Meta(min_length=1)]


class _CloudEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    specversion: Literal["1.0"]
    id: _Text
    source: Annotated[str, msgspec.Meta(pattern=r"^[^\s]+$")]
    type: _Text
    time: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    subject: (
        Annotated[str, msgspec.Meta(min_length=1, max_length=SUBJECT_MOST)] | None
    ) = None
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    data_base64: str | None = None


_ONE: Final = msgspec.json.Decoder(_CloudEvent)
_MANY: Final = msgspec.json.Decoder(list[_CloudEvent])
_VALUES: Final = msgspec.json.Decoder(list[msgspec.Raw])


def decode_cloudevent(
    body: bytes | bytearray, *, arrived_at: datetime, limits: Limits = DEFAULT_LIMITS
) -> list[Event]:
    """Return the one event of a body of `application/cloudevents+json`.

    Args:
        body: Decompressed.
        arrived_at: Aware; the timestamp of an event without `time`.
        limits: What the body and the event may weigh.

    Raises:
        Malformed: The body is no JSON, no UTF-8, or nested too deeply.
        TooLarge: The body or the event is over its limit.
        Invalid: It is no CloudEvent; each fault is listed by attribute.
    """
    sifted = decode_cloudevent_partial(body, arrived_at=arrived_at, limits=limits)
    return whole(sifted, limits)


def decode_cloudevent_partial(
    body: bytes | bytearray, *, arrived_at: datetime, limits: Limits = DEFAULT_LIMITS
) -> Sifted:
    """Return the one event of a body, or what is wrong with it.

    Raises:
        Malformed: The body is no JSON or no UTF-8, or too deep to be read at all.
        TooLarge: The body is over its limit.
    """
    check_body(body, limits)
    value = parse(bytes(body), nesting=limits.nesting)
    sifted = sift([(0, value)], lambda raw: _read(raw, arrived_at), limits)
    return as_single(weigh(sifted, body, limits))


def decode_cloudevents(
    body: bytes | bytearray, *, arrived_at: datetime, limits: Limits = DEFAULT_LIMITS
) -> list[Event]:
    """Return the events of a body of `application/cloudevents-batch+json`.

    Args:
        body: Decompressed.
        arrived_at: Aware; the timestamp of events without `time`.
        limits: What the body and its events may weigh.

    Raises:
        Malformed: The body is no JSON, no UTF-8, or nested too deeply.
        TooLarge: The body or an event is over its limit.
        Invalid: Events are bad; each is listed by index, attribute and reason.
    """
    sifted = decode_cloudevents_partial(body, arrived_at=arrived_at, limits=limits)
    return whole(sifted, limits)


def decode_cloudevents_partial(
    body: bytes | bytearray, *, arrived_at: datetime, limits: Limits = DEFAULT_LIMITS
) -> Sifted:
    """Return the good events of a batch with their places, and the bad ones.

    Raises:
        Malformed: The body is no JSON or no UTF-8, or too deep to be read at all.
        TooLarge: The body is over its limit.
        Invalid: It is no array, or 100,000 events are bad.
    """
    check_body(body, limits)
    whole_body = bytes(body)
    value = parse(whole_body, nesting=limits.nesting)
    if kind_of(value) != "an array":
        what = f"is {kind_of(value)}; a batch must be an array of CloudEvents"
        raise Invalid(f"The body {what}.", faults=[Fault("", what)])
    check_commas(whole_body, _MANY)
    values = enumerate(_VALUES.decode(whole_body))
    sifted = sift(values, lambda raw: _read(raw, arrived_at), limits)
    return weigh(sifted, body, limits)


def is_binary(headers: Mapping[str, str]) -> bool:
    """Say whether a request is a CloudEvent in binary mode.

    Args:
        headers: By lower-case name.
    """
    return any(f"ce-{name}" in headers for name in _REQUIRED)


def decode_binary(
    headers: Mapping[str, str],
    body: bytes | bytearray,
    *,
    arrived_at: datetime,
    limits: Limits = DEFAULT_LIMITS,
) -> list[Event]:
    """Return the one event whose attributes are headers and whose data is the body.

    Args:
        headers: By lower-case name; attributes are `ce-` and their name.
        body: Decompressed; an empty one is an event without data.
        arrived_at: Aware; the timestamp of an event without `ce-time`.
        limits: What the body and the event may weigh.

    Raises:
        Malformed: The body is said to be JSON and is none, or nested too deeply.
        TooLarge: The body or the event is over its limit.
        Invalid: It is no CloudEvent; each fault is listed by header.
    """
    if len(body) > limits.body_bytes or _is_json(headers):
        check_body(body, limits)
    given: dict[str, object] = dict(_attributes(headers))
    if body:
        given["data"] = _data(headers, bytes(body), limits)
    value = msgspec.Raw(msgspec.json.encode(given))
    sifted = sift([(0, value)], lambda raw: _read(raw, arrived_at), limits)
    try:
        return whole(as_single(weigh(sifted, body, limits)), limits)
    except Refused as error:
        faults = [Fault(_as_header(one.pointer), one.detail) for one in error.faults]
        reasons = "; ".join(f"{one.pointer} {one.detail}" for one in faults)
        raise type(error)(
            f"The CloudEvent is not as it must be: {reasons}.", faults=faults
        ) from error


def _read(raw: msgspec.Raw, arrived_at: datetime) -> Event | list[Fault]:
    try:
        found: _CloudEvent | list[Fault] = _ONE.decode(raw)
    except msgspec.DecodeError:
        found = diagnose(raw, _SHAPE)
    if isinstance(found, list):
        return found
    data = found.data
    if found.data_base64 is not None:
        if not isinstance(data, msgspec.UnsetType):
            return [Fault("/data_base64", "stands beside data; send one of the two")]
        if not _is_base64(found.data_base64):
            return [Fault("/data_base64", "is no base64 (RFC 4648, section 4)")]
        data = msgspec.Raw(msgspec.json.encode(found.data_base64))
    return Event(
        timestamp=found.time or arrived_at,
        data=data,
        id=_event_id(found.source, found.id),
        subject=found.subject,
    )


def _event_id(source: str, given: str) -> str:
    joined = f"{source} {given}"
    if len(joined) <= ID_MOST:
        return joined
    return f"sha256:{sha256(joined.encode()).hexdigest()}"


def _is_base64(given: str) -> bool:
    try:
        base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _attributes(headers: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for name in _ATTRIBUTES:
        value = headers.get(f"ce-{name}")
        if value is not None:
            found[name] = _header_text(f"ce-{name}", value)
    return found


def _header_text(name: str, value: str) -> str:
    """Undo quotes and percent-encoding (HTTP protocol binding 1.0.2, 3.1.3.2)."""
    quoted = _QUOTED.fullmatch(value.strip())
    bare = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else value.strip()
    try:
        return unquote(bare, errors="strict")
    except UnicodeDecodeError as error:
        what = "has percent-encoding that is no UTF-8"
        raise Invalid(
            f"The header {name} {what}.", faults=[Fault(name, what)]
        ) from error


def _is_json(headers: Mapping[str, str]) -> bool:
    content_type = headers.get("content-type", "application/json")
    return _JSON_TYPE.fullmatch(content_type) is not None


def _data(headers: Mapping[str, str], body: bytes, limits: Limits) -> object:
    if _is_json(headers):
        return parse(body, nesting=limits.nesting)
    if headers["content-type"].lower().startswith("text/"):
        try:
            return body.decode()
        except UnicodeDecodeError:
            pass  # text in another encoding is kept as bytes are
    return base64.b64encode(body).decode()


def _as_header(pointer: str) -> str:
    name = pointer.removeprefix("/")
    return f"ce-{name}" if name in _ATTRIBUTES else pointer


def _version(raw: msgspec.Raw) -> str:
    if bytes(raw) != b'"1.0"':
        shown = bytes(raw)[:16].decode(errors="replace")
        raise Wrong(f'is {shown}; only "1.0" is taken')
    return "1.0"


def _source(raw: msgspec.Raw) -> str:
    value = str(text(1, None)(raw))
    if re.search(r"\s", value):
        raise Wrong("has a space in it, so it is no URI reference")
    return value


_SHAPE: Final = Shape(
    build=_CloudEvent,
    readers={
        "specversion": _version,
        "id": text(1, None),
        "source": _source,
        "type": text(1, None),
        "time": optional(moment),
        "subject": optional(text(1, SUBJECT_MOST)),
        "data": verbatim,
        "data_base64": optional(text(0, None)),
    },
    required=dict.fromkeys(_REQUIRED, "a CloudEvent must have it"),
    other_keys=None,
)
