"""RFC 8259, value by value, as an event's data: what is JSON and what only looks so."""

import json

import pytest

from tallymill.events.codec import decode_block, decode_events, encode_events
from tallymill.events.ndjson import decode_ndjson
from tallymill.kernel.errors import Malformed

GOOD = [
    b"0", b"-0", b"-1", b"10", b"1.5", b"-1.5e10", b"1E+2", b"1e-2", b"0e1", b"0.0e-0",
    b"123456789012345678901234567890", b"1" * 1000, b"0." + b"3" * 1000, b"1e400",
    b"null", b"true", b"false",
    b'""', b'" "', b'"a"', b'"\x7f"', rb'"\""', rb'"\\"', rb'"\/"', rb'"\b\f\n\r\t"',
    rb'"\u0000"', rb'"\u001f"', rb'"\u00e9"', rb'"\u2028"', rb'"\uFFFF"', rb'"\uD834\uDD1E"',
    rb'"\\u0000"', rb'"\\ud800"', "\"é\"".encode(), "\"€\"".encode(), "\"😀\"".encode(),
    b'"\xf4\x8f\xbf\xbf"', b'"\xef\xbf\xbf"', b'"\xef\xbb\xbf"', b'"\xe2\x80\xa8"',
    b"[]", b"[ ]", b"[1]", b"[1,2]", b"[ 1 , 2 ]", b"[[]]", b"[[],[[]]]", b"[null,\t\r\n1]",
    b"{}", b"{ }", b'{"a":1}', b'{ "a" : 1 , "b" : 2 }', b'{"":0}', b'{"a":1,"a":2}',
    b'{"a":{"b":[{}]}}', rb'{"\u0061":1}', b'{"[":"]","{":"}"}', b'"[[[["', b'"}"',
]  # fmt: skip

BAD = [
    b"", b" ", b"-", b"+1", b"01", b"-01", b"00", b"1.", b".5", b"-.5", b"1e", b"1e+", b"1.e1",
    b"0x1", b"1_000", b"1,", b"1 2", b"--1", b"1-", b"0e", b"1eE2", b"\xef\xbc\x91",
    b"NaN", b"nan", b"Infinity", b"-Infinity", b"inf", b"-NaN",
    b"nul", b"nulll", b"Null", b"TRUE", b"tru", b"truth", b"undefined", b"None",
    b'"', b'"a', b"'a'", b'"\\"', b'"\x00"', b'"\x1f"', b'"\n"', b'"\t"', rb'"\x41"', rb'"\a"',
    rb'"\0"', rb'"\u"', rb'"\u12"', rb'"\u00g0"', rb'"\U0041"', b'"a"b"', b'"\\', b'a"', b"abc",
    b'"\xff"', b'"\xc3"', b'"\x80"', b'"\xe2\x82"', b'"\xf5\x80\x80\x80"', b'"\xed\xb0\x80"',
    b'"\xc0\x80"', b'"\xe0\x80\x80"', b'"\xf0\x80\x80\x80"', b"\xff",
    rb'"\ud800"', rb'"\ud800x"', rb'"\ud800\n"', rb'"\ud800\ud800"', rb'"\udc00"', rb'"\udc00\ud800"',
    b"[", b"]", b"[1", b"[1,", b"[,]", b"[,1]", b"[1,]", b"[1,,2]", b"[1 2]", b"[1;2]", b"[1:2]",
    b"[}", b"[1}", b"(1)", b"[a]", b"[1]]", b"[[]", b"[/**/]", b"[1 // x\n]", b"[...]",
    b"{", b"}", b'{"a"', b'{"a":', b'{"a":1', b'{"a":1,', b'{"a":1,}', b"{,}", b'{,"a":1}', b"{1:1}",
    b"{a:1}", b"{'a':1}", b'{"a"}', b'{"a" 1}', b'{"a"::1}', b'{"a":1 "b":2}', b'{"a":1;}', b"{]",
    b'{"a":1}}', b'{"a":1}{"b":2}', b'{"a":1}#', b"{null:1}", b'{"a":}', b"\x00", b"1\x00",
    b"\xef\xbb\xbf1", b"\x0c1", b"\xc2\xa01", b"\xe2\x81\xa01",
]  # fmt: skip


def event_with(data: bytes) -> bytes:
    return b'{"timestamp":"2019-10-04T01:52:07Z","data":' + data + b"}"


@pytest.mark.parametrize("data", GOOD, ids=lambda data: repr(data[:20]))
def test_json_is_taken_and_kept_to_the_letter(data):
    (event,) = decode_events(b"[" + event_with(data) + b"]")

    assert bytes(event.data) == data
    assert bytes(decode_block(encode_events([event]))[0].data) == data
    json.loads(data)


@pytest.mark.parametrize("data", BAD, ids=lambda data: repr(data[:20]))
def test_what_only_looks_like_json_is_refused(data):
    with pytest.raises(Malformed, match="byte"):
        decode_events(b"[" + event_with(data) + b"]")
    with pytest.raises(Malformed, match="byte"):
        decode_events(event_with(data))


@pytest.mark.parametrize("data", BAD, ids=lambda data: repr(data[:20]))
def test_a_bad_line_is_refused_beside_good_ones(data):
    good = event_with(b"1")

    with pytest.raises(Malformed, match="byte"):
        decode_ndjson(good + b"\n" + event_with(data) + b"\n" + good)
