"""Answers as JSON: shapes, dates, decimals, bytes, and what has no form."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from job_parts import NOON, job_from, run_from

from tallymill.jobs.answers import (
    ANSWER_MOST_BYTES,
    answer_of,
    answer_of_nothing,
    answer_of_rows,
    plain,
)
from tallymill.kernel.errors import QueryFailed


def test_one_row_is_an_object_several_are_an_array_and_none_is_empty():
    assert answer_of_rows([{"a": 1}]) == b'{"a":1}'
    assert answer_of_rows([{"a": 1}, {"a": 2}]) == b'[{"a":1},{"a":2}]'
    assert answer_of_rows([]) == b"[]"


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (date(2022, 12, 21), b'"2022-12-21"'),
        (
            datetime(2022, 12, 21, tzinfo=ZoneInfo("Asia/Kolkata")),
            b'"2022-12-21T00:00:00+05:30"',
        ),
        (datetime(2022, 12, 21, 1, 2, 3), b'"2022-12-21T01:02:03"'),  # noqa: DTZ001 - naive is what is tried
        (datetime(2022, 12, 21, tzinfo=UTC), b'"2022-12-21T00:00:00Z"'),
        (
            Decimal("0.10000000000000000000000000001"),
            b"0.10000000000000000000000000001",
        ),
        (2**70, b"1180591620717411303424"),
        (b"\x00\xff", b'"AP8="'),
        (float("nan"), b"null"),
        (2140.3333333333335, b"2140.3333333333335"),
        (np.float64(1.5), b"1.5"),
        (np.int64(3), b"3"),
        (np.array([1, 2]), b"[1,2]"),
        (MappingProxyType({"a": 1}), b'{"a":1}'),
        (None, b"null"),
    ],
)
def test_each_kind_of_value_has_a_form(value, encoded):
    assert answer_of(value) == encoded


@pytest.mark.parametrize("value", [object(), {"a": {1j}}, {(1, 2): 3}])
def test_what_has_no_form_is_said_so(value):
    with pytest.raises(QueryFailed, match="no form in JSON"):
        answer_of(value)


def test_a_value_that_holds_itself_is_refused():
    ring = []
    ring.append(ring)

    with pytest.raises(QueryFailed, match="no form in JSON"):
        answer_of(ring)


def test_an_answer_has_a_longest_length():
    with pytest.raises(QueryFailed, match="ask for less"):
        answer_of("x" * ANSWER_MOST_BYTES)


def test_a_job_that_asks_nothing_says_that_it_ran():
    job = job_from(name="tick")

    answer = json.loads(answer_of_nothing(job, run_from("tick")))

    assert answer == {"job": "tick", "scheduled_for": NOON.isoformat()[:19] + "Z"}


def test_a_database_may_hold_what_json_cannot():
    assert plain(Decimal("NaN")) is None
    assert plain("a\ud800b") == "a?b"
    assert plain(b"raw") == b"raw"
