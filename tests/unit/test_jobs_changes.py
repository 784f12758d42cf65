"""What an edit, a pause and the project's files come to: nothing lost, nothing made up."""

from datetime import timedelta

import msgspec
from job_parts import NOON, job_from, minutes

from tallymill.jobs.changes import changed, fitted, paused_or_resumed
from tallymill.jobs.planner import jitter_share

HOURLY = {"name": "a", "cron_string": "0 * * * *"}


def rows(change):
    return [
        (run.kind.value, run.state.value, run.scheduled_for, run.count)
        for run in change.runs
    ]


def test_the_same_definition_is_no_change():
    job = job_from(**HOURLY)

    assert changed(job, job_from(**HOURLY), NOON + minutes(5)).job == job


def test_another_destination_leaves_the_time_alone():
    job = job_from(**HOURLY)

    change = changed(job, job_from(**HOURLY, deliver_to="http://h/"), NOON + minutes(5))

    assert change.job.ask.deliver_to == "http://h/"
    assert change.job.last_nominal == job.last_nominal
    assert change.job.next_run == job.next_run
    assert change.job.version == job.version + 1
    assert change.job.created_at == job.created_at
    assert change.runs == ()


def test_a_new_schedule_counts_from_now_on():
    """
    A schedule that would have been due this morning must not run for this morning.
    """
    job = job_from(name="a", cron_string="0 13 * * *")
    now = NOON + minutes(30)

    change = changed(job, job_from(name="a", cron_string="15 12 * * *"), now)

    assert change.runs == ()
    assert change.job.next_run == NOON + timedelta(days=1, minutes=15)


def test_an_edit_does_not_lose_a_run_that_jitter_put_off():
    """
    Its due time has come, its moment has not: the edit plans it at once.
    """
    job = job_from(**HOURLY, jitter="50 minutes")
    due = NOON + minutes(60)
    assert jitter_share("a") * 50 > 2

    change = changed(
        job, job_from(name="a", cron_string="30 * * * *"), due + minutes(1)
    )

    assert rows(change) == [("due", "queued", due, 1)]
    assert change.job.next_run == NOON + minutes(90)


def test_new_jitter_under_the_same_schedule_keeps_the_outstanding_due_time():
    job = job_from(**HOURLY, jitter="50 minutes")

    change = changed(job, job_from(**HOURLY), NOON + minutes(61))

    assert change.runs == ()
    assert change.job.next_run == NOON + minutes(60)


def test_pausing_and_resuming_leave_one_row_for_what_passed():
    job = job_from(**HOURLY)

    paused = paused_or_resumed(job, NOON + minutes(5), paused=True)
    resumed = paused_or_resumed(paused.job, NOON + minutes(185), paused=False)

    assert paused.runs == ()
    assert paused.job.next_run is None
    assert rows(resumed) == [("missed", "skipped_paused", NOON + minutes(60), 3)]
    assert resumed.job.next_run == NOON + minutes(240)


def test_pausing_twice_is_no_change():
    job = job_from(**HOURLY, paused=True)

    assert paused_or_resumed(job, NOON, paused=True).job == job


def test_editing_a_paused_job_runs_nothing():
    job = job_from(**HOURLY, paused=True)

    change = changed(
        job,
        job_from(name="a", cron_string="30 * * * *", paused=True),
        NOON + minutes(125),
    )

    assert rows(change) == [("missed", "skipped_paused", NOON + minutes(60), 2)]
    assert change.job.next_run is None


def test_an_edit_after_an_outage_accounts_for_every_due_time():
    job = job_from(name="a", misfire="all")

    change = changed(
        job, job_from(name="a", cron_string="0 0 * * *"), NOON + timedelta(days=2)
    )

    assert sum(run.count for run in change.runs) == 2 * 24 * 60
    assert change.runs[-1].state.value == "skipped_misfire"
    assert change.job.last_nominal == NOON + timedelta(days=2)


def test_a_clock_that_jumped_back_does_not_pull_an_edited_job_back():
    job = job_from(**HOURLY)
    ahead = msgspec.structs.replace(job, last_nominal=NOON + minutes(600))

    change = changed(ahead, job_from(name="a", cron_string="30 * * * *"), NOON)

    assert change.runs == ()
    assert change.job.next_run == NOON + minutes(630)


def test_the_file_does_not_resume_what_was_paused_by_hand():
    job = job_from(origin="file", **HOURLY)
    paused = paused_or_resumed(job, NOON, paused=True).job

    assert fitted(paused, job_from(origin="file", **HOURLY), NOON) is None


def test_the_file_may_pause():
    job = job_from(origin="file", **HOURLY)

    change = fitted(job, job_from(origin="file", **HOURLY, paused=True), NOON)

    assert change.job.paused
