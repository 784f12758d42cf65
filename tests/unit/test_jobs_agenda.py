"""The planner's loop: when it sleeps, when it wakes, and what it survives."""

import asyncio

import msgspec
from job_parts import NOON, job_from, minutes

from tallymill.jobs.agenda import LONGEST_SLEEP_S, Agenda, planned
from tallymill.jobs.ports import Planned
from tallymill.kernel.clock import ManualClock
from tallymill.kernel.errors import Unavailable


class KnownPasses:
    """A store whose passes are known beforehand; tells when one was asked for."""

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.passes = 0
        self.passed = asyncio.Condition()

    async def plan_due(self, _now, _decide, _limit):
        async with self.passed:
            self.passes += 1
            self.passed.notify_all()
        outcome = self.outcomes.pop(0) if self.outcomes else nothing_due()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def wait_for(self, passes):
        async with self.passed:
            await self.passed.wait_for(lambda: self.passes >= passes)
        # The loop goes to sleep within a few turns of the event loop.
        for _ in range(10):
            await asyncio.sleep(0)


def nothing_due(next_run=None):
    return Planned(jobs=0, runs=(), next_run=next_run)


async def passes_after(store, advance_s, *, wake=None):
    """Return how many passes there are after the first sleep was shortened so."""
    clock = ManualClock(NOON)
    agenda = Agenda(store=store, clock=clock, runs_wait=lambda: None)
    await agenda.start()
    await store.wait_for(1)
    if wake:
        agenda.wake(wake)
    clock.advance(advance_s)
    for _ in range(20):
        await asyncio.sleep(0)
    await agenda.stop()
    return store.passes


async def test_it_sleeps_until_the_next_job_is_due():
    assert await passes_after(KnownPasses(nothing_due(NOON + minutes(0.2))), 11.9) == 1
    assert await passes_after(KnownPasses(nothing_due(NOON + minutes(0.2))), 12) == 2


async def test_it_looks_at_the_clock_again_and_again():
    """
    A clock that was set forth while it slept must not find it asleep for hours.
    """
    far = nothing_due(NOON + minutes(60))

    assert await passes_after(KnownPasses(far), LONGEST_SLEEP_S) == 2
    assert await passes_after(KnownPasses(nothing_due()), LONGEST_SLEEP_S) == 2


async def test_an_edit_wakes_it():
    soon = NOON + minutes(0.1)

    assert await passes_after(KnownPasses(nothing_due()), 0, wake=soon) == 2


async def test_an_edit_for_later_does_not_disturb_it():
    """
    Whoever adds thousands of jobs for tomorrow must not cause as many passes.
    """
    tomorrow = NOON + minutes(24 * 60)

    assert await passes_after(KnownPasses(nothing_due()), 0, wake=tomorrow) == 1


async def test_it_goes_on_after_a_failure():
    away, broken = Unavailable("away"), ZeroDivisionError()

    assert await passes_after(KnownPasses(away), 1) == 2
    assert await passes_after(KnownPasses(broken), 1) == 2


def test_a_job_that_cannot_be_reckoned_stops_nobody_else():
    """
    A zone may be gone from the machine's list after an update.
    """
    job = job_from(name="a")
    ask = msgspec.structs.replace(job.ask, timezone="Mars/Olympus")

    done = planned(msgspec.structs.replace(job, ask=ask), NOON + minutes(1), 0)

    assert done.next_run is None
    assert [run.state.value for run in done.runs] == ["skipped_misfire"]
    assert "Mars/Olympus" in done.runs[0].reason
