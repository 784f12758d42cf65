"""Builds every adapter and room from a project, in the order in which they start."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tallymill.accounts.register import Accounts
from tallymill.assembly.jobs import JobRooms, build_jobs
from tallymill.events.ingest import Ingest
from tallymill.events.model import Limits
from tallymill.kernel.clock import Clock
from tallymill.kernel.service import Service
from tallymill.live.hub import Hub
from tallymill.project.model import Project
from tallymill.statistics.answers import Answers
from tallymill.store.accounts import SqlAccountStore
from tallymill.store.database import Database
from tallymill.store.ledger import SqlLedger
from tallymill.store.log import SqlEventLog
from tallymill.store.meta import SqlEpochs
from tallymill.store.results import SqlResultStore
from tallymill.web.app import build
from tallymill.web.server import HttpServer
from tallymill.web.services import Services
from tallymill.workers.service import Workforce, WorkSettings

DATABASE_FILE = "tallymill.db"
#: Of the shutdown timeout, what requests in flight may use; the rest is for the fold.
REQUESTS_PART = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Everything that runs, built and not yet started."""

    project: Project
    clock: Clock
    database: Database
    workforce: Workforce
    jobs: JobRooms
    server: HttpServer
    services: Sequence[Service]  #: in the order of starting


def database_path(project: Project) -> Path:
    """Return the file that a project keeps everything in."""
    url = project.settings.database
    if url:
        return project.folder / url.removeprefix("sqlite:///")
    return project.settings.data / DATABASE_FILE


def build_house(project: Project, clock: Clock) -> House:
    """Build everything; starts and opens nothing."""
    settings = project.settings
    path = database_path(project)
    database = Database(path)
    log = SqlEventLog(
        database, clock, shards=settings.shards, instance=socket.gethostname()
    )
    ledger = SqlLedger(database)
    workforce = Workforce(
        log,
        ledger,
        clock,
        project.statistics,
        WorkSettings(
            shards=settings.shards,
            workers=settings.workers,
            batch_size=settings.batch_size,
            worker_timeout_s=settings.worker_timeout_s,
        ),
    )
    answers = Answers(ledger, project.statistics)
    hub = Hub(log, SqlEpochs(database), clock)
    jobs = build_jobs(project, database, answers, clock)
    ingest = Ingest(
        log,
        clock,
        workforce,
        shards=settings.shards,
        backlog_max=settings.backlog_max,
    )
    accounts = Accounts(
        SqlAccountStore(database, log, clock, shards=settings.shards),
        admit=ingest.admit,
        seed=settings.seed_accounts,
    )
    web = build(
        Services(
            clock=clock,
            limits=Limits(
                body_bytes=settings.body_max_bytes, event_bytes=settings.event_max_bytes
            ),
            ingest=ingest,
            accounts=accounts,
            log=log,
            ledger=ledger,
            workforce=workforce,
            answers=answers,
            results=SqlResultStore(database),
            hub=hub,
            timezone=settings.timezone,
            troubles=workforce.troubles,
            log_bytes=lambda: _size_bytes(path),
            jobs=jobs.services,
        )
    )
    server = HttpServer(
        web,
        [(address.host, address.port) for address in settings.listen],
        stop_within_s=settings.shutdown_timeout_s * REQUESTS_PART,
    )
    return House(
        project=project,
        clock=clock,
        database=database,
        workforce=workforce,
        jobs=jobs,
        server=server,
        # Jobs may deliver to this very server, so it is up before them.
        services=[database, log, accounts, ledger, workforce, hub, server, jobs],
    )


def _size_bytes(path: Path) -> int:
    files = (path, path.with_name(path.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
