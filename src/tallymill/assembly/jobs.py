"""Builds the rooms of the jobs: schedule, run, answer, outbox, delivery."""

from dataclasses import dataclass

from tallymill.delivery.courier import Courier
from tallymill.jobs.agenda import Agenda
from tallymill.jobs.asking import Asker
from tallymill.jobs.backfill import Backfills
from tallymill.jobs.check import Surroundings
from tallymill.jobs.runner import Runner
from tallymill.jobs.runs import Runs, Wakes
from tallymill.jobs.service import Jobs, ProjectJob
from tallymill.jobs.trial import Trials
from tallymill.kernel.clock import Clock
from tallymill.outbound.http_poster import HttpPoster
from tallymill.project.model import Project
from tallymill.sources.sql import SqlSources
from tallymill.sources.statistic_values import AnsweredStatistics
from tallymill.statistics.answers import Answers
from tallymill.store.database import Database
from tallymill.store.jobs import SqlJobStore
from tallymill.store.outbox import SqlOutbox
from tallymill.store.run_history import SqlRunHistory
from tallymill.store.runs import SqlRunStore
from tallymill.web.services import JobServices


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRooms:
    """What plans, runs and delivers; one `Service` in the order of start and stop.

    `Reconciliation` comes before the HTTP server, so that whoever asks finds the
    project's jobs; the rest comes after it, because jobs may deliver to this server.
    """

    services: JobServices
    poster: HttpPoster
    courier: Courier
    runner: Runner
    agenda: Agenda

    async def start(self) -> None:
        """Deliver, run and plan."""
        await self.poster.start()
        await self.courier.start()
        await self.runner.start()
        await self.agenda.start()

    async def stop(self) -> None:
        """Plan nothing more, cut off what runs; the next start takes it up again."""
        await self.agenda.stop()
        await self.runner.stop()
        await self.courier.stop()
        await self.poster.stop()


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Takes the project's jobs over; a `Service` that has done its work at the start."""

    project: Project
    jobs: Jobs

    async def start(self) -> None:
        """Make the stored jobs of file and code equal to the project's."""
        await self.jobs.reconcile(_project_jobs(self.project))

    async def stop(self) -> None:
        """Nothing to release."""


def build_jobs(
    project: Project, database: Database, answers: Answers, clock: Clock
) -> JobRooms:
    """Build the rooms; starts and opens nothing."""
    jobs, queue = SqlJobStore(database), SqlRunStore(database)
    history, outbox = SqlRunHistory(database), SqlOutbox(database)
    asker = _asker(project, answers, clock)
    poster = HttpPoster()
    courier = Courier(outbox=outbox, poster=poster, clock=clock)
    runner = Runner(store=queue, asker=asker, clock=clock, parcels_wait=courier.wake)
    agenda = Agenda(store=jobs, clock=clock, runs_wait=runner.wake)
    wakes = Wakes(runs_wait=runner.wake, parcels_wait=courier.wake)
    services = JobServices(
        jobs=Jobs(
            store=jobs,
            asker=asker,
            surroundings=_surroundings(project),
            clock=clock,
            edited=agenda.wake,
        ),
        runs=Runs(
            jobs=jobs,
            queue=queue,
            history=history,
            outbox=outbox,
            clock=clock,
            wakes=wakes,
        ),
        backfills=Backfills(
            jobs=jobs, queue=queue, history=history, clock=clock, runs_wait=runner.wake
        ),
        trials=Trials(asker=asker, clock=clock),
    )
    return JobRooms(
        services=services,
        poster=poster,
        courier=courier,
        runner=runner,
        agenda=agenda,
    )


def _asker(project: Project, answers: Answers, clock: Clock) -> Asker:
    sources = SqlSources(project.sources, folder=project.folder, clock=clock)
    names = [each.name for each in project.statistics]
    return Asker(
        sources=sources, statistics=AnsweredStatistics(answers, names), clock=clock
    )


def _surroundings(project: Project) -> Surroundings:
    return Surroundings(
        timezone=project.settings.timezone,
        sources=[each.name for each in project.sources],
        statistics=[each.name for each in project.statistics],
    )


def _project_jobs(project: Project) -> list[ProjectJob]:
    return [
        *(ProjectJob(fields=fields, origin="file") for fields in project.jobs),
        *(
            ProjectJob(
                fields=marked.definition,
                origin="code",
                function=marked.function,
                place=marked.place,
            )
            for marked in project.functions
        ),
    ]
