"""What happens where clocks change, case by case; the proofs are property tests."""

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tallymill.jobs.schedule import parse_cron, parse_schedule, zones
from tallymill.jobs.schedule.cron import parse_fields
from tallymill.jobs.schedule.engine import CronTimes
from tallymill.jobs.schedule.zones import Timeline, seconds_of, wall_of
from tallymill.kernel.errors import Invalid

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def due_on(text: str, day: str, dst: str = "vixie", zone: str = "Europe/Amsterdam"):
    """Return the times of one date, as `HH:MM+offset`."""
    schedule = parse_cron(text, timezone=zone, dst=dst)
    start = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
    end = start + timedelta(days=1)
    return [f"{due:%H:%M%z}" for due in schedule.between(start, end)]


@pytest.mark.parametrize(
    ("text", "dst", "expected"),
    [
        ("30 2 * * *", "vixie", ["03:00+0200"]),
        ("0,30 2 * * *", "vixie", ["03:00+0200"]),  # both made good at once
        ("30 2,3 * * *", "vixie", ["03:00+0200", "03:30+0200"]),
        ("0 2,3 * * *", "vixie", ["03:00+0200"]),
        ("*/30 2 * * *", "vixie", []),  # a wildcard job: real time has no 02:00
        ("30 2 * * *", "skip", []),
        ("30 2 * * *", "literal", []),
        ("30 2,3 * * *", "skip", ["03:30+0200"]),
    ],
)
def test_what_becomes_of_times_that_the_clocks_skip(text, dst, expected):
    assert due_on(text, "2026-03-29", dst) == expected


@pytest.mark.parametrize(
    ("text", "dst", "expected"),
    [
        ("30 2 * * *", "vixie", ["02:30+0200"]),
        ("30 2 * * *", "skip", ["02:30+0200"]),
        ("30 2 * * *", "literal", ["02:30+0200", "02:30+0100"]),
        ("*/30 2 * * *", "vixie", ["02:00+0200", "02:30+0200", "02:00+0100"]),
        ("*/30 2 * * *", "skip", ["02:00+0200", "02:30+0200", "02:00+0100"]),
    ],
)
def test_what_becomes_of_times_that_the_clocks_repeat(text, dst, expected):
    assert due_on(text, "2026-10-25", dst)[:3] == expected


def test_every_third_hour_is_a_wildcard_job_and_runs_in_both_copies():
    """`0 */3 * * *` starts with a star: Debian runs it at 03:00 twice in Riga."""
    times = due_on("0 */3 * * *", "2026-10-25", zone="Europe/Riga")

    assert times[:4] == ["00:00+0300", "03:00+0300", "03:00+0200", "06:00+0200"]


def test_a_day_that_begins_at_one_has_its_midnight_run_at_one():
    """The day that other schedulers lose once a year."""
    assert due_on("0 0 * * *", "2026-03-29", zone="Asia/Beirut") == ["01:00+0300"]


def test_half_an_hour_and_two_hours_follow_the_same_rule():
    lord_howe, troll = "Australia/Lord_Howe", "Antarctica/Troll"

    assert due_on("15 2 * * *", "2026-10-04", zone=lord_howe) == ["02:30+1100"]
    assert due_on("0 */2 * * *", "2026-04-05", zone=lord_howe)[:3] == [
        "00:00+1100",
        "02:00+1030",
        "04:00+1030",
    ]
    assert due_on("30 2 * * *", "2026-03-29", zone=troll) == ["03:00+0200"]
    assert due_on("30 2 * * *", "2026-10-25", zone=troll) == ["02:30+0200"]


def test_three_hours_at_once_are_a_new_clock_as_for_debian():
    """`cron.c` makes good what was lost in less than three hours, and no more."""
    assert due_on("0 2 * * *", "2020-10-04", zone="Antarctica/Casey") == []


def test_seconds_lost_in_a_gap_run_right_after_it():
    schedule = parse_cron("15 30 2 * * *", timezone="Europe/Amsterdam")

    due = schedule.next_after(datetime(2026, 3, 29, tzinfo=UTC))

    assert due.isoformat() == "2026-03-29T03:00:00+02:00"


def test_the_next_time_is_later_even_from_the_second_copy_of_an_hour():
    start = datetime(2026, 10, 25, 2, 10, tzinfo=AMSTERDAM, fold=1)
    schedule = parse_cron("30 2 * * *", timezone="Europe/Amsterdam")
    literal = parse_cron("30 2 * * *", timezone="Europe/Amsterdam", dst="literal")

    assert schedule.next_after(start).isoformat() == "2026-10-26T02:30:00+01:00"
    assert literal.next_after(start).isoformat() == "2026-10-25T02:30:00+01:00"
    assert (
        schedule.latest_at_or_before(start).isoformat() == "2026-10-25T02:30:00+02:00"
    )


