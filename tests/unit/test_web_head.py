"""What a request's head may say: parameters, content types, keys."""

import pytest

from tallymill.kernel.errors import Invalid, Malformed, UnsupportedMedia
from tallymill.web.formats import check_is_json, reader_of
from tallymill.web.keys import idempotency_key
from tallymill.web.query import read_query, read_truth, read_whole


def scope(**headers):
    pairs = [(k.replace("_", "-").encode(), v) for k, v in headers.items()]
    return {"headers": pairs}


def test_known_parameters_are_decoded():
    raw = b"stream=a%20b%C3%A9&partial="

    assert read_query(raw, {"stream", "partial"}) == {"stream": "a bé", "partial": ""}


def test_every_unknown_and_every_repeated_parameter_is_named():
    with pytest.raises(Invalid) as refused:
        read_query(b"strem=a&stream=a&stream=b&x=1", {"stream"})

    assert [fault.pointer for fault in refused.value.faults] == ["strem", "stream", "x"]
    assert "'strem' is no parameter here; taken: stream" in refused.value.detail


@pytest.mark.parametrize("raw", [b"stream=%ff", b"\xff=1", b"a=1&" * 101])
def test_a_query_that_cannot_be_read_is_malformed(raw):
    with pytest.raises(Malformed):
        read_query(raw, {"stream", "a"})


@pytest.mark.parametrize("text", ["True", "1", "", "yes"])
def test_truth_is_said_with_true_or_false_only(text):
    with pytest.raises(Invalid, match="must be true or false"):
        read_truth({"partial": text}, "partial")


def test_truth_that_is_left_out_is_false():
    assert read_truth({}, "partial") is False
    assert read_truth({"partial": "true"}, "partial") is True


@pytest.mark.parametrize("text", ["-1", "11", "1.0", "", "٣", "9" * 400])
def test_a_number_out_of_range_is_refused_with_its_range(text):
    with pytest.raises(Invalid, match="limit must be a whole number from 1 to 10"):
        read_whole({"limit": text}, "limit", least=1, most=10)


@pytest.mark.parametrize(
    "value",
    [
        b"application/json",
        b"Application/JSON ; charset=UTF-8",
        b'application/json;charset="utf-8"',
        b"application/x-ndjson",
        b"application/cloudevents+json",
        b"application/cloudevents-batch+json; charset=utf-8",
    ],
)
def test_the_contracts_content_types_are_taken(value):
    assert reader_of(scope(content_type=value), partial=False)


@pytest.mark.parametrize("value", [b"text/plain", b"", b"application/xml", b"\xff"])
def test_other_content_types_are_refused_and_those_taken_named(value):
    with pytest.raises(UnsupportedMedia) as refused:
        reader_of(scope(content_type=value), partial=False)

    for taken in ("json", "x-ndjson", "cloudevents+json", "cloudevents-batch+json"):
        assert f"application/{taken}" in refused.value.detail


def test_what_curl_says_by_itself_is_refused_with_what_to_add():
    value = b"application/x-www-form-urlencoded"

    with pytest.raises(UnsupportedMedia, match="-H 'Content-Type: application/json'"):
        reader_of(scope(content_type=value), partial=False)


def test_a_missing_content_type_is_refused():
    with pytest.raises(UnsupportedMedia, match="Content-Type is missing"):
        reader_of(scope(), partial=False)


def test_a_charset_other_than_utf8_is_refused():
    value = b"application/json; charset=latin-1"

    with pytest.raises(UnsupportedMedia, match="'latin-1'"):
        reader_of(scope(content_type=value), partial=False)


def test_where_json_is_the_only_form_a_missing_type_is_taken_for_it():
    check_is_json(scope())
    check_is_json(scope(content_type=b"application/problem+json"))
    with pytest.raises(UnsupportedMedia):
        check_is_json(scope(content_type=b"text/csv"))


@pytest.mark.parametrize("value", [b"", b"a b", b"\x00", b"\xc3\xa9", b"k" * 256])
def test_a_key_is_1_to_255_visible_ascii_characters(value):
    with pytest.raises(Malformed, match="Idempotency-Key"):
        idempotency_key(scope(idempotency_key=value))


def test_a_key_that_comes_twice_is_refused():
    twice = {"headers": [(b"idempotency-key", b"a"), (b"idempotency-key", b"a")]}

    with pytest.raises(Malformed, match="more than once"):
        idempotency_key(twice)


def test_a_good_key_is_given_back():
    assert idempotency_key(scope(idempotency_key=b"k" * 255)) == "k" * 255
    assert idempotency_key(scope()) is None
