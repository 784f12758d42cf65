"""What the routes stand on; built by `assembly`, handed to `app.build`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tallymill.accounts.register import Accounts
from tallymill.events.ingest import Ingest
from tallymill.events.model import Limits
from tallymill.events.ports import EventLog
from tallymill.jobs.backfill import Backfills
from tallymill.jobs.runs import Runs
from tallymill.jobs.service import Jobs
from tallymill.jobs.trial import Trials
from tallymill.kernel.clock import Clock
from tallymill.kernel.turnstile import Turnstile
from tallymill.live.hub import Hub
from tallymill.results.ports import ResultStore
from tallymill.statistics.answers import Answers
from tallymill.workers.ports import Ledger
from tallymill.workers.service import Workforce


@dataclass(frozen=True, slots=True, kw_only=True)
class JobServices:
    """The rooms of the jobs."""

    jobs: Jobs
    runs: Runs
    backfills: Backfills
    trials: Trials


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The rooms, as the web asks them."""

    clock: Clock
    limits: Limits
    ingest: Ingest
    log: EventLog
    accounts: Accounts
    ledger: Ledger
    workforce: Workforce
    turnstile: Turnstile
    answers: Answers
    results: ResultStore
    hub: Hub
    timezone: str  #: IANA name; of previews that name none
    any_host: bool  #: may be asked for by other names than those of loopback
    #: A sentence for each reason why the server cannot do its work now.
    troubles: Callable[[], Sequence[str]]
    #: Bytes that the database's files take.
    log_bytes: Callable[[], int]
    jobs: JobServices
