"""JSON bodies: what is taken to the letter, and how each refusal names its place."""

from datetime import datetime, timedelta, timezone

import msgspec
import pytest

from tallymill.events.codec import (
    decode_block,
    decode_events,
    decode_partial,
    encode_events,
)
from tallymill.events.model import Event, Limits
from tallymill.kernel.errors import Corrupt, Invalid, Malformed, TooLarge

WHEN = b'"timestamp":"2019-10-04T01:52:07-03:00"'
GOOD = b"{" + WHEN + b',"data":12312}'


def with_data(data: bytes) -> bytes:
    return b"[{" + WHEN + b',"data":' + data + b"}]"


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def faults_of(body: bytes) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        decode_events(body)
    return {fault.pointer: fault.detail for fault in caught.value.faults}


def test_the_seeds_event_is_read():
    (event,) = decode_events(b"[" + GOOD + b"]")

    offset = timezone(timedelta(hours=-3))
    assert event.timestamp == datetime(2019, 10, 4, 1, 52, 7, tzinfo=offset)
    assert event.timestamp.utcoffset() == timedelta(hours=-3)
    assert bytes(event.data) == b"12312"
    assert (event.id, event.subject) == (None, None)


@pytest.mark.parametrize("body", [GOOD, b" \n" + GOOD + b"\n", b"[" + GOOD + b"]"])
def test_one_event_needs_no_array(body):
    assert len(decode_events(body)) == 1


def test_an_empty_array_holds_no_events():
    assert decode_events(b" [ ] ") == []


def test_a_bytearray_is_read_as_well():
    assert len(decode_events(bytearray(b"[" + GOOD + b"]"))) == 1


def test_no_data_is_not_the_same_as_null():
    without, null = decode_events(b"[{" + WHEN + b"},{" + WHEN + b',"data":null}]')

    assert without.data is msgspec.UNSET
    assert bytes(null.data) == b"null"
    assert encode_events([without, null]).count(b"data") == 1


def test_the_same_id_twice_is_no_fault():
    event = b"{" + WHEN + b',"id":"a"}'

    assert len(decode_events(b"[" + event + b"," + event + b"]")) == 2


@pytest.mark.parametrize(
    "data",
    [
        b"73786976294838206464",
        b"0.100000000000000000000000000001",
        b"1e400",
        b"-1E-400",
        b"-0",
        b"1" * 5000,
        b'{"a":1,"a":2}',
        rb'"\u0000"',
        rb'"\ud83d\ude00 \/ \u00e9"',
        '"é😀\u2028"'.encode(),
        b'{ "spaced" : [ 1 , 2 ] }',
        b"true",
        nested(128),
        b'"' + b"[" * 1000 + b'"',
        b'{"a":"\\"' + b"[{" * 500 + b'"}',
    ],
    ids=lambda data: data[:24].decode(),
)
def test_data_comes_back_to_the_letter(data):
    events = decode_events(with_data(data))

    assert bytes(events[0].data) == data
    assert bytes(decode_block(encode_events(events))[0].data) == data


@pytest.mark.parametrize(
    ("body", "byte", "words"),
    [
        (b"", 0, "empty"),
        (b" \n", 2, "empty"),
        (b"[", 1, "ends too early"),
        (b"[" + GOOD, 1 + len(GOOD), "ends too early"),
        (b"[" + GOOD + b",]", 2 + len(GOOD), "trailing comma"),
        (b"[" + GOOD + b"] x", 3 + len(GOOD), "after its end"),
        (b"\xef\xbb\xbf[]", 0, "byte order mark"),
        (with_data(b"NaN"), 49, "NaN is no JSON value"),
        (with_data(b"-Infinity"), 50, "Infinity is no JSON value"),
        (with_data(b'"\xff"'), 50, "0xff is not valid UTF-8"),
        (with_data(b'"\xed\xa0\x80"'), 50, "0xed is not valid UTF-8"),
        (with_data(b'"\xc0\xaf"'), 50, "0xc0 is not valid UTF-8"),
        (with_data(b"\xe2\x82"), 49, "0xe2 is not valid UTF-8"),
        (with_data(b"01"), 50, "number"),
        (with_data(b"'x'"), 49, "invalid character"),
        (with_data(b'"\x01"'), 50, "invalid character"),
        (with_data(b"{'a':1}"), 50, "expected"),
        (with_data(b"[1,]"), 52, "trailing comma"),
    ],
)
def test_what_is_no_json_is_refused_with_its_byte(body, byte, words):
    with pytest.raises(Malformed, match=words) as caught:
        decode_events(body)

    assert f"byte {byte} " in caught.value.detail


