"""Schedules in plain words: what they mean, and what each refusal says."""

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from tallymill.jobs.schedule import parse_cron, parse_schedule
from tallymill.kernel.errors import Invalid

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "cron"),
    [
        ("each day at 1PM", "0 13 * * *"),
        ("Every Day at 13:00", "0 13 * * *"),
        ("every day", "0 0 * * *"),
        ("daily", "0 0 * * *"),
        ("daily at noon", "0 12 * * *"),
        ("each day at 12am", "0 0 * * *"),
        ("each day at 12 p.m.", "0 12 * * *"),
        ("each day at 9:00 and 17:00", "0 9,17 * * *"),
        ("each day at 9:00, 9:30, 17:00 and 17:30", "0,30 9,17 * * *"),
        ("each day at 10:30:15", "15 30 10 * * *"),
        ("each monday at 9:30", "30 9 * * 1"),
        ("on mondays at 9", "0 9 * * 1"),
        ("each weekday at 8AM", "0 8 * * 1-5"),
        ("weekdays at 8AM", "0 8 * * 1-5"),
        ("weekends at 10", "0 10 * * 0,6"),
        ("each weekend day at 10", "0 10 * * 0,6"),
        ("mon-fri at 9", "0 9 * * 1-5"),
        ("friday to sunday at 9", "0 9 * * 5-7"),
        ("saturday to monday at 9", "0 9 * * 6-6,0-1"),
        ("each monday, wednesday and friday at 9am", "0 9 * * 1,3,5"),
        ("each week", "0 0 * * 1"),
        ("weekly on friday at 5pm", "0 17 * * 5"),
        ("each month on the 1st at 00:00", "0 0 1 * *"),
        ("monthly", "0 0 1 * *"),
        ("each month on the 1st and 15th at 6pm", "0 18 1,15 * *"),
        ("each month on the last day", "0 0 L * *"),
        ("each month on the last weekday at 6pm", "0 18 LW * *"),
        ("each month on the first monday", "0 0 * * 1#1"),
        ("each last friday of the month at 17:00", "0 17 * * 5L"),
        ("every 3 months", "0 0 1 */3 *"),
        ("each quarter", "0 0 1 */3 *"),
        ("yearly", "0 0 1 1 *"),
        ("each year on 24 december at 18:00", "0 18 24 12 *"),
        ("each year on January 1st", "0 0 1 1 *"),
        ("each hour at :15", "15 * * * *"),
    ],
)
def test_words_that_cron_can_say_become_a_cron_string(text, cron):
    schedule = parse_schedule(text, timezone="UTC")

    assert schedule.cron_string == cron
    assert (schedule.kind, schedule.text) == ("cron", text)


@pytest.mark.parametrize(
    ("text", "period", "words"),
    [
        ("every 15 minutes", timedelta(minutes=15), "Every 15 minutes"),
        ("every 90s", timedelta(seconds=90), "Every 1 minute 30 seconds"),
        ("every second", timedelta(seconds=1), "Every second"),
        ("every hour", timedelta(hours=1), "Every hour"),
        ("hourly", timedelta(hours=1), "Every hour"),
        ("every 2 hours", timedelta(hours=2), "Every 2 hours"),
        ("every two hours", timedelta(hours=2), "Every 2 hours"),
        ("every other hour", timedelta(hours=2), "Every 2 hours"),
        ("every 1h30m", timedelta(minutes=90), "Every 1 hour 30 minutes"),
        ("every 1 hour and 30 minutes", timedelta(minutes=90), None),
        ("every 36 hours", timedelta(hours=36), None),
    ],
)
def test_a_distance_in_time_is_kept_as_elapsed_time(text, period, words):
    schedule = parse_schedule(text, timezone="Europe/Amsterdam")

    first = schedule.next_after(NOW)

    assert schedule.kind == "every"
    assert schedule.cron_string is None
    assert schedule.next_after(first) - first == period
    assert schedule.latest_at_or_before(first) == first
    assert words in (None, schedule.words())


def test_a_distance_counts_from_one_midnight_so_that_all_instances_agree():
    """Monday 2024-01-01 in the job's zone; on the full hour in India's half-hour zone."""
    schedule = parse_schedule("every 2 hours", timezone="Asia/Kolkata")

    due = schedule.next_after(NOW)

    assert due.isoformat() == "2026-11-21T18:00:00+05:30"


def test_a_distance_does_not_change_its_step_when_clocks_change():
    schedule = parse_schedule("every 6 hours", timezone="Europe/Amsterdam")
    before = datetime(2026, 3, 28, 22, tzinfo=UTC)

    due = [f"{moment:%d %H:%M}" for moment in islice(schedule.upcoming(before), 3)]

    assert due == ["29 00:00", "29 07:00", "29 13:00"]


