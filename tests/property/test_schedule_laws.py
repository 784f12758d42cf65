"""Laws that hold for each schedule, in each zone, under each policy."""

import itertools
import zoneinfo
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tallymill.jobs.schedule import Schedule, parse_cron, parse_schedule
from tallymill.kernel.errors import Invalid

ZONES = sorted(zoneinfo.available_timezones() - {"localtime"})
zones = st.sampled_from(ZONES)
policies = st.sampled_from(["vixie", "skip", "literal"])
instants = st.integers(1_577_836_800, 2_208_988_800).map(  # 2020 to 2040
    lambda second: datetime.fromtimestamp(second, UTC)
)


crons = st.builds(
    "{} {} {} {} {}".format,
    st.sampled_from(["*", "0", "30", "*/7", "5-50/15", "1,2,59"]),
    st.sampled_from(["*", "0", "1", "2", "3", "*/3", "0-4", "22-23,1"]),
    st.sampled_from(["*", "1", "29-31", "*/2", "L", "15W", "L-3"]),
    st.sampled_from(["*", "*/3", "2", "3,10"]),
    st.sampled_from(["*", "0", "1-5", "fri#2", "sunL", "*/2"]),
)
words = st.sampled_from(
    [
        "every 15 minutes",
        "every 90s",
        "every 7 hours",
        "every 3 days at 2:30",
        "each day at 1PM",
        "each weekday at 2:30 and 3:30",
        "each month on the last day at noon",
        "each last sunday of the month at 1:30",
        "30 2 15W * *",
        "0 1 L-2 * *",
        "30 1 * * sunL",
        "15 30 */2 * * fri#2",
    ]
)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    text = draw(st.one_of(crons, words))
    try:
        return parse_schedule(text, timezone=draw(zones), dst=draw(policies))
    except Invalid:
        assume(False)
        raise


@given(schedule=schedules(), moment=instants)
@settings(deadline=None, max_examples=400)
def test_the_next_time_is_later_and_nothing_lies_in_between(schedule, moment):
    """t <= u < next(t) implies next(u) == next(t); and the last before it is no later."""
    due = schedule.next_after(moment)
    assume(due is not None)
    due = due.astimezone(UTC)
    last = schedule.latest_at_or_before(moment)

    assert moment < due
    for share in (0.0, 0.31, 0.77, 1.0):
        between = min(moment + (due - moment) * share, due - timedelta(microseconds=1))
        assert schedule.next_after(between).astimezone(UTC) == due
        assert schedule.latest_at_or_before(between) == last
    assert schedule.latest_at_or_before(due).astimezone(UTC) == due
    assert schedule.count_between(moment, due) == (last == moment)
    assert schedule.count_between(moment, due + timedelta(seconds=1)) == 1 + (
        last is not None and last.astimezone(UTC) == moment
    )


@given(schedule=schedules(), moment=instants)
@settings(deadline=None, max_examples=200)
def test_going_back_gives_the_same_times_as_going_on(schedule, moment):
    on = [
        due.astimezone(UTC) for due in itertools.islice(schedule.upcoming(moment), 12)
    ]
    assume(on)

    back, asked = [], on[-1]
    for _ in on:
        back.append(schedule.latest_at_or_before(asked).astimezone(UTC))
        asked = back[-1] - timedelta(seconds=1)

    assert back == on[::-1]
    assert list(schedule.between(on[0], on[-1])) == on[:-1]
    assert schedule.count_between(on[0], on[-1]) == len(on) - 1


@given(zone=zones, year=st.integers(2020, 2039), minute=st.integers(0, 1439))
@settings(deadline=None, max_examples=300)
@example(zone="America/Nuuk", year=2024, minute=1410)
@example(zone="Asia/Beirut", year=2026, minute=0)
def test_a_daily_time_runs_once_for_each_date_in_each_zone(zone, year, minute):
    """The promise behind each daily report: none is lost, none comes twice."""
    assume(zone != "Antarctica/Casey")  # three hours at once: a new clock, as in cron.c
    daily = parse_cron(f"{minute % 60} {minute // 60} * * *", timezone=zone)
    # Mid-January and mid-July next year: no zone changes its clocks near them.
    start = datetime(year, 1, 15, 12, tzinfo=ZoneInfo(zone))
    end = datetime(year + 1, 7, 15, 12, tzinfo=ZoneInfo(zone))

    due = [moment.astimezone(UTC) for moment in daily.between(start, end)]

    assert len(due) == (end.date() - start.date()).days
    assert daily.count_between(start, end) == len(due)
    apart = [later - earlier for earlier, later in itertools.pairwise(due)]
    assert timedelta(hours=21) <= min(apart)
    assert max(apart) <= timedelta(hours=27)


WORDS = """each every day days week month year hour minutes at on the and first last
monday friday weekday 1PM 13:00 noon 2 15 90s 1st 31st 2026-12-01 , - to quarter other
24 december :15 2026-12-01T13:00 999999999999 0 of"""
fuzz = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.text(alphabet="0123456789*/,-#LWlw?@ monfriJAN", max_size=12),
        min_size=1,
        max_size=7,
    ).map(" ".join),
    st.lists(
        st.sampled_from(WORDS.split()),
        max_size=8,
    ).map(" ".join),
)


@given(text=fuzz, zone=st.sampled_from(["Asia/Kolkata", "Europe/Amsterdam"]))
@settings(deadline=timedelta(seconds=1), max_examples=2000)
def test_whatever_is_written_is_understood_or_refused(text, zone):
    """Nothing that a user can type may crash the server or keep it busy."""
    now = datetime(2026, 11, 21, tzinfo=UTC)
    try:
        schedule = parse_schedule(text, timezone=zone)
    except Invalid as refused:
        schedule, faults = None, refused.faults
    if schedule is None:
        assert faults
        assert all(fault.pointer == "/schedule" and fault.detail for fault in faults)
        return

    due = schedule.next_after(now)
    assert due is None or due > now
    assert schedule.latest_at_or_before(now) is None or schedule.count_between(
        datetime(2000, 1, 1, tzinfo=UTC), now + timedelta(seconds=1)
    ) in range(10**10)
    assert schedule.words()


@given(zone=st.text(max_size=40))
@settings(deadline=None, max_examples=300)
def test_each_unknown_zone_is_refused_by_name(zone):
    assume(zone not in ZONES)

    with pytest.raises(Invalid) as refused:
        parse_cron("* * * * *", timezone=zone)

    assert refused.value.faults[0].pointer == "/timezone"


@given(day=st.dates(date(1971, 1, 3), date(2100, 1, 1)), zone=zones)
@settings(deadline=None, max_examples=200)
def test_every_day_begins_where_its_date_begins(day, zone):
    """The first moment of a date, the last run of `0 0 * * *`, and a day's period."""
    midnight = parse_cron("0 0 * * *", timezone=zone)
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone))
    assume(noon.astimezone(UTC).astimezone(ZoneInfo(zone)).date() == day)

    begin = midnight.latest_at_or_before(noon)

    just_before = begin.astimezone(UTC) - timedelta(seconds=1)
    assert begin.date() == day
    assert just_before.astimezone(ZoneInfo(zone)).date() < day