@pytest.mark.parametrize("escape", [r"\ud800", r"\udc00", r"\ud800\u0041", r"\uDBFF"])
def test_half_a_surrogate_pair_is_refused_by_name(escape):
    """
    It stands for no character: neither Python's text nor a database takes it, so it
    would be stored and then break whoever reads it.
    """
    with pytest.raises(Malformed, match="half of a surrogate pair"):
        decode_events(with_data(b'"' + escape.encode() + b'"'))


def test_a_malformed_byte_has_its_line_and_column():
    with pytest.raises(Malformed, match=r"byte 6 \(line 3, column 4\)"):
        decode_events(b"[\n\n   ?]")


@pytest.mark.parametrize("levels", [129, 500, 900, 100_000])
@pytest.mark.parametrize("closed", [b"[", b'{"a":'], ids=["arrays", "objects"])
def test_nesting_beyond_the_limit_is_refused_at_the_byte(levels, closed):
    end = {b"[": b"]", b'{"a":': b"}"}[closed]
    body = with_data(closed * levels + b"1" + end * levels)

    with pytest.raises(Malformed, match="deeper than 128 levels") as caught:
        decode_events(body)

    assert f"at byte {49 + 128 * len(closed)}" in caught.value.detail


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, nested(100_000)])
def test_a_body_that_is_nothing_but_nesting_is_refused(body):
    with pytest.raises((Malformed, Invalid)):
        decode_events(body)


def test_deep_data_with_gaps_between_its_brackets_is_found():
    """
    Only an exact count tells this from wide and flat data, which is fine.
    """
    deep = b"[0,[1]," * 129 + b"2" + b"]" * 129
    wide = b"[" + b"[[],{}]," * 5000 + b"0]"

    with pytest.raises(Malformed, match="deeper"):
        decode_events(with_data(deep))
    assert len(decode_events(with_data(wide))) == 1


def test_every_bad_event_is_listed_by_index_field_and_reason():
    faults = faults_of(
        b"["
        + b",".join(
            [
                GOOD,
                b"7",
                b"{}",
                b'{"timestamp":"2019-10-04T01:52:07"}',
                b'{"timestamp":"yesterday"}',
                b'{"timestamp":1570150327}',
                b"{" + WHEN + b',"id":5}',
                b"{" + WHEN + b',"id":""}',
                b"{" + WHEN + b',"subject":[1]}',
                b"{" + WHEN + b',"colour":"red"}',
                b"{" + WHEN + b',"id":"' + b"x" * 256 + b'"}',
                b"{" + WHEN + b',"subject":"' + b"x" * 1025 + b'"}',
                GOOD,
            ]
        )
        + b"]"
    )

    assert faults["/1"] == "is a number; it must be an object"
    assert "is missing" in faults["/2/timestamp"]
    assert "has no offset" in faults["/3/timestamp"]
    assert "'yesterday' is no date and time" in faults["/4/timestamp"]
    assert "is a number; it must be a string" in faults["/5/timestamp"]
    assert faults["/6/id"] == "is a number; it must be a string"
    assert faults["/7/id"] == "has 0 characters; it must have 1 to 255 characters"
    assert faults["/8/subject"] == "is an array; it must be a string"
    assert "is not a key of an event" in faults["/9/colour"]
    assert "256 characters" in faults["/10/id"]
    assert "1025 characters" in faults["/11/subject"]
    assert len(faults) == 11


def test_all_faults_of_one_event_are_listed():
    body = b'[{"timestamp":null,"id":1,"a/b~c":2,"subject":""}]'

    assert set(faults_of(body)) == {
        "/0/timestamp",
        "/0/id",
        "/0/a~1b~0c",
        "/0/subject",
    }


def test_a_single_events_faults_point_into_it():
    assert set(faults_of(b'{"timestamp":1}')) == {"/timestamp"}


def test_null_means_that_an_event_has_no_id_or_subject():
    (event,) = decode_events(b"{" + WHEN + b',"id":null,"subject":null}')

    assert (event.id, event.subject) == (None, None)


def test_a_key_written_with_escapes_is_the_same_key():
    (event,) = decode_events(b"{" + WHEN + rb',"\u0069d":"a"}')

    assert event.id == "a"


