"""One received event as one harmless line."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallymill.client.escapes import escaped, shortened
from tallymill.client.lines import json_of, line_of


def event(data, *, timestamp="2021-02-06T17:35:30Z", **more):
    return msgspec.json.encode(
        {
            "timestamp": timestamp,
            "subject": "1",
            "instance": "290ad619a440",
            "data": data,
            **more,
        }
    ).decode()


def test_the_line_is_that_of_the_seed():
    assert line_of(event("test data")) == (
        '<2021-02-06 17:35:30:000>: [1]: "test data" [290ad619a440]'
    )


@pytest.mark.parametrize(
    ("timestamp", "shown"),
    [
        ("2021-02-06T17:35:30.9999999+01:00", "2021-02-06 16:35:30:999"),
        ("0999-01-01T00:00:00.05Z", "0999-01-01 00:00:00:050"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),
        ("soon\x1b[2J", r"soon\u001b[2J"),
    ],
    ids=["another zone", "early", "before all time", "none"],
)
def test_moments_are_in_utc_to_the_millisecond(timestamp, shown):
    assert line_of(event("", timestamp=timestamp)).startswith(f"<{shown}>: [1]")


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ('"\\u0041\\ud83d\\ude00"', '"A\U0001f600"'),
        ('"a\\"b\\\\c"', '"a\\"b\\\\c"'),
        ('{"a": [1,\n 2.50]}', '{"a":[1,2.50]}'),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ('"\u202e\x7f"', r'"\u202e\u007f"'),
        ('"\U000e0041"', r'"\udb40\udc41"'),
    ],
    ids=["text", "quotes", "object", "large", "hidden", "tag"],
)
def test_data_is_shown_on_one_line_without_what_a_terminal_obeys(data, shown):
    text = f'{{"timestamp":"2021-02-06T17:35:30Z","subject":"1","data":{data}}}'

    assert line_of(text).endswith(f": [1]: {shown} []")


NESTED = '{"timestamp":"","data":' + "[" * 9000 + "]" * 9000 + "}"
HALF = '{"timestamp":"2021-02-06T17:35:30Z","data":"\\ud800"}'


@pytest.mark.parametrize(
    "data",
    ["", "[]", '{"data": 1}', "\x1b[2J\n", NESTED, HALF],
    ids=["empty", "list", "no moment", "escapes", "nested", "half a pair"],
)
def test_what_is_no_event_is_shown_harmless(data):
    assert line_of(data) == escaped(data)


def test_an_event_without_data_shows_null():
    assert line_of('{"timestamp":"2021-02-06T17:35:30Z","subject":"1"}') == (
        "<2021-02-06 17:35:30:000>: [1]: null []"
    )


@given(st.text(), st.text(), st.text())
def test_nothing_reaches_the_terminal_that_it_would_obey(data, subject, instance):
    line = line_of(event(data, subject=subject, instance=instance))

    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in line)


@given(st.text())
def test_a_line_of_json_means_what_was_sent(data):
    line = json_of(event(data), "e-1.2")

    assert msgspec.json.decode(line)["data"] == data
    assert msgspec.json.decode(line)["position"] == "e-1.2"
    assert line.isascii() or not set(line) & set("\n\r\x1b\x85\u2028\u202e")


def test_long_texts_are_cut():
    assert shortened("abcdef", 3) == "abc..."
    assert shortened("a\tb", 3) == r"a\u0009b"
