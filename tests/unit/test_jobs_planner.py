"""What is planned at a moment: due, late, missed, overlapping, jittered, over."""

import time
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from job_parts import NOON, job_from, minutes

from tallymill.jobs.planner import (
    ALL_AT_ONCE,
    QUEUE_MOST,
    jitter_share,
    placed,
    plan,
    schedule_of,
)

YEARS_10 = timedelta(days=3653)


def planned(job, now, active=0):
    return plan(job, schedule_of(job.ask), now=now, active=active)


def rows(done):
    return [
        (run.kind.value, run.state.value, run.scheduled_for, run.count)
        for run in done.runs
    ]


def test_nothing_is_planned_before_its_time():
    job = job_from()

    done = planned(job, NOON + timedelta(seconds=59.999999))

    assert done.runs == ()
    assert done.next_run == NOON + minutes(1)
    assert done.last_nominal == NOON


def test_what_is_due_is_planned_once_and_the_next_time_set():
    job = job_from()

    done = planned(job, NOON + minutes(1))

    assert rows(done) == [("due", "queued", NOON + minutes(1), 1)]
    assert done.runs[0].reason is None
    assert done.last_nominal == NOON + minutes(1)
    assert done.next_run == NOON + minutes(2)


@pytest.mark.parametrize("misfire", ["latest", "all", "skip"])
def test_up_to_a_minute_late_is_simply_run(misfire):
    """
    A start, a slow disk or a busy moment is no outage.
    """
    job = job_from(cron_string="0 * * * *", misfire=misfire)

    done = planned(job, NOON + minutes(61))

    assert rows(done) == [("due", "queued", NOON + minutes(60), 1)]


def test_latest_runs_the_last_and_merges_the_others_into_one_row():
    job = job_from(cron_string="0 * * * *")

    done = planned(job, NOON + minutes(60 * 5 + 30))

    assert rows(done) == [
        ("missed", "merged", NOON + minutes(60), 4),
        ("due", "queued", NOON + minutes(300), 1),
    ]
    assert done.runs[0].until == NOON + minutes(240)
    assert done.runs[1].reason.startswith("Late")
    assert done.next_run == NOON + minutes(360)


def test_latest_runs_one_that_was_missed_alone():
    job = job_from(cron_string="0 * * * *")

    done = planned(job, NOON + minutes(90))

    assert rows(done) == [("due", "queued", NOON + minutes(60), 1)]


def test_all_runs_each_even_where_overlap_is_skip():
    """
    What is active in a backlog is the backlog itself.
    """
    job = job_from(cron_string="0 * * * *", misfire="all")

    done = planned(job, NOON + minutes(60 * 5 + 30))

    assert [run.state.value for run in done.runs] == ["queued"] * 5
    assert {run.serial for run in done.runs} == {True}


@pytest.mark.parametrize("overlap", ["skip", "queue", "allow"])
def test_all_runs_each_after_a_short_outage_too(overlap):
    """
    Down for 50 seconds, four of five were skipped for a run that did not go on.
    """
    job = job_from(schedule="every 10 seconds", misfire="all", overlap=overlap)

    done = planned(job, NOON + timedelta(seconds=55))

    assert [run.state.value for run in done.runs] == ["queued"] * 5
    assert {run.serial for run in done.runs} == {overlap != "allow"}


def test_all_skips_what_is_in_time_while_a_run_really_goes_on():
    job = job_from(schedule="every 10 seconds", misfire="all")

    done = planned(job, NOON + timedelta(seconds=25), active=1)

    assert [run.state.value for run in done.runs] == ["skipped_overlap"] * 2
    assert {run.reason for run in done.runs} == {"The run before was still going on."}


def test_what_is_skipped_beside_another_of_the_same_moment_is_told_so():
    job = job_from(schedule="every 10 seconds")

    done = planned(job, NOON + timedelta(seconds=35))

    assert [run.state.value for run in done.runs] == [
        "queued",
        "skipped_overlap",
        "skipped_overlap",
    ]
    assert done.runs[1].reason == "Several were due at once: the first of them runs."


def test_all_plans_a_part_and_goes_on_when_it_is_done():
    """
    Ten years of minutes must not become five million rows at once.
    """
    job = job_from(misfire="all")
    now = NOON + timedelta(days=7)

    first = planned(job, now)
    moved = msgspec.structs.replace(job, last_nominal=first.last_nominal)
    waiting = planned(moved, now, active=ALL_AT_ONCE)
    second = planned(moved, now, active=0)

    assert len(first.runs) == ALL_AT_ONCE
    assert first.next_run <= now
    assert waiting.runs == ()
    assert now < waiting.next_run <= now + timedelta(seconds=30)
    assert second.runs[0].scheduled_for == first.last_nominal + minutes(1)


def test_skip_runs_none_that_was_missed():
    job = job_from(cron_string="0 * * * *", misfire="skip")

    done = planned(job, NOON + minutes(60 * 5 + 30))

    assert rows(done) == [("missed", "skipped_misfire", NOON + minutes(60), 5)]
    assert done.runs[0].until == NOON + minutes(300)
    assert done.next_run == NOON + minutes(360)