def test_days_are_counted_by_date_and_keep_their_time_of_day():
    schedule = parse_schedule("every 2 days at 12:00", timezone="Europe/Amsterdam")
    before = datetime(2026, 3, 25, 22, tzinfo=UTC)

    due = [f"{moment:%d %H:%M}" for moment in islice(schedule.upcoming(before), 3)]

    assert due == ["27 12:00", "29 12:00", "31 12:00"]
    assert schedule.words() == "Every 2 days at 12:00"


def test_every_two_weeks_is_a_monday():
    schedule = parse_schedule("every 2 weeks", timezone="UTC")

    due = schedule.next_after(NOW)

    assert due.isoformat() == "2026-11-30T00:00:00+00:00"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("at 2026-12-01T13:00", "2026-12-01T13:00:00+05:30"),
        ("at 2026-12-01 13:00:30", "2026-12-01T13:00:30+05:30"),
        ("at 2026-12-01", "2026-12-01T00:00:00+05:30"),
        ("at 2026-12-01T13:00Z", "2026-12-01T18:30:00+05:30"),
        ("at 2026-12-01T13:00-03:00", "2026-12-01T21:30:00+05:30"),
        ("on 2026-12-01 at 1PM", "2026-12-01T13:00:00+05:30"),
    ],
)
def test_a_moment_is_due_once_in_the_schedules_zone_or_its_own_offset(text, moment):
    schedule = parse_schedule(text, timezone="Asia/Kolkata", now=NOW)

    due = schedule.next_after(NOW)

    assert due.isoformat() == moment
    assert schedule.next_after(due) is None
    assert schedule.latest_at_or_before(due) == due
    assert schedule.latest_at_or_before(NOW) is None
    assert schedule.count_between(NOW, due + timedelta(seconds=1)) == 1
    assert schedule.words().startswith("Once, at 2026-12-01 ")


def test_a_moment_that_has_passed_is_refused_when_now_is_told():
    with pytest.raises(Invalid, match="this moment has passed"):
        parse_schedule("at 2026-11-21T12:00Z", timezone="UTC", now=NOW)

    past = parse_schedule("at 2026-11-21T12:00Z", timezone="UTC")
    assert past.next_after(NOW) is None


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("", "write 1 to 1000 characters"),
        ("x" * 1001, "write 1 to 1000 characters"),
        ("foo", "'foo' is not understood: write such as '5 4 "),
        ("each dya at 1PM", "did you mean 'day'?"),
        ("each day at 25:00", "'25:00' is no time of day"),
        ("each day at 13PM", "with AM or PM the hour is 1 to 12"),
        ("each day at tea", "'tea' is no time of day: write 13:00 or 1PM"),
        ("each day at 9:00 and 17:30", "make a job for each"),
        ("at 1PM", "write 'each day at 1pm'"),
        ("at 2026-12-99T13:00", "is no moment"),
        ("at 2026-12-01T13:00:00.5", "a moment is a whole second"),
        ("every 0 minutes", "one second to 366 days"),
        ("every 9000 hours", "one second to 366 days"),
        ("every 5 months", "months are 1, 2, 3, 4, 6 or 12"),
        ("every 0 days", "must leave 1 to 3660 days between two runs"),
        ("each month on the 32nd", "is no day of the month"),
        ("each month on the second weekday", "only the first and the last"),
        ("each year on tuesday", "is no day of the year: write '24 december'"),
        ("each year on 31 june", "can never come due"),
        ("each hour at 12:15", "is no minute of the hour"),
        ("every 2 weeks on friday", "does not go with"),
    ],
)
def test_words_that_are_not_understood_are_refused_with_what_to_write(text, detail):
    with pytest.raises(Invalid) as refused:
        parse_schedule(text, timezone="UTC")

    assert detail in refused.value.faults[0].detail
    assert refused.value.faults[0].pointer == "/schedule"


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("*/7 * * * * *", "Every 7 seconds, counted anew each minute"),
        ("*/15 * * * * *", "Every 15 seconds"),
        ("*/25 * * * *", "Every 25 minutes, counted anew each hour"),
        (
            "0 */5 * * *",
            "Every 5 hours, counted anew each day",
        ),
    ],
)
def test_a_step_that_does_not_divide_its_round_is_said_to_begin_anew(cron, words):
    """
    "Every 7 seconds" alone is wrong: from :56 to :00 it is four.
    """
    assert parse_cron(cron, timezone="UTC").words() == words


def test_what_is_wrong_can_be_read_behind_the_fields_name():
    with pytest.raises(Invalid) as period:
        parse_schedule("every 0 seconds", timezone="UTC")
    with pytest.raises(Invalid) as zone:
        parse_schedule("every hour", timezone="Asia/Kolkatta")

    assert period.value.faults[0].detail.startswith("must leave one second to 366")
    assert zone.value.faults[0].detail == (
        "'Asia/Kolkatta' is no time zone that is known; did you mean 'Asia/Kolkata'?"
    )
