"""Jobs as a state machine: whatever happens, every due time is accounted for once.

Time passes, the clock is set forth and back, planners and runners crash, jobs are
paused, resumed, edited, run by hand and backfilled, destinations fail. After each step:
no due time has two rows, none ran before its time, and every due time up to what was
planned is a row of the history or inside one range of it.
"""

import asyncio
import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from job_house import House
from job_parts import NOON, KnownRows

from tallymill.delivery.model import idempotency_key
from tallymill.delivery.ports import Room
from tallymill.jobs.model import RunKind, RunState
from tallymill.jobs.planner import schedule_of
from tallymill.kernel.clock import ManualClock
from tallymill.store.database import Database

SQL = "SELECT 1"
SECOND = timedelta(seconds=1)
SCHEDULES = st.sampled_from(
    ["* * * * *", "*/7 * * * *", "every 90 seconds", "0 * * * *", "30 12 * * *"]
)
SEEN = {RunKind.DUE, RunKind.MISSED}


class JobMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = ManualClock(NOON)
        self.database = Database(Path(self.folder.name) / "tallymill.db")
        self.do(self.database.start())
        self.sources = KnownRows({SQL: ({"n": 1},)})
        self.house = self.new_house()
        #: (from, schedule): since when which schedule has been in force.
        self.spans = []
        self.posted = []

    def do(self, work):
        return self.loop.run_until_complete(work)

    def new_house(self):
        return House(self.database, self.clock, sources=self.sources)

    @initialize(
        schedule=SCHEDULES,
        misfire=st.sampled_from(["latest", "all", "skip"]),
        overlap=st.sampled_from(["skip", "queue", "allow"]),
        jitter=st.sampled_from([0, 20, 3600]),
    )
    def add_the_job(self, schedule, misfire, overlap, jitter):
        job = self.do(
            self.house.jobs.add(
                {
                    "name": "job",
                    "schedule": schedule,
                    "source": "shop",
                    "query": SQL,
                    "deliver_to": "http://h/",
                    "misfire": misfire,
                    "overlap": overlap,
                    "jitter": jitter,
                }
            )
        )
        self.spans.append((job.last_nominal, schedule_of(job.ask)))

    @rule(seconds=st.sampled_from([1, 29, 60, 61, 200, 3600, 7200]))
    def time_passes(self, seconds):
        self.clock.advance(seconds)

    @rule(hours=st.sampled_from([-24, -1, 1, 24]))
    def the_clock_is_set(self, hours):
        self.clock.jump(self.clock.now() + timedelta(hours=hours))

    @rule()
    def a_pass_is_planned(self):
        self.do(self.house.agenda.pass_once())

    @rule()
    def runs_are_carried_out(self):
        self.do(self.house.runner.claim_once())
        self.do(self.house.runner.idle())

    @rule(replies=st.lists(st.sampled_from([201, 500, 422, "Connection refused."])))
    def deliveries_are_made(self, replies):
        self.house.poster.replies = replies
        self.do(self.house.courier.claim_once())
        self.do(self.house.courier.idle())
        self.posted += self.house.poster.posted
        self.house.poster.posted.clear()

    @rule()
    def the_process_is_killed_while_it_runs_and_delivers(self):
        later = self.clock.now() + timedelta(seconds=60)
        now = self.clock.now()
        self.do(
            self.house.run_store.claim(
                "dead", now=now, lease_until=later, live=2, backfill=2
            )
        )
        self.do(
            self.house.outbox.claim(
                "dead",
                now=now,
                lease_until=later,
                room=Room(more=9, a_host=9, a_destination=2),
            )
        )
        self.house = self.new_house()
        self.do(self.house.run_store.release("next", now))
        self.do(self.house.outbox.release("next"))

    @rule(is_paused=st.booleans())
    def it_is_paused_or_resumed(self, is_paused):
        self.do(self.house.jobs.patch("job", {"paused": is_paused}))

    @rule(jitter=st.sampled_from([0, 20, 3600]))
    def its_jitter_is_edited(self, jitter):
        self.do(self.house.jobs.patch("job", {"jitter": jitter}))

    @rule(schedule=SCHEDULES)
    def its_schedule_is_edited(self, schedule):
        before = self.do(self.house.jobs.get("job"))
        after = self.do(self.house.jobs.patch("job", {"schedule": schedule}))
        if schedule_of(before.ask) != schedule_of(after.ask):
            self.spans.append((after.last_nominal, schedule_of(after.ask)))

    @rule()
    def it_is_run_by_hand(self):
        self.do(self.house.runs.run_now("job"))

    @rule(hours=st.integers(1, 3))
    def it_is_backfilled(self, hours):
        start = self.clock.now() - timedelta(hours=hours)
        self.do(self.house.backfills.plan("job", start, self.clock.now()))

    @invariant()
    def every_due_time_is_accounted_for_once(self):
        if not self.spans:
            return
        job = self.do(self.house.jobs.get("job"))
        rows = [run for run in self.runs() if run.kind in SEEN]
        ends = [start for start, _ in self.spans[1:]] + [job.last_nominal]
        due = [
            at
            for (start, schedule), end in zip(self.spans, ends, strict=True)
            for at in schedule.between(start + SECOND / 1e6, end + SECOND / 1e6)
        ]
        singles = [run.scheduled_for for run in rows if run.kind is RunKind.DUE]
        in_ranges = sum(run.count for run in rows if run.kind is RunKind.MISSED)

        assert len(singles) == len(set(singles))
        assert set(singles) <= set(due)
        assert len(singles) + in_ranges == len(due)
        for run in rows:
            if run.kind is RunKind.MISSED:
                inside = [at for at in due if run.scheduled_for <= at <= run.until]
                assert len(inside) == run.count
                assert not set(inside) & set(singles)

    @invariant()
    def nothing_ran_before_its_time(self):
        for run in self.runs():
            assert (
                run.started_at is None
                or run.created_at >= run.scheduled_for
                or (run.kind is RunKind.NOW)
            )

    @invariant()
    def an_outcome_and_its_delivery_are_there_together(self):
        runs = self.runs()
        deliveries = self.do(self.house.outbox.history([run.id for run in runs]))
        for run in runs:
            assert (run.state is RunState.SUCCEEDED) == (run.id in deliveries)

    @invariant()
    def what_was_posted_bears_the_key_of_its_due_time(self):
        kinds = {run.scheduled_for.isoformat(): set() for run in self.runs()}
        for run in self.runs():
            key = idempotency_key("job", run.scheduled_for, run.kind.value)
            kinds[run.scheduled_for.isoformat()].add(key)
        for _, _, headers, _ in self.posted:
            assert headers["Idempotency-Key"] in kinds[headers["X-Scheduled-For"]]

    def runs(self):
        if not self.spans:
            return ()
        page = self.do(self.house.history.of_job("job", limit=1_000_000))
        return page.runs

    def teardown(self):
        self.do(self.database.stop())
        self.loop.close()
        self.folder.cleanup()


TestJobMachine = JobMachine.TestCase
TestJobMachine.settings = settings(
    max_examples=15,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
