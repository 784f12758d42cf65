"""One event to a line, each line by itself."""

import pytest

from tallymill.events.model import Limits
from tallymill.events.ndjson import decode_ndjson, decode_ndjson_partial
from tallymill.kernel.errors import Invalid, Malformed, TooLarge

GOOD = b'{"timestamp":"2019-10-04T01:52:07-03:00","data":1}'


def refused(body: bytes, error: type[Exception] = Malformed) -> dict[str, str]:
    with pytest.raises(error) as caught:
        decode_ndjson(body)
    return {fault.pointer: fault.detail for fault in caught.value.faults}


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (b"", 0),
        (b"\n\r\n \n", 0),
        (GOOD, 1),
        (GOOD + b"\n", 1),
        (GOOD + b"\n" + GOOD, 2),
        (GOOD + b"\r\n" + GOOD + b"\r\n", 2),
        (b"\n\n" + GOOD + b"\n \t\n  " + GOOD + b" \n\n", 2),
    ],
)
def test_blank_lines_and_both_line_ends_are_fine(body, count):
    assert len(decode_ndjson(body)) == count


def test_lines_that_are_good_only_when_joined_are_refused():
    """
    Joined by commas into an array these three are two events and valid JSON.
    """
    head, tail = b'{"timestamp":"2019-10-04T01:52:07Z","data":[1', b"2]}"

    faults = refused(head + b"\n" + tail + b"\n" + GOOD)

    assert set(faults) == {"/0", "/1"}
    assert "is no JSON" in faults["/0"]


@pytest.mark.parametrize("between", [b"", b" ", b",", b"\r"])
def test_two_events_on_one_line_are_refused(between):
    assert set(refused(GOOD + b"\n" + GOOD + between + GOOD)) == {"/1"}


def test_an_event_on_two_lines_is_refused():
    assert set(refused(GOOD.replace(b",", b",\n"))) == {"/0", "/1"}


def test_as_many_events_as_lines_are_not_enough():
    """
    The decoder of many values takes a line's end for any other blank.
    """
    two_lines = GOOD.replace(b",", b",\n")

    assert set(refused(GOOD + GOOD + b"\n" + two_lines)) == {"/0", "/1", "/2"}
    assert set(refused(GOOD + GOOD + b"\n" + GOOD + b"\n\n")) == {"/0"}


def test_plain_lines_are_read_with_or_without_an_end():
    body = b"\n".join([GOOD.replace(b"}", b',"data":[1]}')] * 3)
    plain = (GOOD.replace(b"}", b',"data":[1]}') + b"\n") * 3

    for lines in (body, bytearray(plain)):
        events = decode_ndjson(lines)
        assert [bytes(event.data) for event in events] == [b"[1]"] * 3


def test_a_broken_line_is_named_by_byte_line_and_column():
    faults = refused(GOOD + b"\n\n{nope}\n" + GOOD)

    assert set(faults) == {"/2"}
    byte = len(GOOD) + 3
    assert f"byte {byte} (line 3, column 2)" in faults["/2"]


def test_every_bad_event_is_listed_by_its_line():
    faults = refused(b"{}\n\n" + GOOD + b"\n7\n[]\n", Invalid)

    assert set(faults) == {"/0/timestamp", "/3", "/4"}


def test_bad_utf8_is_named_by_its_byte():
    with pytest.raises(Malformed, match=rf"byte {len(GOOD) + 2} "):
        decode_ndjson(GOOD + b'\n"\xff"')


@pytest.mark.parametrize("levels", [129, 100_000])
def test_a_line_that_is_nested_too_deeply_is_refused(levels):
    deep = GOOD.replace(b"1}", b"[" * levels + b"]" * levels + b"}")

    faults = refused(GOOD + b"\n" + deep)

    assert "deeper than 128 levels" in "".join(faults.values())
    assert next(iter(faults)).startswith("/1")


def test_an_event_over_its_limit_is_named_by_its_line():
    large = GOOD.replace(b"1}", b'"' + b"x" * 300_000 + b'"}')

    assert set(refused(GOOD + b"\n\n" + large, TooLarge)) == {"/2"}


def test_a_body_over_its_limit_is_refused():
    with pytest.raises(TooLarge):
        decode_ndjson(GOOD, limits=Limits(body_bytes=5))


def test_bad_lines_are_set_aside_and_the_others_kept():
    sifted = decode_ndjson_partial(GOOD + b"\n{nope\n{}\n\n" + GOOD + b"\n")

    assert list(sifted.indexes) == [0, 4]
    assert [one.index for one in sifted.rejected] == [1, 2]
    assert [one.error for one in sifted.rejected] == [Malformed, Invalid]


def test_a_body_without_any_line_of_json_is_refused_even_in_part():
    with pytest.raises(Malformed):
        decode_ndjson_partial(b"<html>\n</html>\n")
