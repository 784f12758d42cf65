"""The planner's loop: sleeps until the next job is due, then plans what is.

Decisions are `planner.py`'s. Woken by edits; looks at the clock at least every
`LONGEST_SLEEP_S`, so that a clock that was set finds it awake.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from tallymill.jobs.model import Job, RunState
from tallymill.jobs.planner import DueSpan, passed_over, plan, schedule_of
from tallymill.jobs.ports import JobStore, Plan, Planned
from tallymill.kernel.clock import Clock, wait_or_timeout
from tallymill.kernel.errors import TallymillError
from tallymill.kernel.service import cancel_and_wait

log = structlog.get_logger("tallymill.jobs")

LONGEST_SLEEP_S = 30.0
#: Jobs planned in one transaction; other writers get their turn between two.
PASS_MOST = 500
_AFTER_FAILURE_S = 1.0


class Agenda:
    """Plans what comes due. A service; owns one task."""

    def __init__(
        self, *, store: JobStore, clock: Clock, runs_wait: Callable[[], None]
    ) -> None:
        """Make an agenda.

        Args:
            store: Where the jobs are.
            clock: Whose time is meant.
            runs_wait: Called when runs were queued.
        """
        self._store = store
        self._clock = clock
        self._runs_wait = runs_wait
        self._edited = asyncio.Event()
        self._awake_at_s = 0.0  #: of the monotonic clock; past while it is awake
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to plan."""
        self._task = asyncio.create_task(self._run(), name="jobs.agenda")

    async def stop(self) -> None:
        """End; a pass that is being written is written."""
        await cancel_and_wait(self._task)
        self._task = None

    def wake(self, due: datetime | None) -> None:
        """Say that a job was added or changed, and when it is due now.

        Whoever adds thousands of jobs for tomorrow does not disturb the sleep.
        """
        if due is None:
            return
        asleep_s = self._awake_at_s - self._clock.monotonic_s()
        if asleep_s <= 0 or (due - self._clock.now()).total_seconds() < asleep_s:
            self._edited.set()

    async def pass_once(self) -> Planned:
        """Plan the jobs that are due now, at most `PASS_MOST` of them."""
        now = self._clock.now()

        def decide(job: Job, active: int) -> Plan:
            return planned(job, now, active)

        done = await self._store.plan_due(now, decide, PASS_MOST)
        if any(run.state is RunState.QUEUED for run in done.runs):
            self._runs_wait()
        return done

    async def _run(self) -> None:
        while True:
            sleep_s = await self._pass_and_say_how_long_to_sleep()
            if sleep_s > 0:
                self._awake_at_s = self._clock.monotonic_s() + sleep_s
                await wait_or_timeout(self._edited, self._clock, sleep_s)
                self._awake_at_s = 0.0

    async def _pass_and_say_how_long_to_sleep(self) -> float:
        self._edited.clear()
        try:
            done = await self.pass_once()
        except TallymillError as exc:
            log.warning("agenda.waits", reason=exc.detail)
            return _AFTER_FAILURE_S
        except Exception:
            log.exception("agenda.failed")
            return _AFTER_FAILURE_S
        return _sleep_s(done, self._clock.now())


def planned(job: Job, now: datetime, active: int) -> Plan:
    """Return the plan of one job; one that cannot be reckoned stops nobody else."""
    try:
        return plan(job, schedule_of(job.ask), now=now, active=active)
    except (TallymillError, ValueError, OverflowError) as exc:
        log.error("job.unplannable", job=job.id, reason=str(exc))  # noqa: TRY400 - the reason says it all
        due = job.next_nominal or now
        row = passed_over(
            job,
            DueSpan(first=due, latest=due, count=1),
            RunState.SKIPPED_MISFIRE,
            now=now,
            reason=f"Its next due time cannot be reckoned: {exc}",
        )
        return Plan(
            runs=(row,), last_nominal=job.last_nominal, next_nominal=None, next_run=None
        )


def _sleep_s(done: Planned, now: datetime) -> float:
    if done.next_run is None:
        return LONGEST_SLEEP_S
    return min((done.next_run - now).total_seconds(), LONGEST_SLEEP_S)
