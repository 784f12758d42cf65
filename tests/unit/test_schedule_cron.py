"""Reading cron strings: what is taken, and what each refusal says."""

from datetime import UTC, datetime

import pytest

from tallymill.jobs.schedule import parse_cron, parse_schedule
from tallymill.kernel.errors import Invalid

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)  # a Saturday


def next_of(text: str) -> str:
    due = parse_cron(text, timezone="UTC").next_after(NOW)
    return f"{due:%Y-%m-%dT%H:%M:%S}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5 4 * * *", "2026-11-22T04:05:00"),
        ("  5\t4 * *  * ", "2026-11-22T04:05:00"),
        ("30 5 4 * * *", "2026-11-22T04:05:30"),
        ("*/20 * * * * *", "2026-11-21T12:00:20"),
        ("@daily", "2026-11-22T00:00:00"),
        ("@midnight", "2026-11-22T00:00:00"),
        ("@Hourly", "2026-11-21T13:00:00"),
        ("@weekly", "2026-11-22T00:00:00"),
        ("@monthly", "2026-12-01T00:00:00"),
        ("@yearly", "2027-01-01T00:00:00"),
        ("@annually", "2027-01-01T00:00:00"),
        ("0 0 * JAN-mar Monday", "2027-01-04T00:00:00"),
        ("0 0 * * 7", "2026-11-22T00:00:00"),
        ("0 0 * * fri-sun", "2026-11-22T00:00:00"),
        ("50/5 12 * * *", "2026-11-21T12:50:00"),
        ("10-20/5,7 * * * *", "2026-11-21T12:07:00"),
        ("0 0 L * *", "2026-11-30T00:00:00"),
        ("0 0 L-3 * *", "2026-11-27T00:00:00"),
        ("0 0 LW 2 *", "2027-02-26T00:00:00"),
        ("0 0 15W * *", "2026-12-15T00:00:00"),
        ("0 0 15W 8 *", "2027-08-16T00:00:00"),  # the 15th is a Sunday
        ("0 0 1W 5 *", "2027-05-03T00:00:00"),  # a Saturday: not back into April
        ("0 0 31W 1 *", "2027-01-29T00:00:00"),  # a Sunday: not on into February
        ("0 0 * * 5L", "2026-11-27T00:00:00"),
        ("0 0 * * friL", "2026-11-27T00:00:00"),
        ("0 0 * * fri#2", "2026-12-11T00:00:00"),
        ("0 0 * * 0#5", "2026-11-29T00:00:00"),
        ("0 0 ? * 1", "2026-11-23T00:00:00"),
        ("0 0 29 2 *", "2028-02-29T00:00:00"),
    ],
)
def test_each_form_of_cron_is_due_when_it_says(text, expected):
    assert next_of(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 0 1 * 1", "2026-11-23T00:00:00"),  # the first or a Monday
        ("0 0 */2 * 1", "2026-11-23T00:00:00"),  # odd days that are Mondays
        ("0 0 1-7 * */7", "2026-12-06T00:00:00"),  # the first Sunday
        ("0 0 1-6 * 0,6", "2026-11-22T00:00:00"),  # either is enough
    ],
)
def test_two_day_fields_must_both_match_only_if_one_starts_with_a_star(text, expected):
    """Debian's rule, odd as it is: crontabs in use depend on it."""
    assert next_of(text) == expected


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("0 25 * * *", "field 2 (hour) is '25': hours are 0 to 23"),
        ("60 * * * *", "field 1 (minute) is '60': minutes are 0 to 59"),
        ("61 0 0 * * *", "field 1 (second) is '61': seconds are 0 to 59"),
        ("* * 0 * *", "field 3 (day of month) is '0': days are 1 to 31"),
        ("* * * 13 *", "field 4 (month) is '13': months are 1 to 12 or jan feb mar"),
        ("* * * * mondey", "did you mean monday?"),
        ("*/0 * * * *", "a step of 0 never moves on"),
        ("*/x * * * *", "the step 'x' is no whole number"),
        ("1,,2 * * * *", "a list has a comma too many"),
        ("5- * * * *", "a number is missing"),
        ("0 22-2 * * *", "write 22-23,0-2"),
        ("* * L-31 * *", "n is 0 to 30"),
        ("* * * * L", "write 6L or satL"),
        ("* * * * 1#6", "which one of the month, 1 to 5"),
        ("٣ * * * *", "minutes are 0 to 59"),
        ("5 4 * *", "has 4 fields: five are wanted"),
        ("* * * * * * 2026", "has 7 fields"),
        ("", "has 0 fields"),
        ("@dayly", "did you mean @daily?"),
        ("@reboot", "names the start of a machine"),
        ("0 0 31 2 *", "can never come due"),
        ("0 0 30-31 2 *", "can never come due"),
        ("0 0 31 4,6,9,11 *", "can never come due"),
        ("0 0 L-30 2,4 *", "can never come due"),
        ("* " * 600, "is over 1000 characters"),
    ],
)
def test_a_bad_cron_string_says_which_field_is_wrong_and_why(text, detail):
    with pytest.raises(Invalid) as refused:
        parse_cron(text, timezone="UTC")

    assert detail in refused.value.faults[0].detail
    assert refused.value.faults[0].pointer == "/cron_string"