def test_of_many_faults_the_first_hundred_are_listed_and_all_counted():
    with pytest.raises(Invalid, match="250 of 251 events") as caught:
        decode_events(b"[" + GOOD + b",{}" * 250 + b"]")

    assert len(caught.value.faults) == 100
    assert caught.value.fault_count == 250


@pytest.mark.parametrize("body", [b"null", b"7", b'"x"', b"true"])
def test_a_body_that_is_no_event_and_no_array_is_invalid(body):
    assert "must be an array of events" in faults_of(body)[""]


def test_a_body_of_millions_of_wrong_values_is_refused_without_listing_them():
    """
    Taking it apart would cost a hundred times its size in memory.
    """
    with pytest.raises(Invalid, match="too large to look for more"):
        decode_events(b"[" + b"1," * 1_000_001 + b"1]")


def test_an_event_over_its_limit_is_named():
    with pytest.raises(TooLarge, match="/1 has 300049 bytes; the limit is 262144"):
        decode_events(
            b"[" + GOOD + b",{" + WHEN + b',"data":"' + b"x" * 299_998 + b'"}]'
        )


def test_an_event_at_its_limit_is_taken():
    limits = Limits(event_bytes=20_000)
    around = len(b"{" + WHEN + b',"data":""}')

    fits = b"{" + WHEN + b',"data":"' + b"x" * (20_000 - around) + b'"}'
    assert decode_events(fits, limits=limits)
    with pytest.raises(TooLarge):
        decode_events(fits.replace(b'x"', b'xx"'), limits=limits)


def test_a_body_over_its_limit_is_refused():
    with pytest.raises(TooLarge, match="11 bytes; the limit is 10"):
        decode_events(b" " * 11, limits=Limits(body_bytes=10))


def test_the_good_events_of_a_partly_bad_body_keep_their_places():
    body = b"[" + b",".join([GOOD, b"{}", GOOD, with_data(nested(129))[1:-1]]) + b"]"

    sifted = decode_partial(body)

    assert list(sifted.indexes) == [0, 2]
    assert [one.index for one in sifted.rejected] == [1, 3]
    assert sifted.rejected[0].faults[0].pointer == "/1/timestamp"
    assert "deeper" in sifted.rejected[1].faults[0].detail


def test_a_partly_bad_body_must_still_be_json():
    with pytest.raises(Malformed):
        decode_partial(b"[" + GOOD + b",{]")


def test_an_overweight_event_of_a_partly_bad_body_is_set_aside():
    large = b"{" + WHEN + b',"data":"' + b"x" * 300_000 + b'"}'

    sifted = decode_partial(b"[" + large + b"," + GOOD + b"]")

    assert list(sifted.indexes) == [1]
    assert sifted.rejected[0].error is TooLarge


def test_a_block_that_holds_no_events_is_corrupt():
    with pytest.raises(Corrupt, match="does not hold events"):
        decode_block(b"[{}]")


def test_events_do_not_copy_their_data_and_keep_the_body_alive():
    events = decode_events(bytearray(b"[" + GOOD + b"," + GOOD + b"]"))

    kept = memoryview(events[0].data)
    assert isinstance(events[0], Event)
    assert kept.obj is not None
    assert kept.nbytes == 5


def test_a_body_with_more_bad_events_than_can_be_named_is_refused_even_in_part():
    with pytest.raises(Invalid, match="100000 or more events"):
        decode_partial(b"[" + b"1," * 100_001 + b"1]")


def test_of_many_deep_events_only_those_that_are_listed_have_their_byte():
    """
    Finding it is slow, and a hostile body has room for tens of thousands.
    """
    deep = with_data(nested(129))[1:-1]
    body = b"[" + b",".join([deep] * 3) + b"]"

    sifted = decode_partial(body, limits=Limits(faults=2))

    said = [one.faults[0].detail for one in sifted.rejected]
    second = 1 + len(deep) + 1 + 48 + 128
    assert f"at byte {second}" in said[1]
    assert "at byte" not in said[2]


def test_an_event_of_wrong_keys_only_is_told_the_first_hundred():
    keys = b",".join(b'"k%d":1' % number for number in range(5000))

    sifted = decode_partial(b"[{" + WHEN + b"," + keys + b"}]")

    assert len(sifted.rejected[0].faults) == 100
