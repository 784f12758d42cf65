"""Laws of the codecs: nothing is lost on the way, and only our refusals come out."""

import json
from datetime import UTC, datetime, timedelta, timezone

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tallymill.events.cloudevents import decode_binary, decode_cloudevents_partial
from tallymill.events.codec import (
    decode_block,
    decode_events,
    decode_partial,
    encode_events,
)
from tallymill.events.model import Event, Limits
from tallymill.events.ndjson import decode_ndjson, decode_ndjson_partial
from tallymill.events.nesting import first_too_deep, is_deeper
from tallymill.events.sharding import shard_of, split
from tallymill.events.timestamps import read_timestamp
from tallymill.kernel.errors import Refused

NOW = datetime(2026, 11, 21, tzinfo=UTC)
CHARACTERS = st.characters(exclude_categories=["Cs"])

offsets = st.integers(-1439, 1439).map(lambda m: timezone(timedelta(minutes=m)))
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(CHARACTERS),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(CHARACTERS), inner, max_size=4)
    ),
    max_leaves=20,
)
raw_values = st.builds(
    lambda value, ascii_only: msgspec.Raw(
        json.dumps(value, ensure_ascii=ascii_only).encode()
    ),
    values,
    st.booleans(),
)
events = st.builds(
    Event,
    timestamp=st.datetimes(timezones=offsets),
    data=st.just(msgspec.UNSET) | raw_values,
    id=st.none() | st.text(CHARACTERS, min_size=1, max_size=255),
    subject=st.none() | st.text(CHARACTERS, min_size=1, max_size=1024),
)


def seen(event: Event) -> tuple[object, ...]:
    data = None if event.data is msgspec.UNSET else bytes(event.data)
    offset = event.timestamp.utcoffset()
    return event.timestamp, offset, data, event.id, event.subject


@given(st.lists(events, max_size=8))
def test_a_block_gives_back_what_was_put_in(given_events):
    again = decode_block(encode_events(given_events))

    assert [seen(event) for event in again] == [seen(event) for event in given_events]


@given(st.lists(events, min_size=1, max_size=8))
def test_json_and_ndjson_give_the_same_events(given_events):
    lines = b"\n".join(msgspec.json.encode(event) for event in given_events)

    by_array = decode_events(encode_events(given_events))
    by_line = decode_ndjson(lines)

    assert [seen(event) for event in by_array] == [seen(event) for event in by_line]


@given(values)
def test_data_means_what_pythons_json_says(value):
    body = json.dumps([{"timestamp": "2019-10-04T01:52:07Z", "data": value}]).encode()

    (event,) = decode_events(body)

    assert json.loads(bytes(event.data)) == value


@given(
    st.datetimes(timezones=offsets),
    st.sampled_from(["T", "t", " "]),
    st.sampled_from(["auto", "microseconds"]),
)
def test_the_slow_reading_of_a_timestamp_equals_the_fast_one(moment, mark, digits):
    text = moment.isoformat(sep=mark, timespec=digits)

    slow = read_timestamp(text)
    fast = msgspec.json.decode(json.dumps(text).encode(), type=datetime)

    assert (slow, slow.utcoffset()) == (fast, fast.utcoffset())


@st.composite
def broken_bodies(draw: st.DrawFn) -> bytes:
    body = bytearray(encode_events(draw(st.lists(events, min_size=1, max_size=3))))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(body)))
        length = draw(st.integers(0, 3))
        body[at : at + length] = draw(
            st.binary(max_size=3)
            | st.sampled_from(
                [b'"', b"{", b"[[", b"]", b",", b":", b"\\ud800", b"1e400"]
            )
        )
    return bytes(body)


def outcomes(body: bytes) -> None:
    """Call every decoder; anything but a `Refused` passes through and fails the test."""
    headers = {"ce-id": "1", "ce-source": "/", "ce-type": "t", "ce-specversion": "1.0"}
    for read in (
        decode_events,
        decode_partial,
        decode_ndjson,
        decode_ndjson_partial,
        lambda body: decode_cloudevents_partial(body, arrived_at=NOW),
        lambda body: decode_binary(headers, body, arrived_at=NOW),
    ):
        refused = None
        try:
            read(body)
        except Refused as error:
            refused = error
        assert refused is None or refused.faults


@given(st.binary(max_size=200))
def test_no_bytes_bring_out_anything_but_a_refusal(body):
    outcomes(body)


@given(broken_bodies())
def test_no_damage_to_a_body_brings_out_anything_but_a_refusal(body):
    outcomes(body)


@given(broken_bodies())
def test_what_is_accepted_after_damage_is_json_and_survives_storage(body):
    try:
        accepted = decode_events(body)
    except Refused:
        return

    json.loads(body)
    assert [seen(event) for event in decode_block(encode_events(accepted))] == [
        seen(event) for event in accepted
    ]


@given(broken_bodies())
def test_whole_and_partial_agree(body):
    try:
        sifted = decode_partial(body)
    except Refused:
        sifted = None
    try:
        accepted = decode_events(body)
    except Refused:
        accepted = None

    if accepted is None:
        assert sifted is None or sifted.rejected
        return
    assert sifted is not None
    assert not sifted.rejected
    assert len(sifted.events) == len(accepted)


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


bracketed = st.recursive(
    st.integers(0, 9) | st.text('[]{}"\\', max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text('[]{}"\\', max_size=3), inner, max_size=3)
    ),
    max_leaves=30,
)


@given(bracketed, st.integers(0, 8))
def test_the_depth_found_is_the_depth_there_is(value, limit):
    text = json.dumps(value).encode()

    assert is_deeper(text, limit) == (depth(value) > limit)
    assert (first_too_deep(text, limit) >= 0) == (depth(value) > limit)


@given(bracketed, st.integers(1, 6))
def test_the_limit_of_nesting_holds_for_each_event(value, limit):
    body = encode_events([Event(timestamp=NOW, data=msgspec.Raw(json.dumps(value)))])
    small = Limits(nesting=limit, event_bytes=1_000_000)

    rejected = decode_partial(body, limits=small).rejected

    assert bool(rejected) == (depth(value) > limit)


@given(
    st.lists(events, max_size=30),
    st.integers(1, 7),
    st.integers(0, 10**6),
)
def test_sharding_loses_nothing_and_keeps_a_subjects_order(given_events, shards, turn):
    shares = split(given_events, shards, single=None, turn=turn)

    places = {id(event): place for place, event in enumerate(given_events)}
    placed = [event for _, share in shares for event in share]
    assert sorted(map(id, placed)) == sorted(places)
    assert len({shard for shard, _ in shares}) == len(shares)
    for shard, share in shares:
        about = [event for event in share if event.subject is not None]
        assert all(shard_of(event.subject, shards) == shard for event in about)
        order = [places[id(event)] for event in about]
        assert order == sorted(order)


@given(st.integers(0, 200), st.integers(1, 7), st.integers(0, 50))
def test_events_without_a_subject_are_spread_evenly(count, shards, turn):
    given_events = [Event(timestamp=NOW) for _ in range(count)]

    shares = split(given_events, shards, single=None, turn=turn)

    sizes = [len(share) for _, share in shares] + [0] * (shards - len(shares))
    assert max(sizes) - min(sizes) <= 1
