"""CloudEvents in their three modes, against the specification's own SDK."""

import base64
import json
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from cloudevents.core.bindings import http
from cloudevents.core.v1.event import CloudEvent

from tallymill.events.cloudevents import (
    decode_binary,
    decode_cloudevent,
    decode_cloudevent_partial,
    decode_cloudevents,
    decode_cloudevents_partial,
    is_binary,
)
from tallymill.events.model import Event, Limits
from tallymill.kernel.errors import Invalid, Malformed, TooLarge

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
WHEN = datetime(2019, 10, 4, 1, 52, 7, 250_000, timezone(timedelta(hours=-3)))
SPARE = {"specversion": "1.0", "id": "7", "source": "/cameras/1", "type": "picture"}
FULL = {
    **SPARE,
    "time": WHEN,
    "subject": "camera 1: größe",
    "dataschema": "https://example.com/picture.json",
    "datacontenttype": "application/json",
    "tenant": "north",
}
HEADERS = {f"ce-{name}": value for name, value in SPARE.items()}


def structured(body: dict[str, object] | bytes) -> Event:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    (event,) = decode_cloudevent(text, arrived_at=NOW)
    return event


def binary(headers: dict[str, str], body: bytes = b"") -> Event:
    (event,) = decode_binary(headers, body, arrived_at=NOW)
    return event


def by_sdk(mode: str, attributes: dict[str, object], data: object) -> Event:
    sent = CloudEvent(dict(attributes), data)
    if mode == "structured":
        return structured(http.to_structured_event(sent).body)
    message = http.to_binary_event(sent)
    headers = {name.lower(): value for name, value in message.headers.items()}
    assert is_binary(headers)
    return binary(headers, message.body)


@pytest.mark.parametrize("mode", ["structured", "binary"])
def test_what_the_sdk_sends_is_read(mode):
    event = by_sdk(mode, FULL, {"weight": 1778, "größe": [1, 2.5, None]})

    assert event.timestamp == WHEN
    assert event.timestamp.utcoffset() == timedelta(hours=-3)
    assert event.id == "/cameras/1 7"
    assert event.subject == "camera 1: größe"
    assert msgspec.json.decode(event.data) == {"weight": 1778, "größe": [1, 2.5, None]}


@pytest.mark.parametrize("mode", ["structured", "binary"])
def test_bytes_that_the_sdk_sends_become_base64(mode):
    attributes = {**FULL, "datacontenttype": "application/octet-stream"}

    event = by_sdk(mode, attributes, b"\x00\xff picture")

    assert (
        msgspec.json.decode(event.data)
        == base64.b64encode(b"\x00\xff picture").decode()
    )


@pytest.mark.parametrize("mode", ["structured", "binary"])
def test_text_that_the_sdk_sends_becomes_a_string(mode):
    event = by_sdk(mode, {**FULL, "datacontenttype": "text/plain"}, 'a "größe"')

    assert msgspec.json.decode(event.data) == 'a "größe"'


@pytest.mark.parametrize("read", [structured, lambda _: binary(HEADERS)])
def test_an_event_without_time_has_the_time_of_its_arrival(read):
    event = read(SPARE)

    assert event.timestamp == NOW
    assert event.data is msgspec.UNSET
    assert event.subject is None


def test_data_comes_back_to_the_letter():
    data = b'{ "a":73786976294838206464, "a" : 0.10000000000000000000000001 }'
    body = json.dumps(SPARE).encode()[:-1] + b',"data":' + data + b"}"

    assert bytes(structured(body).data) == data
    assert bytes(binary({**HEADERS, "content-type": "a/b+json"}, data).data) == data


def test_source_and_id_together_make_the_id():
    same = {**SPARE, "source": "/cameras/2"}
    long = {**SPARE, "id": "x" * 300}

    assert structured(SPARE).id != structured(same).id
    assert str(structured(long).id).startswith("sha256:")
    assert structured(long).id != structured({**long, "source": "/c"}).id


