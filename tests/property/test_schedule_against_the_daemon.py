"""`dst = "vixie"` is what Debian's cron does, at every clock change of 16 years."""

import itertools
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from property.cron_daemon import Daemon, by_the_clock, clock_changes, entry

from tallymill.jobs.schedule import parse_cron

ZONES = [
    "Africa/Cairo",
    "Africa/Casablanca",  # back for Ramadan, twice a year by the moon
    "America/Asuncion",  # at midnight; stopped in 2024
    "America/Havana",  # at midnight
    "America/New_York",
    "America/Nuuk",  # in the evening; changed its offset and its rule in 2023
    "America/Santiago",  # at 24:00
    "America/Sao_Paulo",  # none since 2019
    "America/St_Johns",  # half an hour off
    "Antarctica/Casey",  # three hours, both ways
    "Antarctica/Troll",  # two hours
    "Asia/Amman",  # stopped in 2022
    "Asia/Beirut",  # at midnight
    "Asia/Gaza",
    "Asia/Kolkata",  # none
    "Asia/Tehran",  # at midnight; stopped in 2022
    "Australia/Lord_Howe",  # half an hour
    "Europe/Amsterdam",
    "Europe/London",
    "Europe/Riga",
    "Europe/Volgograd",  # a new offset without daylight saving
    "Pacific/Apia",
    "Pacific/Auckland",
    "Pacific/Chatham",  # three quarters of an hour off
]
FIXED = [
    "0 0 * * *",
    "30 0 * * *",
    "59 0 * * *",
    "0 1 * * *",
    "15 1 * * *",
    "30 1 * * *",
    "45 1 * * *",
    "0 2 * * *",
    "5 2 * * *",
    "30 2 * * *",
    "59 2 * * *",
    "0 3 * * *",
    "30 3 * * *",
    "0 4 * * *",
    "0 13 * * *",
    "45 22 * * *",
    "0 23 * * *",
    "30 23 * * *",
    "0,30 0-4 * * *",
    "0-59/20 0-3,23 * * *",
    "0-59 2 * * *",
    "10 1-5/2 * * *",
    "30 2 * * 0",
    "0 0 * * sun",
    "30 0 * * MON-FRI",
    "0 0 1-7 * 6",
    "15 2 */2 * 0",
    "0 2 1,15,25-31 3,10 *",
    "30 1 * 3-4,9-11 5-7",
]
WILD = [
    "* * * * *",
    "*/5 * * * *",
    "*/7 * * * *",
    "0 * * * *",
    "30 * * * *",
    "15,45 * * * 0",
    "* 2 * * *",
    "*/15 1-3 * * *",
    "0 */2 * * *",
    "30 */2 * * *",
    "0 */3 * * *",
    "45 */4 * * 6,0",
    "*/10 */2 * * *",
    "*,5 3 * * *",
]
AROUND = timedelta(hours=27)


def windows(zone: str) -> list[tuple[datetime, datetime]]:
    """Spans around each change; where there is none, three ordinary ones."""
    changes = clock_changes(ZoneInfo(zone), 2020, 2035)
    calm = [datetime(2024, month, 29, tzinfo=UTC) for month in (2, 6, 10)]
    return [(at - AROUND, at + AROUND) for at in changes or calm]


def in_utc(moments: Iterable[datetime]) -> list[datetime]:
    """Return moments as the daemon logs them."""
    return [moment.astimezone(UTC) for moment in moments]


@pytest.mark.parametrize("zone", ZONES)
def test_each_time_due_is_a_run_of_the_daemon_and_the_other_way_round(zone):
    """A daily report that is lost or sent twice once a year is found by nobody."""
    schedules = {text: parse_cron(text, timezone=zone) for text in FIXED + WILD}
    entries = [entry(text) for text in schedules]

    for start, end in windows(zone):
        daemon = Daemon(ZoneInfo(zone), entries)
        daemon.play(start, end)

        first = start + timedelta(minutes=1)
        for text, schedule in schedules.items():
            due = in_utc(schedule.between(first, end))
            assert due == daemon.runs[text], (text, start)
            assert schedule.count_between(first, end) == len(due), (text, start)


@pytest.mark.parametrize("zone", ZONES)
def test_asked_at_any_moment_the_answer_is_the_daemons_next_and_last_run(zone):
    """Each way of asking gives the same times, in the repeated hour above all."""
    texts = ["0 0 * * *", "30 1 * * *", "30 2 * * *", "0 */2 * * *", "*/20 * * * *"]
    schedules = {text: parse_cron(text, timezone=zone) for text in texts}

    for start, end in windows(zone)[:5]:
        daemon = Daemon(ZoneInfo(zone), [entry(text) for text in texts])
        daemon.play(start, end)

        for text, schedule in schedules.items():
            for last, following in itertools.pairwise(daemon.runs[text]):
                asked = last
                while asked < following:
                    answers = (
                        schedule.latest_at_or_before(asked),
                        schedule.next_after(asked),
                    )
                    assert in_utc(answers) == [last, following], (text, asked)
                    asked += timedelta(minutes=13, seconds=7)


@pytest.mark.parametrize(
    "zone", ["Antarctica/Troll", "Australia/Lord_Howe", "Europe/Amsterdam"]
)
def test_schedules_with_seconds_follow_the_same_rule_by_the_second(zone):
    """Debian knows no seconds; a daemon that ticked each second would do this."""
    texts = [
        "15 30 2 * * *",
        "59 59 1 * * *",
        "0 0 3 * * *",
        "*/20 30 2 * * *",
        "30 */10 1-3 * * *",
        "0,30 15 1-2 * * *",
    ]
    change = clock_changes(ZoneInfo(zone), 2026, 2026)

    for at in change:
        start, end = at - timedelta(hours=4), at + timedelta(hours=4)
        daemon = Daemon(ZoneInfo(zone), [entry(text) for text in texts], tick_s=1)
        daemon.play(start, end)

        for text in texts:
            schedule = parse_cron(text, timezone=zone)
            due = in_utc(schedule.between(start + timedelta(seconds=1), end))
            assert due == daemon.runs[text], (text, at)


@pytest.mark.parametrize("dst", ["skip", "literal"])
@pytest.mark.parametrize("zone", ZONES)
def test_skip_and_literal_are_what_the_clock_on_the_wall_shows(zone, dst):
    """Neither makes good what the clock never showed; they differ in what it repeats."""
    texts = ["0 0 * * *", "30 1 * * *", "30 2 * * *", "15 2,3 * * *", "*/30 * * * *"]

    for start, end in windows(zone)[:3]:
        for text in texts:
            line = entry(text)
            schedule = parse_cron(text, timezone=zone, dst=dst)
            twice = dst == "literal" or line.is_wild
            shown = by_the_clock(ZoneInfo(zone), line, start, end, twice=twice)

            due = in_utc(schedule.between(start + timedelta(minutes=1), end))

            assert due == list(shown), (text, start)
            assert schedule.count_between(start + timedelta(minutes=1), end) == len(due)
