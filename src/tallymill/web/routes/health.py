"""`/health/live`, `/health/ready` and `/metrics`: for what runs and watches the server."""

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from tallymill.web.body import Budget
from tallymill.web.drain import Drain
from tallymill.web.metrics import Metrics
from tallymill.web.services import Services

_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class Live(msgspec.Struct, frozen=True):
    """The process answers."""

    status: str = "live"


class Ready(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether requests should be sent here."""

    status: str  #: "ready" or "not ready"
    reasons: list[str] = []  #: why not, a sentence each


def health_routes(
    services: Services, drain: Drain, metrics: Metrics, budget: Budget
) -> list[HTTPRouteHandler]:
    """Return the routes of health and metrics."""

    @get("/health/live", sync_to_thread=False, tags=["health"])
    def live() -> Live:
        """Say that the process answers; a restart is called for if it does not."""
        return Live()

    @get("/health/ready", sync_to_thread=False, tags=["health"])
    def ready() -> Response[Ready]:
        """Say whether requests should be sent here, and if not, why: 503."""
        reasons = list(services.troubles())
        if drain.has_begun:
            reasons.insert(0, "The server is shutting down.")
        if reasons:
            return Response(Ready("not ready", reasons), status_code=503)
        return Response(Ready("ready"))

    @get("/metrics", tags=["health"], media_type=_TEXT)
    async def show_metrics() -> Response[bytes]:
        """Return counters and gauges in Prometheus' text format."""
        await _read_gauges(services, metrics, budget)
        return Response(metrics.text(), media_type=_TEXT)

    return [live, ready, show_metrics]


async def _read_gauges(services: Services, metrics: Metrics, budget: Budget) -> None:
    active = len(services.workforce.workers(active=True))
    metrics.workers.labels("active").set(active)
    metrics.workers.labels("finished").set(
        len(services.workforce.workers(active=False))
    )
    metrics.fold_lag.set(services.workforce.pending())
    metrics.log_bytes.set(services.log_bytes())
    metrics.in_flight_bytes.set(budget.used_bytes)
    metrics.set_aside.set(await services.ledger.rejected_count())
    metrics.jobs.set((await services.jobs.jobs.page(limit=1)).total)
    metrics.results.set(await services.results.count())
