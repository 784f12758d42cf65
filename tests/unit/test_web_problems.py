"""Every error has a status, says what happened, and says nothing of the inside."""

import msgspec
import pytest

from tallymill.kernel import errors
from tallymill.kernel.errors import (
    Fault,
    Invalid,
    NotFound,
    Overloaded,
    TallymillError,
    TooLarge,
    Unavailable,
)
from tallymill.web.faults import body_fault, fault_of, pointer_of
from tallymill.web.problems import STATUS, TooSlow, WrongMethod, problem_of


def told(error):
    found = problem_of(error)
    return found.status, msgspec.json.decode(found.body), dict(found.headers)


def test_every_error_of_the_tree_has_a_status():
    tree = [
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, TallymillError)
    ]

    assert {each.code for each in tree} - set(STATUS) == {"error"}


def test_a_problem_says_type_title_status_detail_and_faults():
    error = Invalid(
        "Two are bad.", faults=[Fault("/0/x", "is no key")], fault_count=250
    )

    status, body, _ = told(error)

    assert status == 422
    assert body == {
        "type": "urn:tallymill:problem:invalid",
        "title": "The request is not as it must be",
        "status": 422,
        "detail": "Two are bad.",
        "errors": [{"pointer": "/0/x", "detail": "is no key"}],
        "errors_total": 250,
    }


def test_faults_are_left_out_where_there_are_none():
    assert set(told(NotFound("No."))[1]) == {"type", "title", "status", "detail"}


def test_an_unknown_error_is_a_500_that_tells_nothing():
    status, body, _ = told(RuntimeError("password=hunter2"))

    assert status == 500
    assert "hunter2" not in str(body)


@pytest.mark.parametrize(
    ("seconds", "told_s"), [(0.01, b"1"), (1.0, b"1"), (1.2, b"2")]
)
def test_retry_after_is_whole_seconds_and_at_least_one(seconds, told_s):
    status, _, headers = told(Overloaded("Full.", retry_after_s=seconds))

    assert (status, headers[b"retry-after"]) == (503, told_s)


def test_whoever_can_come_again_is_told_so():
    assert b"retry-after" in told(Unavailable("Away."))[2]
    assert b"retry-after" not in told(TooLarge("Large."))[2]


def test_a_wrong_method_says_which_are_right_and_a_trickle_closes():
    assert told(WrongMethod("No.", allowed="GET, POST"))[2] == {b"allow": b"GET, POST"}
    assert told(TooSlow("Slow."))[2] == {b"connection": b"close"}


@pytest.mark.parametrize(
    ("path", "pointer"),
    [("", ""), (".a", "/a"), (".jobs[3].name", "/jobs/3/name"), (".a/b~c", "/a~1b~0c")],
)
def test_a_decoders_path_becomes_a_json_pointer(path, pointer):
    assert pointer_of(path) == pointer


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        (
            "Object contains unknown field `zz` - at `$.data`",
            Fault("/zz", "is no field here; leave it out"),
        ),
        ("Object missing required field `from`", Fault("/from", "is missing")),
        (
            "Expected `int` >= 1 - at `$.data.count`",
            Fault("/count", "must be a whole number of at least 1"),
        ),
        (
            "Expected `object`, got `array`",
            Fault("", "must be an object, not an array"),
        ),
        (
            "Expected `str | null`, got `int` - at `$.data.name`",
            Fault("/name", "must be a string or null, not a whole number"),
        ),
        (
            "Expected `str` of length >= 1 - at `$.x`",
            Fault("/x", "must be a string whose length is at least 1"),
        ),
    ],
)
def test_a_decoders_message_becomes_a_fault_with_its_place(message, fault):
    assert fault_of(message) == fault


def test_a_body_of_the_wrong_shape_is_told_as_a_whole():
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.json.decode(b"[1]", type=dict[str, object])

    assert body_fault(refused.value).faults[0].pointer == ""
