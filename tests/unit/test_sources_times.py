"""How a moment is bound, so that it compares rightly with texts in a database."""

import itertools
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tallymill.sources.times import bound_value, shortest

KOLKATA = "Asia/Kolkata"
MIDNIGHT = datetime(2022, 12, 12, tzinfo=ZoneInfo(KOLKATA))
AFTERNOON = datetime(2022, 12, 12, 13, 0, 0, 500, tzinfo=ZoneInfo(KOLKATA))


def bound(value, style="auto", dialect="sqlite"):
    return bound_value(value, style=style, dialect=dialect, timezone=KOLKATA)


@pytest.mark.parametrize(
    ("style", "midnight", "afternoon"),
    [
        ("auto", "2022-12-12", "2022-12-12 13:00:00.000500"),
        ("local", "2022-12-12", "2022-12-12 13:00:00.000500"),
        ("utc", "2022-12-11 18:30:00", "2022-12-12 07:30:00.000500"),
        ("local-t", "2022-12-12", "2022-12-12T13:00:00.000500"),
        ("utc-t", "2022-12-11T18:30:00", "2022-12-12T07:30:00.000500"),
        ("unix", 1670783400, 1670830200.0005),
        ("native", MIDNIGHT, AFTERNOON),
    ],
)
def test_each_style_has_its_form(style, midnight, afternoon):
    assert bound(MIDNIGHT, style) == midnight
    assert bound(AFTERNOON, style) == afternoon


def test_auto_goes_by_the_database():
    assert bound(MIDNIGHT, dialect="postgresql") == MIDNIGHT
    assert bound(MIDNIGHT, dialect="mysql") == MIDNIGHT.replace(tzinfo=None)


def test_the_zone_is_the_jobs_whatever_the_values_own():
    assert bound(MIDNIGHT.astimezone(UTC)) == "2022-12-12"


@pytest.mark.parametrize(
    "value", [5, "x", None, MIDNIGHT.replace(tzinfo=None), 1.5, b"raw"]
)
def test_everything_else_is_bound_as_it_is(value):
    assert bound(value) is value


def test_a_boundary_parts_the_days_in_every_form_of_text():
    """
    `timestamp >= :start AND timestamp < :end` must neither lose nor double the first
    moment of a day, however the data writes it.
    """
    start, end = bound(MIDNIGHT), bound(MIDNIGHT.replace(day=13))
    forms = [
        "2022-12-{}",
        "2022-12-{} 00:00:00",
        "2022-12-{}T00:00:00",
        "2022-12-{} 00:00:00.000000",
        "2022-12-{}T00:00:00+05:30",
    ]
    inside = [form.format(12) for form in forms]
    outside = [form.format(day) for form, day in itertools.product(forms, (11, 13))]

    assert all(start <= text < end for text in inside)
    assert not any(start <= text < end for text in outside)


def test_a_whole_second_has_no_fraction():
    assert (
        shortest(MIDNIGHT.replace(hour=1, minute=2, second=3), " ")
        == "2022-12-12 01:02:03"
    )