def test_a_batch_is_read_in_order():
    body = json.dumps([{**SPARE, "id": str(n), "data": n} for n in range(3)]).encode()

    events = decode_cloudevents(body, arrived_at=NOW)

    assert [event.id for event in events] == [f"/cameras/1 {n}" for n in range(3)]
    assert [bytes(event.data) for event in events] == [b"0", b"1", b"2"]
    assert decode_cloudevents(b"[]", arrived_at=NOW) == []


def test_every_fault_of_a_batch_has_its_place():
    bad = {**SPARE, "specversion": "0.3", "id": "", "source": "a b", "time": "noon"}
    body = json.dumps([SPARE, bad, 7, {**SPARE, "data": 1, "data_base64": "eA=="}])

    sifted = decode_cloudevents_partial(body.encode(), arrived_at=NOW)

    pointers = [fault.pointer for one in sifted.rejected for fault in one.faults]
    assert pointers == [
        "/1/specversion", "/1/id", "/1/source", "/1/time", "/2", "/3/data_base64",
    ]  # fmt: skip
    assert list(sifted.indexes) == [0]
    with pytest.raises(Invalid, match="3 of 4"):
        decode_cloudevents(body.encode(), arrived_at=NOW)


@pytest.mark.parametrize("missing", ["specversion", "id", "source", "type"])
def test_a_missing_attribute_is_named_in_each_mode(missing):
    spare = {name: value for name, value in SPARE.items() if name != missing}
    headers = {f"ce-{name}": value for name, value in spare.items()}

    with pytest.raises(Invalid) as in_body:
        structured(spare)
    with pytest.raises(Invalid) as in_headers:
        binary(headers)

    assert in_body.value.faults[0].pointer == f"/{missing}"
    assert in_headers.value.faults[0].pointer == f"ce-{missing}"


def test_bad_base64_is_refused():
    with pytest.raises(Invalid, match="base64"):
        structured({**SPARE, "data_base64": "!"})


def test_quoted_and_percent_encoded_headers_are_undone():
    event = binary({**HEADERS, "ce-subject": r'"caf%C3%A9 \"x\""'})

    assert event.subject == 'café "x"'


def test_a_header_that_is_no_utf8_is_named():
    with pytest.raises(Invalid, match="ce-subject") as caught:
        binary({**HEADERS, "ce-subject": "%ff"})

    assert caught.value.faults[0].pointer == "ce-subject"


def test_text_in_another_encoding_is_kept_as_bytes():
    event = binary({**HEADERS, "content-type": "text/plain"}, b"\xe9")

    assert bytes(event.data) == b'"6Q=="'


@pytest.mark.parametrize("body", [b"{", b'"\xff"', b"[" * 200 + b"]" * 200])
def test_data_that_is_said_to_be_json_must_be(body):
    with pytest.raises(Malformed):
        binary({**HEADERS, "content-type": "application/json; charset=utf-8"}, body)


def test_the_limits_hold_for_cloudevents():
    large = b'"' + b"x" * 300_000 + b'"'
    body = json.dumps(SPARE).encode()[:-1] + b',"data":' + large + b"}"

    with pytest.raises(TooLarge):
        binary(HEADERS, large)
    with pytest.raises(TooLarge):
        binary({**HEADERS, "content-type": "image/png"}, bytes(300_000))
    with pytest.raises(TooLarge):
        decode_binary(HEADERS, b"12", arrived_at=NOW, limits=Limits(body_bytes=1))
    assert decode_cloudevent_partial(body, arrived_at=NOW).rejected[0].index == 0


@pytest.mark.parametrize("body", [b"{}", b"7"])
def test_a_batch_must_be_an_array(body):
    with pytest.raises(Invalid, match="must be an array of CloudEvents"):
        decode_cloudevents(body, arrived_at=NOW)


def test_other_requests_are_not_taken_for_cloudevents():
    assert not is_binary({"content-type": "application/json", "ce": "1"})
