"""Builds every adapter and room from a project, in the order in which they start."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tallymill.accounts.register import Accounts
from tallymill.assembly.jobs import JobRooms, Reconciliation, build_jobs
from tallymill.config import Settings
from tallymill.events.ingest import Ingest
from tallymill.events.model import Limits
from tallymill.kernel.clock import Clock
from tallymill.kernel.service import Service
from tallymill.kernel.turnstile import Turnstile
from tallymill.live.hub import Hub
from tallymill.project.model import Project
from tallymill.statistics.answers import Answers
from tallymill.store.accounts import SqlAccountStore
from tallymill.store.database import Database
from tallymill.store.ledger import SqlLedger
from tallymill.store.log import SqlEventLog
from tallymill.store.meta import SqlEpochs
from tallymill.store.results import SqlResultStore
from tallymill.web.app import Web, build
from tallymill.web.server import HttpServer
from tallymill.web.services import Services
from tallymill.workers.service import Workforce, WorkSettings

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


def build_house(project: Project, clock: Clock) -> House:
    """Build everything; starts and opens nothing."""
    settings = project.settings
    database, turnstile = Database(settings.database_path), Turnstile()
    log = SqlEventLog(
        database, clock, shards=settings.shards, instance=socket.gethostname()
    )
    ledger = SqlLedger(database)
    workforce = Workforce(
        log, ledger, clock, project.statistics, _work(settings), turnstile
    )
    ingest = Ingest(
        log, clock, workforce, shards=settings.shards, backlog_max=settings.backlog_max
    )
    store = SqlAccountStore(database, log, clock, shards=settings.shards)
    accounts = Accounts(store, admit=ingest.admit, seed=settings.seed_accounts)
    answers = Answers(ledger, project.statistics)
    hub = Hub(log, SqlEpochs(database), clock)
    jobs = build_jobs(project, database, answers, clock)
    services = Services(
        clock=clock,
        limits=_limits(settings),
        ingest=ingest,
        accounts=accounts,
        log=log,
        ledger=ledger,
        workforce=workforce,
        turnstile=turnstile,
        answers=answers,
        results=SqlResultStore(database),
        hub=hub,
        timezone=settings.timezone,
        any_host=settings.no_auth,
        troubles=lambda: [*database.troubles(), *workforce.troubles()],
        log_bytes=lambda: _size_bytes(settings.database_path),
        jobs=jobs.services,
    )
    server = _server(build(services), settings)
    reconciliation = Reconciliation(project, jobs.services.jobs)
    rooms: list[Service] = [database, log, accounts, ledger, workforce, hub]
    return House(
        project=project,
        clock=clock,
        database=database,
        workforce=workforce,
        jobs=jobs,
        server=server,
        services=[*rooms, reconciliation, server, jobs],
    )


def _limits(settings: Settings) -> Limits:
    return Limits(
        body_bytes=settings.body_max_bytes, event_bytes=settings.event_max_bytes
    )


def _work(settings: Settings) -> WorkSettings:
    return WorkSettings(
        shards=settings.shards,
        workers=settings.workers,
        batch_size=settings.batch_size,
        worker_timeout_s=settings.worker_timeout_s,
    )


def _server(web: Web, settings: Settings) -> HttpServer:
    return HttpServer(
        web,
        [(address.host, address.port) for address in settings.listen],
        stop_within_s=settings.shutdown_timeout_s * REQUESTS_PART,
    )


def _size_bytes(path: Path) -> int:
    files = (path, path.with_name(path.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
