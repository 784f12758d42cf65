"""How events are read from files and cut into requests."""

import json
from io import BytesIO

import pytest

from tallymill.cli.batches import batches, read_events
from tallymill.kernel.errors import Malformed


def read(text):
    return [json.loads(e) for e in read_events(BytesIO(text.encode()), "the file")]


@pytest.mark.parametrize(
    "text",
    [
        '[{"a": 1}, {"a": 2}]',
        '\n\n[\n{"a": 1},\n{"a": 2}\n]\n',
        '{"a": 1}\n{"a": 2}\n',
        '{"a": 1}\r\n\r\n  {"a": 2}  ',
        '\ufeff{"a": 1}\n{"a": 2}',
    ],
    ids=["array", "array on lines", "ndjson", "ndjson with blanks", "byte order mark"],
)
def test_arrays_and_lines_are_both_read(text):
    assert read(text) == [{"a": 1}, {"a": 2}]


def test_one_object_may_stand_on_many_lines():
    assert read('{\n  "a": {\n    "b": 1\n  }\n}\n') == [{"a": {"b": 1}}]


def test_numbers_and_texts_are_passed_on_as_they_are_written():
    line = b'{"data":0.100000000000000000000000000001,"x":18446744073709551617}'

    assert list(read_events(BytesIO(line), "x")) == [line]


def test_nothing_is_read_from_nothing():
    assert read("") == []
    assert read("\n\n") == []
    assert list(batches([])) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a": 1}\n{"a": \n{"a": 2}', "line 2 is no JSON"),
        ('[{"a": 1}, ', "is no JSON array"),
        ("nonsense", "from line 1 is no JSON"),
        ('[{"a": 1}] x', "is no JSON array"),
    ],
    ids=["line", "array", "word", "more"],
)
def test_what_is_no_json_is_told_with_its_place(text, told):
    with pytest.raises(Malformed, match=told):
        read(text)


def test_malformed_lines_cannot_join_into_valid_ones():
    """
    `{"a":[1` and `2]}` make a valid event together that nobody wrote.
    """
    with pytest.raises(Malformed, match="line 2"):
        read('{"a": 0}\n{"a":[1\n2]}\n')


def test_a_batch_is_an_array_of_at_most_so_many_events():
    made = list(batches([b"1", b"2", b"3", b"4", b"5"], most_events=2))

    assert [batch.body for batch in made] == [b"[1,2]", b"[3,4]", b"[5]"]
    assert [(batch.first, batch.count) for batch in made] == [(0, 2), (2, 2), (4, 1)]


def test_a_batch_has_at_most_so_many_bytes_but_at_least_one_event():
    made = list(batches([b"1" * 10, b"2" * 90, b"3" * 10], most_bytes=50))

    assert [batch.count for batch in made] == [1, 1, 1]
    packed = list(batches([b"12345678"] * 100, most_bytes=100))
    assert all(len(batch.body) <= 100 for batch in packed)
    assert sum(batch.count for batch in packed) == 100