def test_due_moments_of_a_repeated_hour_can_be_reckoned_with():
    """A zone's own datetimes compare by the wall clock, which stands still for an hour."""
    schedule = parse_cron("*/20 * * * *", timezone="Europe/Amsterdam")
    start = datetime(2026, 10, 25, 0, 40, tzinfo=UTC)

    first = schedule.latest_at_or_before(start)
    second = schedule.next_after(first)

    assert (first.isoformat(), second.isoformat()) == (
        "2026-10-25T02:40:00+02:00",
        "2026-10-25T02:00:00+01:00",
    )
    assert first < second
    assert second - first == timedelta(minutes=20)
    assert first == start
    assert schedule.count_between(first, second + timedelta(microseconds=1)) == 2
    assert second - timedelta(minutes=20) == first


def test_a_fraction_of_a_second_is_later_than_its_second():
    schedule = parse_cron("* * * * *", timezone="UTC")
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    moment = noon + timedelta(microseconds=1)

    assert schedule.next_after(noon - timedelta(microseconds=1)) == noon
    assert schedule.latest_at_or_before(moment) == noon
    assert schedule.count_between(moment, moment + timedelta(minutes=1)) == 1
    assert list(schedule.between(noon, moment)) == [noon]


@pytest.mark.parametrize("dst", ["skip", "literal"])
def test_a_time_that_the_clocks_always_skip_is_refused(dst):
    with pytest.raises(Invalid, match="can never come due"):
        parse_cron("30 2 * 3 sunL", timezone="Europe/Amsterdam", dst=dst)
    with pytest.raises(Invalid, match="can never come due"):
        parse_schedule("at 2026-03-29T02:30", timezone="Europe/Amsterdam", dst=dst)

    made_good = parse_cron("30 2 * 3 sunL", timezone="Europe/Amsterdam")
    due = made_good.next_after(datetime(2026, 1, 1, tzinfo=UTC))
    assert due.isoformat() == "2026-03-29T03:00:00+02:00"


def test_a_single_moment_follows_the_policy_too():
    start = datetime(2026, 1, 1, tzinfo=UTC)

    def due(text: str, dst: str = "vixie") -> list[str]:
        schedule = parse_schedule(text, timezone="Europe/Amsterdam", dst=dst)
        return [f"{moment:%H:%M%z}" for moment in schedule.upcoming(start)]

    assert due("at 2026-03-29T02:30") == ["03:00+0200"]
    assert due("at 2026-10-25T02:30") == ["02:30+0200"]
    assert due("at 2026-10-25T02:30", "literal") == ["02:30+0200", "02:30+0100"]


def test_ten_years_of_minutes_are_caught_up_with_at_once():
    """A machine that was off for ten years must not count to five million first."""
    schedule = parse_cron("* * * * *", timezone="Europe/Amsterdam")
    start = datetime(2016, 11, 21, tzinfo=UTC)
    end = datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC)

    began = time.perf_counter()
    latest = schedule.latest_at_or_before(end)
    missed = schedule.count_between(start, end)
    spent_s = time.perf_counter() - began

    assert latest == end.replace(second=0)
    assert missed == (end - start) // timedelta(minutes=1) + 1
    assert spent_s < 0.05


def test_at_the_end_of_the_calendar_there_is_no_next_time():
    schedule = parse_cron("0 0 29 2 *", timezone="Europe/Amsterdam")

    assert schedule.next_after(datetime(9999, 6, 1, tzinfo=UTC)) is None
    assert schedule.latest_at_or_before(datetime(1, 2, 1, tzinfo=UTC)) is None
    assert list(schedule.between(datetime.max.replace(tzinfo=UTC), LAST)) == []


LAST = datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize("text", ["30 2 * * *", "*/20 * * * *", "0 0-4 * * *"])
@pytest.mark.parametrize("dst", ["vixie", "skip", "literal"])
def test_how_the_line_of_time_is_cut_up_does_not_show(text, dst, monkeypatch):
    """A cut within a repeated hour once made a job run twice."""
    changes = datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)
    asked = [
        (seconds_of(change), instant)
        for change in changes
        for instant in range(seconds_of(change), seconds_of(change) + 24_000, 601)
    ]

    def answers() -> list[tuple[int | None, int | None, int]]:
        times = CronTimes(parse_fields(text), Timeline(AMSTERDAM), dst)
        return [
            (times.next_after(at), times.latest_until(at), times.count(begin, at))
            for begin, at in asked
        ]

    whole = answers()
    for size in (1000, 7777, 100_003):
        monkeypatch.setattr(zones, "_CHUNK_S", size)
        assert answers() == whole


def test_a_wall_time_is_shown_never_once_or_twice():
    line = Timeline(AMSTERDAM)

    def shown(text: str) -> int:
        return len(line.instants_of(wall_of(datetime.fromisoformat(text))))

    assert shown("2026-03-29T02:30") == 0
    assert shown("2026-03-29T03:00") == 1
    assert shown("2026-10-25T02:30") == 2
    assert shown("2026-10-25T03:00") == 1


def test_a_zone_remembers_no_more_than_it_must():
    """
    Anybody may ask for the next thousand years of any zone.
    """
    timeline = Timeline(AMSTERDAM)
    start = seconds_of(datetime(2026, 1, 1, tzinfo=UTC))
    for year in range(1000):
        timeline.at(start + year * 31_556_952)

    assert 0 < len(timeline._pieces) <= zones.PIECES_MOST
    assert timeline.at(start).shift == Timeline(AMSTERDAM).at(start).shift
