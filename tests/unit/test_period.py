"""The stretch of time that a job asks about, and what `as_of` means."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tallymill.jobs.period import last_complete_period, resolve_as_of
from tallymill.kernel.errors import Invalid


@pytest.mark.parametrize(
    ("kind", "start", "end"),
    [
        ("hour", "2022-12-21T23:00:00+05:30", "2022-12-22T00:00:00+05:30"),
        ("day", "2022-12-21T00:00:00+05:30", "2022-12-22T00:00:00+05:30"),
        ("week", "2022-12-12T00:00:00+05:30", "2022-12-19T00:00:00+05:30"),
        ("month", "2022-11-01T00:00:00+05:30", "2022-12-01T00:00:00+05:30"),
    ],
)
def test_as_of_a_date_the_last_complete_period_is_before_it(kind, start, end):
    """The two jobs that came first ask for the day before, and for week 50."""
    now = resolve_as_of("2022-12-22", "Asia/Kolkata")

    period = last_complete_period(kind, now, "Asia/Kolkata")

    assert (period.start.isoformat(), period.end.isoformat()) == (start, end)


def test_a_period_that_ends_now_is_complete_and_one_that_ends_later_is_not():
    midnight = resolve_as_of(date(2022, 12, 19), "Asia/Kolkata")
    before = midnight - timedelta(seconds=1)

    complete = last_complete_period("week", midnight, "Asia/Kolkata")
    earlier = last_complete_period("week", before, "Asia/Kolkata")

    assert complete.end == midnight
    assert earlier.end == complete.start


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Amsterdam", "2026-03-30", 23),
        ("Europe/Amsterdam", "2026-10-26", 25),
        ("Australia/Lord_Howe", "2026-04-06", 24.5),
        ("Asia/Beirut", "2026-03-30", 23),  # began at 01:00
        ("Antarctica/Troll", "2026-03-30", 22),
    ],
)
def test_a_day_on_which_clocks_change_is_shorter_or_longer(zone, day, hours):
    now = resolve_as_of(day, zone)

    period = last_complete_period("day", now, zone)

    length = period.end.astimezone(UTC) - period.start.astimezone(UTC)
    assert length == timedelta(hours=hours)


def test_each_hour_of_a_repeated_hour_is_one():
    now = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)  # 02:30 for the second time

    period = last_complete_period("hour", now, "Europe/Amsterdam")

    assert period.start.isoformat() == "2026-10-25T02:00:00+02:00"
    assert period.end.isoformat() == "2026-10-25T02:00:00+01:00"


@pytest.mark.parametrize(
    ("value", "zone", "moment"),
    [
        (date(2022, 12, 22), "Asia/Kolkata", "2022-12-22T00:00:00+05:30"),
        ("2022-12-22", "Asia/Kolkata", "2022-12-22T00:00:00+05:30"),
        ("2022-12-22T10:30", "Asia/Kolkata", "2022-12-22T10:30:00+05:30"),
        ("2022-12-22T10:30:00Z", "Asia/Kolkata", "2022-12-22T16:00:00+05:30"),
        (datetime(2022, 12, 22, 1, tzinfo=UTC), "UTC", "2022-12-22T01:00:00+00:00"),
        ("2026-03-29", "Asia/Beirut", "2026-03-29T01:00:00+03:00"),
        ("2026-03-29T02:30", "Europe/Amsterdam", "2026-03-29T03:00:00+02:00"),
        ("2026-10-25T02:30", "Europe/Amsterdam", "2026-10-25T02:30:00+02:00"),
        ("2011-12-30", "Pacific/Apia", "2011-12-31T00:00:00+14:00"),  # left out
        (
            datetime(2022, 12, 22, 1, 0, 0, 5),  # noqa: DTZ001 - the zone is the job's
            "UTC",
            "2022-12-22T01:00:00.000005+00:00",
        ),
    ],
)
def test_as_of_is_the_first_moment_of_a_date_or_the_moment_itself(value, zone, moment):
    assert resolve_as_of(value, zone).isoformat() == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2022-13-01",
        "2022-12-22T25:00",
        "2022-12-22\x00",
        "2022-12-22x",
    ],
)
def test_what_is_no_date_is_refused(text):
    with pytest.raises(Invalid) as refused:
        resolve_as_of(text, "UTC")

    assert refused.value.faults[0].pointer == "/as_of"
    assert "write a date (2022-12-22)" in str(refused.value)


def test_an_unknown_period_is_refused_with_the_known_ones():
    now = datetime(2022, 12, 22, tzinfo=UTC)

    with pytest.raises(Invalid, match="known are hour, day, week, month"):
        last_complete_period("fortnight", now, "UTC")  # type: ignore[arg-type]


def test_before_the_first_period_of_the_calendar_none_is_complete():
    with pytest.raises(Invalid, match="no month is complete"):
        last_complete_period("month", datetime(1, 1, 10, tzinfo=UTC), "UTC")


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "Pacific/Apia"])
@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31",
        "9999-12-31T23:59:59-12:00",
        "9999-12-31T23:59:59.999999",
    ],
)
def test_the_edges_of_the_calendar_are_refused(text, zone):
    """
    In some zone such a moment has no date, and asking ended with 500.
    """
    with pytest.raises(Invalid, match="from 0001-01-03 to 9999-12-29") as refused:
        resolve_as_of(text, zone)

    assert refused.value.faults[0].pointer == "/as_of"
