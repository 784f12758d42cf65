"""Where cronsim 2.8 and croniter 7 are right, we say the same as they do.

Their known faults, which the strategies leave out: croniter repeats fixed times when
clocks go back, combines two day fields by a rule of its own, and takes `2-2` for `*`;
cronsim loses times where clocks change by half an hour, can answer with a time before
its start in the second copy of a repeated hour, and reads `2-2/3` as `2/3`.
"""

import itertools
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from croniter import croniter
from cronsim import CronSim
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tallymill.jobs.schedule import parse_cron

instants = st.integers(1_577_836_800, 2_208_988_800).map(  # 2020 to 2040
    lambda second: datetime.fromtimestamp(second, UTC)
)


def field(low: int, high: int) -> st.SearchStrategy[str]:
    """Any field of numbers that each of the libraries takes."""
    number = st.integers(low, high)
    # Not `2-2`, which croniter takes for `*`; nor `2-2/3`, for cronsim the same as `2/3`.
    pairs = st.lists(number, min_size=2, max_size=2, unique=True).map(sorted)
    spans = pairs.map(lambda pair: f"{pair[0]}-{pair[1]}")
    steps = st.integers(1, 7)
    term = st.one_of(
        number.map(str),
        spans,
        st.builds("{}/{}".format, spans, steps),
        st.builds("*/{}".format, steps),
    )
    lists = st.lists(term, min_size=1, max_size=3).map(",".join)
    return st.one_of(st.just("*"), number.map(str), lists)


@st.composite
def crons(draw: st.DrawFn) -> str:
    """Cron strings of which one of the two day fields is `*`, as all agree on those."""
    days, weekdays = draw(
        st.one_of(
            st.tuples(field(1, 28), st.just("*")), st.tuples(st.just("*"), field(0, 6))
        )
    )
    clock = f"{draw(field(0, 59))} {draw(field(0, 23))}"
    return f"{clock} {days} {draw(field(1, 12))} {weekdays}"


@given(text=crons(), moment=instants)
@settings(deadline=None, max_examples=300)
def test_without_clock_changes_cronsim_croniter_and_we_agree(text, moment):
    """In UTC none of their faults with daylight saving can show."""
    schedule = parse_cron(text, timezone="UTC")

    ours = list(itertools.islice(schedule.upcoming(moment), 5))

    # cronsim and croniter look at whole seconds and minutes.
    sim, cro = CronSim(text, moment), croniter(text, moment)
    assert ours == list(itertools.islice(sim, 5))
    assert ours == [cro.get_next(datetime) for _ in ours]


@given(
    days=st.sampled_from(["L", "LW", "13", "*/5", "1-7", "L,15", "29-31"]),
    weekdays=st.sampled_from(["*", "*/2", "5", "5L", "1#1", "0#5", "6#3,2#2", "1-5"]),
    months=st.sampled_from(["*", "2", "2,4,6", "*/5"]),
    moment=instants,
)
@settings(deadline=None, max_examples=300)
def test_cronsim_and_we_agree_on_last_and_nth_days(days, weekdays, months, moment):
    """It knows the rule of Debian for two day fields, and `L` and `#`; not `W`."""
    text = f"17 5 {days} {months} {weekdays}"
    # Such as a fifth Sunday of February on the 1st or 6th, which we refuse.
    assume(next(CronSim(text, moment), None) is not None)
    schedule = parse_cron(text, timezone="UTC")

    assert list(itertools.islice(schedule.upcoming(moment), 5)) == list(
        itertools.islice(CronSim(text, moment), 5)
    )


@given(
    zone=st.sampled_from(["Europe/Amsterdam", "America/New_York", "Asia/Beirut"]),
    moment=instants,
    hour=st.integers(0, 4),
    minute=st.integers(0, 59),
)
@settings(deadline=None, max_examples=200)
def test_cronsim_and_we_agree_on_fixed_times_where_clocks_change(
    zone, moment, hour, minute
):
    """Its known fault is a start in the second copy of a repeated hour."""
    local = moment.astimezone(ZoneInfo(zone))
    assume(local.fold == 0)
    text = f"{minute} {hour} * * *"

    ours = parse_cron(text, timezone=zone).upcoming(local)

    expected = itertools.islice(CronSim(text, local), 300)
    for due, theirs in zip(ours, expected, strict=False):
        assert due.astimezone(UTC) == theirs.astimezone(UTC)
