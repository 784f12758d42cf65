"""Builds the ASGI application: raw hot paths in front, Litestar behind them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler

from tallymill.web.accounts import GetAccount, PostAccount
from tallymill.web.asgi import App
from tallymill.web.body import BodyReader, Budget, DecodeGate
from tallymill.web.docs import docs_routes
from tallymill.web.drain import Drain
from tallymill.web.events_live import EventsLive
from tallymill.web.faults import translate
from tallymill.web.front import BY_NUMBER, Front, Routes
from tallymill.web.jobs import GetJobs, PostJobs
from tallymill.web.lane import Lanes
from tallymill.web.lanes import HotLanes
from tallymill.web.live import GetLive
from tallymill.web.metrics import Metrics
from tallymill.web.openapi import GetOpenApi
from tallymill.web.origins import Origins
from tallymill.web.page import console_page, page_routes
from tallymill.web.parameters import check_parameters
from tallymill.web.post_events import PostEvents
from tallymill.web.problems import PROBLEM_JSON, problem_of
from tallymill.web.put_event import PutEvent
from tallymill.web.results import GetResult, PostResult
from tallymill.web.root import GetRoot
from tallymill.web.routes.accounts import account_routes
from tallymill.web.routes.events import event_routes
from tallymill.web.routes.health import health_routes
from tallymill.web.routes.jobs import job_routes
from tallymill.web.routes.schedule import schedule_routes
from tallymill.web.routes.statistics import statistic_routes
from tallymill.web.routes.workers import worker_routes
from tallymill.web.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """The application, and what the server needs to end it well."""

    app: App
    drain: Drain
    lanes: Lanes  #: what does not need the application


def build(services: Services) -> Web:
    """Return the application over these services."""
    drain, metrics = Drain(), Metrics()
    origins = Origins(any_host=services.any_host)
    services.log.subscribe(metrics.stored)
    reader = BodyReader(
        clock=services.clock,
        budget=Budget(),
        gate=DecodeGate(),
        limit_bytes=services.limits.body_bytes,
    )
    hot = _hot(services, reader, metrics)
    events_live = EventsLive(services, reader, drain)
    raw: dict[tuple[str, str], App] = {
        **hot,
        ("GET", "/result"): GetResult(services),
        ("GET", "/statistics/live"): GetLive(services, drain),
        ("GET", "/events/live"): events_live.get,
        ("POST", "/events/live"): events_live.post,
        **page_routes(),
        **docs_routes(),
    }
    handlers = [
        *event_routes(services),
        *account_routes(services),
        *worker_routes(services),
        *statistic_routes(services),
        *schedule_routes(services),
        *health_routes(services, drain, metrics, reader.budget),
        *job_routes(services.jobs),
    ]
    application = _application(handlers, raw)
    raw["GET", "/openapi.json"] = GetOpenApi(handlers)
    front = Front(
        Routes(
            origins=origins,
            raw=raw,
            timed=hot.keys(),
            sockets={"/events/live": events_live.socket},
            rest=cast("App", application),
        ),
        drain=drain,
        metrics=metrics,
        clock=services.clock,
        reader=reader,
        limits=services.limits,
    )
    lanes = HotLanes(services, drain=drain, metrics=metrics, origins=origins)
    return Web(app=front, drain=drain, lanes=lanes)


def _hot(
    services: Services, reader: BodyReader, metrics: Metrics
) -> dict[tuple[str, str], App]:
    """Return the routes that are counted by the thousand a second."""
    jobs = services.jobs.jobs
    return {
        ("POST", "/events"): PostEvents(services, reader, metrics),
        ("POST", "/result"): PostResult(services, reader),
        ("POST", "/jobs"): PostJobs(jobs, reader, services.limits),
        ("GET", "/jobs"): GetJobs(jobs),
        ("GET", "/"): GetRoot(services, console_page()),
        ("POST", "/"): PostAccount(services, reader, services.limits),
        ("GET", BY_NUMBER): GetAccount(services, metrics),
        ("PUT", BY_NUMBER): PutEvent(services, reader, metrics),
    }


def _application(
    handlers: list[HTTPRouteHandler], raw: Mapping[tuple[str, str], App]
) -> Litestar:
    methods = _Methods(raw)

    def tell(request: Request, error: Exception) -> Response[bytes]:  # type: ignore[type-arg] # any user, any state
        cause: BaseException = error
        if isinstance(error, HTTPException):
            cause = translate(error, request.scope["path"], methods.of)
        found = problem_of(cause)
        headers = {
            name.decode("ascii"): value.decode("ascii") for name, value in found.headers
        }
        return Response(
            found.body,
            status_code=found.status,
            media_type=PROBLEM_JSON.decode("ascii"),
            headers=headers,
        )

    app = Litestar(
        handlers,
        exception_handlers={Exception: tell},
        before_request=check_parameters,
        openapi_config=None,
        request_max_body_size=None,  # the front has read the body under our limit
        logging_config=None,
    )
    methods.learn(app)
    return app


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile("/[0-9]+" if path == BY_NUMBER else re.escape(path))


class _Methods:
    """Which methods a path takes, raw routes included."""

    def __init__(self, raw: Mapping[tuple[str, str], App]) -> None:
        self._known = [(_pattern(path), {verb}) for verb, path in raw]

    def learn(self, app: Litestar) -> None:
        """Add the application's routes."""
        for route in app.routes:
            pattern = re.sub(r"\\{[^/]*\\}", "[^/]+", re.escape(route.path_format))
            methods = set(getattr(route, "methods", ())) - {"OPTIONS"}
            self._known.append((re.compile(pattern), methods))

    def of(self, path: str) -> str:
        """Return the methods, as in the header `Allow`."""
        found = {
            method
            for pattern, methods in self._known
            if pattern.fullmatch(path)
            for method in methods
        }
        return ", ".join(sorted(found))