def test_every_bad_field_is_a_fault_of_its_own():
    with pytest.raises(Invalid) as refused:
        parse_cron("60 24 * 13 *", timezone="UTC")

    places = [fault.detail[:7] for fault in refused.value.faults]
    assert places == ["field 1", "field 2", "field 4"]


def test_a_schedule_that_looks_like_cron_is_refused_as_cron():
    """Else a wrong figure would be answered with a lesson on plain words."""
    with pytest.raises(Invalid) as refused:
        parse_schedule("5 24 * * *", timezone="UTC")

    assert refused.value.faults[0].pointer == "/schedule"
    assert "field 2 (hour)" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("Europe/Amsterdm", "Europe/Amsterdam"),
        ("asia/kolkata", "Asia/Kolkata"),
        ("Kolkata", "Asia/Kolkata"),
        ("new york", "America/New_York"),
        ("../../etc/passwd", "such as 'Asia/Kolkata'"),
        ("", "such as 'Asia/Kolkata'"),
    ],
)
def test_an_unknown_zone_is_named_with_the_nearest_known(name, near):
    with pytest.raises(Invalid) as refused:
        parse_cron("* * * * *", timezone=name)

    fault = refused.value.faults[0]
    assert fault.pointer == "/timezone"
    assert near in fault.detail


def test_an_unknown_policy_is_named_with_the_known():
    with pytest.raises(Invalid) as refused:
        parse_cron("* * * * *", timezone="UTC", dst="vixy")  # type: ignore[arg-type]

    fault = refused.value.faults[0]
    assert fault.pointer == "/dst"
    assert "vixie, skip, literal; did you mean vixie?" in fault.detail


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("5 4 * * *", "At 04:05, every day"),
        ("0 13 * * 1-5", "At 13:00, Monday through Friday"),
        ("*/5 * * * *", "Every 5 minutes"),
        ("@hourly", "Every hour"),
        ("0 0 L-3 * *", "At 00:00, 3 days before the last day of the month"),
        ("0 0 * * friL", "At 00:00, on the last Friday of the month"),
        (
            "0 0 * April FridayL",
            "At 00:00, on the last Friday of the month, only in April",
        ),
        ("0 0 1,15 * 1", "At 00:00, on day 1 and 15 of the month, or on Monday"),
        ("0 0 */2 * 1", "At 00:00, every 2 days, and on Monday"),
        ("0 0 * * mon,friL", "cron 0 0 * * mon,friL"),
        ("0 0 1W,15W * *", "cron 0 0 1W,15W * *"),
    ],
)
def test_a_cron_string_is_told_in_words(text, words):
    assert parse_cron(text, timezone="UTC").words() == words


def test_a_schedule_keeps_its_text_and_gives_the_plain_cron_string():
    schedule = parse_cron(" @daily ", timezone="Asia/Kolkata")

    assert schedule.text == " @daily "
    assert schedule.cron_string == "0 0 * * *"
    assert (schedule.kind, schedule.timezone, schedule.dst) == (
        "cron",
        "Asia/Kolkata",
        "vixie",
    )
    assert schedule == parse_cron(" @daily ", timezone="Asia/Kolkata")
