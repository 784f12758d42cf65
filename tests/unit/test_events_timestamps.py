"""Which timestamps are taken, and what is kept of them."""

from datetime import timedelta

import pytest

from tallymill.events.codec import decode_block, decode_events, encode_events
from tallymill.kernel.errors import Invalid


def read(text: str):
    return decode_events(f'{{"timestamp":"{text}"}}'.encode())[0].timestamp


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2019-10-04T01:52:07-03:00", "2019-10-04T01:52:07-03:00"),
        ("2019-10-04t01:52:07z", "2019-10-04T01:52:07+00:00"),
        ("2019-10-04 01:52:07Z", "2019-10-04T01:52:07+00:00"),
        ("2019-10-04T01:52:07-00:00", "2019-10-04T01:52:07+00:00"),
        ("2019-10-04T01:52:07+0530", "2019-10-04T01:52:07+05:30"),
        ("2019-10-04T01:52:07.1+23:59", "2019-10-04T01:52:07.100000+23:59"),
        ("2019-10-04T01:52:07.123456Z", "2019-10-04T01:52:07.123456+00:00"),
        # What ISO 8601 allows besides RFC 3339.
        ("2019-10-04 01:52:07+00", "2019-10-04T01:52:07+00:00"),
        ("2019-10-04T01:52-03:00", "2019-10-04T01:52:00-03:00"),
        ("20191004T015207Z", "2019-10-04T01:52:07+00:00"),
        ("20191004T015207,5-0300", "2019-10-04T01:52:07.500000-03:00"),
        ("2019-10-04T24:00:00Z", "2019-10-05T00:00:00+00:00"),
        # Rounded to the nearest microsecond, on the fast path and on the slow one.
        ("2019-10-04T01:52:07.1234565Z", "2019-10-04T01:52:07.123457+00:00"),
        ("2019-10-04T01:52:07.12345649Z", "2019-10-04T01:52:07.123456+00:00"),
        ("2019-12-31T23:59:59.9999999Z", "2020-01-01T00:00:00+00:00"),
        ("2019-12-31T23:59:59,9999999Z", "2020-01-01T00:00:00+00:00"),
        # A leap second is the last microsecond before midnight, UTC.
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999+00:00"),
        ("2017-01-01T05:29:60.5+05:30", "2017-01-01T05:29:59.999999+05:30"),
    ],
)
def test_iso_8601_with_an_offset_is_taken(given, kept):
    assert read(given).isoformat() == kept


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "no date and time"),
        ("2019-10-04", "no date and time"),
        ("1570150327", "no date and time"),
        ("2019-W40-5T01:52:07Z", "no date and time"),
        ("2019-10-04_01:52:07Z", "no date and time"),
        ("2019-10-04T01:52:07.Z", "no date and time"),
        (" 2019-10-04T01:52:07Z", "no date and time"),
        ("٢019-10-04T01:52:07Z", "no date and time"),
        ("2019-10-04T01:52:07", "has no offset"),
        ("2019-10-04 01:52", "has no offset"),
        ("2019-02-29T00:00:00Z", "does not exist"),
        ("2019-13-01T00:00:00Z", "does not exist"),
        ("0000-01-01T00:00:00Z", "does not exist"),
        ("2019-10-04T24:00:01Z", "does not exist"),
        ("9999-12-31T24:00:00Z", "does not exist"),
        ("9999-12-31T23:59:59.9999999Z", "does not exist"),
        ("2019-10-04T01:52:60Z", "does not exist"),
        ("2016-12-30T23:59:60Z", "does not exist"),
        ("2019-10-04T01:52:61Z", "does not exist"),
        ("2019-10-04T01:52:07+24:00", "does not exist"),
        ("2019-10-04T01:52:07+05:60", "does not exist"),
    ],
)
def test_anything_else_is_refused_with_the_reason(given, words):
    with pytest.raises(Invalid, match=words) as caught:
        read(given)

    assert caught.value.faults[0].pointer == "/timestamp"


def test_a_long_wrong_timestamp_is_not_repeated_whole():
    with pytest.raises(Invalid) as caught:
        read("9" * 100_000)

    assert len(caught.value.detail) < 250


@pytest.mark.parametrize("offset", ["-03:00", "+05:30", "+12:45", "-00:30"])
def test_the_offset_is_kept_through_a_block(offset):
    events = decode_events(f'{{"timestamp":"2019-10-04T01:52:07{offset}"}}'.encode())

    (again,) = decode_block(encode_events(events))

    assert again.timestamp.utcoffset() == events[0].timestamp.utcoffset()
    assert again.timestamp.utcoffset() != timedelta(0)
