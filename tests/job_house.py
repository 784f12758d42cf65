"""All of jobs and delivery on one database, worked by hand or by its own loops."""

import asyncio
from contextlib import asynccontextmanager

from job_parts import SURROUNDINGS, KnownRows, KnownValues, RecordingPoster

from tallymill.delivery.courier import Courier
from tallymill.jobs.agenda import Agenda
from tallymill.jobs.asking import Asker
from tallymill.jobs.backfill import Backfills
from tallymill.jobs.runner import Runner
from tallymill.jobs.runs import Runs, Wakes
from tallymill.jobs.service import Jobs
from tallymill.jobs.trial import Trials
from tallymill.store.jobs import SqlJobStore
from tallymill.store.outbox import SqlOutbox
from tallymill.store.run_history import SqlRunHistory
from tallymill.store.runs import SqlRunStore


class House:
    """Everything of jobs and delivery on one database, worked by hand."""

    def __init__(self, database, clock, *, sources=None, poster=None):
        self.clock = clock
        self.job_store = SqlJobStore(database)
        self.run_store = SqlRunStore(database)
        self.history = SqlRunHistory(database)
        self.outbox = SqlOutbox(database)
        self.sources = sources or KnownRows()
        self.poster = poster or RecordingPoster()
        self.asker = Asker(
            sources=self.sources,
            statistics=KnownValues(average_weight=2140.5),
            clock=clock,
        )
        self.courier = Courier(outbox=self.outbox, poster=self.poster, clock=clock)
        self.runner = Runner(
            store=self.run_store,
            asker=self.asker,
            clock=clock,
            parcels_wait=self.courier.wake,
        )
        self.agenda = Agenda(
            store=self.job_store, clock=clock, runs_wait=self.runner.wake
        )
        self.jobs = Jobs(
            store=self.job_store,
            asker=self.asker,
            surroundings=SURROUNDINGS,
            clock=clock,
            edited=self.agenda.wake,
        )
        self.runs = Runs(
            jobs=self.job_store,
            queue=self.run_store,
            history=self.history,
            outbox=self.outbox,
            clock=clock,
            wakes=Wakes(runs_wait=self.runner.wake, parcels_wait=self.courier.wake),
        )
        self.backfills = Backfills(
            jobs=self.job_store,
            queue=self.run_store,
            history=self.history,
            clock=clock,
            runs_wait=self.runner.wake,
        )
        self.trials = Trials(asker=self.asker, clock=clock)

    async def settle(self):
        """Plan, run and deliver whatever is due now, until nothing more is."""
        while (await self.agenda.pass_once()).runs:
            pass
        while await self.runner.claim_once():
            await self.runner.idle()
        await self.deliver()

    async def deliver(self):
        """Make the attempts that are due now, and those that become due at once."""
        before = -1
        while before != len(self.poster.posted):
            before = len(self.poster.posted)
            await self.courier.claim_once()
            await self.courier.idle()

    async def history_of(self, job_id):
        """Return (kind, state, due time, count) of each row, oldest first."""
        records = (await self.runs.of_job(job_id, limit=1000)).records
        return [
            (r.run.kind.value, r.run.state.value, r.run.scheduled_for, r.run.count)
            for r in reversed(records)
        ]


async def until(question):
    """Wait until the answer to an asynchronous question is true."""
    while not await question():  # noqa: ASYNC110 - the question is the database's
        await asyncio.sleep(0)


@asynccontextmanager
async def started(*services):
    for service in services:
        await service.start()
    try:
        yield
    finally:
        for service in reversed(services):
            await service.stop()