def test_skip_runs_the_latest_if_it_is_merely_late():
    job = job_from(cron_string="0 * * * *", misfire="skip")

    done = planned(job, NOON + minutes(180) + timedelta(seconds=5))

    assert rows(done) == [
        ("missed", "skipped_misfire", NOON + minutes(60), 2),
        ("due", "queued", NOON + minutes(180), 1),
    ]


@pytest.mark.parametrize("misfire", ["latest", "skip"])
def test_ten_years_of_minutes_are_one_row_and_take_no_time(misfire):
    job = job_from(misfire=misfire)
    planned(job, NOON + YEARS_10)

    began = time.perf_counter()
    done = planned(job, NOON + YEARS_10 + timedelta(seconds=30))
    took_s = time.perf_counter() - began

    assert sum(run.count for run in done.runs) == 3653 * 24 * 60
    assert len(done.runs) == 2
    assert took_s < 0.05


@pytest.mark.parametrize(
    ("overlap", "state"),
    [("skip", "skipped_overlap"), ("queue", "queued"), ("allow", "queued")],
)
def test_overlap_decides_about_a_due_time_while_the_last_run_goes_on(overlap, state):
    job = job_from(overlap=overlap)

    done = planned(job, NOON + minutes(1), active=1)

    assert rows(done) == [("due", state, NOON + minutes(1), 1)]
    assert done.runs[0].serial == (overlap != "allow")


@pytest.mark.parametrize("overlap", ["queue", "allow"])
def test_a_queue_that_only_grows_is_cut_off_visibly(overlap):
    job = job_from(overlap=overlap)

    done = planned(job, NOON + minutes(1), active=QUEUE_MOST)

    assert rows(done) == [("due", "skipped_overlap", NOON + minutes(1), 1)]


def test_an_outage_does_not_count_as_overlap():
    """
    A run that was cut off by the crash is still active when the planner starts again.
    """
    job = job_from(cron_string="0 * * * *")

    done = planned(job, NOON + minutes(90), active=1)

    assert rows(done) == [("due", "queued", NOON + minutes(60), 1)]


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(days=1)])
def test_a_clock_that_jumps_back_plans_nothing_twice(jump):
    job = job_from()
    first = planned(job, NOON + minutes(1))
    moved = msgspec.structs.replace(job, last_nominal=first.last_nominal)

    back = planned(moved, NOON + minutes(1) - jump)
    again = planned(moved, NOON + minutes(1))

    assert back.runs == ()
    assert again.runs == ()
    assert back.next_run == NOON + minutes(2)


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(days=1)])
def test_a_clock_that_jumps_forth_is_an_outage(jump):
    job = job_from()

    done = planned(job, NOON + jump)
    moved = msgspec.structs.replace(job, last_nominal=done.last_nominal)
    back = planned(moved, NOON + minutes(5))

    assert sum(run.state.value == "queued" for run in done.runs) == 1
    assert all(run.scheduled_for <= NOON + jump for run in done.runs)
    assert back.runs == ()


def test_a_job_that_is_over_has_no_next_time():
    job = job_from(schedule="at 2026-11-21T12:30")

    done = planned(job, NOON + minutes(30))

    assert rows(done) == [("due", "queued", NOON + minutes(30), 1)]
    assert done.next_run is None


def test_jitter_puts_a_run_off_and_its_due_time_stays():
    job = job_from(name="a", jitter=30)
    offset = timedelta(seconds=30 * jitter_share("a"))
    due = NOON + minutes(1)

    early = planned(job, due)
    done = planned(job, due + offset)

    assert job.next_run == due + offset
    assert early.runs == ()
    assert rows(done) == [("due", "queued", due, 1)]


def test_jitter_never_reaches_the_next_due_time():
    for name in "abcdefgh":
        job = job_from(name=name, jitter="1 day")

        assert NOON + minutes(1) <= job.next_run < NOON + minutes(2)


def test_jitter_is_the_jobs_own_and_spread_evenly():
    """
    The same on every instance, and no crowd at the full hour.
    """
    shares = [jitter_share(f"job-{number}") for number in range(4000)]
    tenths = [sum(int(share * 10) == tenth for share in shares) for tenth in range(10)]

    assert all(0 <= share < 1 for share in shares)
    assert min(tenths) > 320
    assert max(tenths) < 480


def test_while_jitter_is_outstanding_the_due_time_is_not_missed():
    job = job_from(cron_string="0 * * * *", jitter="50 minutes", name="late-one")
    share = jitter_share("late-one")
    moment = NOON + minutes(60) + share * minutes(50)

    done = planned(job, moment + timedelta(seconds=30))

    assert rows(done) == [("due", "queued", NOON + minutes(60), 1)]
    assert done.runs[0].reason is None


def test_a_paused_job_has_no_next_run():
    job = job_from(paused=True)

    assert job.next_run is None
    assert job.next_nominal == NOON + minutes(1)


def test_placing_again_changes_nothing():
    job = job_from(jitter=20)

    assert placed(job, schedule_of(job.ask)) == job


def test_dates_are_those_of_the_zone():
    job = job_from(schedule="each day at 1PM", timezone="Asia/Kolkata")

    assert job.next_run == datetime(2026, 11, 22, 7, 30, tzinfo=UTC)
