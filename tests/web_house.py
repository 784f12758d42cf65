"""A server over real rooms and a real database, on a free port of this machine.

What the tests of the web surface stand on. Nothing in it is a stand-in.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from tallymill.accounts.register import Accounts
from tallymill.delivery.courier import Courier
from tallymill.events.ingest import Ingest
from tallymill.events.model import Limits
from tallymill.jobs.agenda import Agenda
from tallymill.jobs.asking import Asker
from tallymill.jobs.backfill import Backfills
from tallymill.jobs.check import Surroundings
from tallymill.jobs.runner import Runner
from tallymill.jobs.runs import Runs, Wakes
from tallymill.jobs.service import Jobs
from tallymill.jobs.trial import Trials
from tallymill.kernel.clock import Clock, SystemClock
from tallymill.kernel.service import running
from tallymill.kernel.turnstile import Turnstile
from tallymill.live.hub import Hub
from tallymill.outbound.http_poster import HttpPoster
from tallymill.sources.sql import SqlSources
from tallymill.sources.statistic_values import AnsweredStatistics
from tallymill.statistics.answers import Answers
from tallymill.statistics.registry import bind_all
from tallymill.store.accounts import SqlAccountStore
from tallymill.store.database import Database
from tallymill.store.jobs import SqlJobStore
from tallymill.store.ledger import SqlLedger
from tallymill.store.log import SqlEventLog
from tallymill.store.meta import SqlEpochs
from tallymill.store.outbox import SqlOutbox
from tallymill.store.results import SqlResultStore
from tallymill.store.run_history import SqlRunHistory
from tallymill.store.runs import SqlRunStore
from tallymill.web.app import build
from tallymill.web.server import HttpServer
from tallymill.web.services import JobServices, Services
from tallymill.workers.service import Workforce, WorkSettings

SHARDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class WebHouse:
    """A running server, and a client that talks to it over a socket."""

    client: httpx2.AsyncClient
    server: HttpServer
    services: Services
    port: int


@asynccontextmanager
async def web_house(
    folder: Path,
    *,
    limits: Limits | None = None,
    backlog_max: int = 2_000_000,
    troubles: Sequence[str] = (),
    seed_accounts: int = 0,
    any_host: bool = False,
) -> AsyncIterator[WebHouse]:
    """Run a server on a folder until the block ends."""
    clock = SystemClock()
    database = Database(folder / "tallymill.db")
    rooms = _Rooms(database, clock, folder)
    ingest = Ingest(
        rooms.log, clock, rooms.workforce, shards=SHARDS, backlog_max=backlog_max
    )
    accounts = Accounts(
        SqlAccountStore(database, rooms.log, clock, shards=SHARDS),
        admit=ingest.admit,
        seed=seed_accounts,
    )
    services = Services(
        clock=clock,
        limits=limits or Limits(),
        ingest=ingest,
        log=rooms.log,
        accounts=accounts,
        ledger=rooms.ledger,
        workforce=rooms.workforce,
        turnstile=rooms.turnstile,
        answers=rooms.answers,
        results=SqlResultStore(database),
        hub=rooms.hub,
        timezone="Asia/Kolkata",
        any_host=any_host,
        troubles=lambda: [*troubles, *database.troubles(), *rooms.workforce.troubles()],
        log_bytes=lambda: 4096,
        jobs=rooms.jobs,
    )
    server = HttpServer(build(services), [("127.0.0.1", 0)], stop_within_s=5.0)
    async with running([database, *rooms.services, accounts, server]):
        port = server.bound[0][1]
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=20.0, trust_env=False
        ) as client:
            yield WebHouse(client=client, server=server, services=services, port=port)


class _Rooms:
    """The rooms over one database, built as `assembly` builds them."""

    def __init__(self, database: Database, clock: Clock, folder: Path) -> None:
        statistics, _ = bind_all([], [])
        self.turnstile = Turnstile()
        self.log = SqlEventLog(database, clock, shards=SHARDS)
        self.ledger = SqlLedger(database)
        self.answers = Answers(self.ledger, statistics)
        self.hub = Hub(self.log, SqlEpochs(database), clock)
        self.workforce = Workforce(
            self.log,
            self.ledger,
            clock,
            statistics,
            WorkSettings(shards=SHARDS),
            self.turnstile,
        )
        values = AnsweredStatistics(self.answers, [each.name for each in statistics])
        asker = Asker(
            sources=SqlSources([], folder=folder, clock=clock),
            statistics=values,
            clock=clock,
        )
        poster, outbox = HttpPoster(), SqlOutbox(database)
        store, queue, history = (
            SqlJobStore(database),
            SqlRunStore(database),
            SqlRunHistory(database),
        )
        courier = Courier(outbox=outbox, poster=poster, clock=clock)
        runner = Runner(
            store=queue, asker=asker, clock=clock, parcels_wait=courier.wake
        )
        agenda = Agenda(store=store, clock=clock, runs_wait=runner.wake)
        self.jobs = JobServices(
            jobs=Jobs(
                store=store,
                asker=asker,
                surroundings=Surroundings(statistics=values.names()),
                clock=clock,
                edited=agenda.wake,
            ),
            runs=Runs(
                jobs=store,
                queue=queue,
                history=history,
                outbox=outbox,
                clock=clock,
                wakes=Wakes(runs_wait=runner.wake, parcels_wait=courier.wake),
            ),
            backfills=Backfills(
                jobs=store,
                queue=queue,
                history=history,
                clock=clock,
                runs_wait=runner.wake,
            ),
            trials=Trials(asker=asker, clock=clock),
        )
        self.services = [
            self.log,
            self.ledger,
            self.workforce,
            self.hub,
            poster,
            courier,
            runner,
            agenda,
        ]
