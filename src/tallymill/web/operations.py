"""The raw routes as OpenAPI describes them: what they take and what they answer."""

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from tallymill.events.model import Event
from tallymill.jobs.model import JobDefinition
from tallymill.web.job_bodies import JobBody
from tallymill.web.post_events import Accepted, PartlyAccepted

JSON: Final = "application/json"
_TEXT: Final = {"type": "string"}
_ANY: Final[dict[str, Any]] = {"description": "Any JSON value."}
_CLOUD_EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["specversion", "id", "source", "type"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": _TEXT,
        "source": _TEXT,
        "type": _TEXT,
        "time": {"type": "string", "format": "date-time"},
        "subject": _TEXT,
        "data": {},
    },
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter; only one of the path is required."""

    name: str
    description: str
    schema: dict[str, Any] = field(default_factory=lambda: _TEXT)
    place: str = "query"


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; `type` is a type, or a JSON Schema."""

    words: str
    type: object
    media: str = JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    id: str
    tag: str
    summary: str
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    bodies: dict[str, object] = field(default_factory=dict)
    replies: dict[str, Reply]


#: What JSON can say of a job: all of its fields, and a date is a text.
JobAsked: Final = msgspec.defstruct(
    "JobAsked",
    [
        (each.name, str | None if each.name == "as_of" else each.type, each.default)
        for each in msgspec.structs.fields(JobDefinition)
    ],
    module=__name__,
)

_KEY: Final = Parameter(
    "Idempotency-Key",
    "1 to 255 visible ASCII characters; the same again is answered as the first time.",
    {"type": "string", "minLength": 1, "maxLength": 255},
    "header",
)
_TRUTH: Final[dict[str, Any]] = {"type": "boolean", "default": False}
_STORED: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"stored": {"type": "boolean"}},
    "required": ["stored"],
}

_POST_EVENTS: Final = Operation(
    method="post",
    path="/events",
    id="PostEvents",
    tag="events",
    summary="Store events",
    description=(
        "All or nothing: 202 is sent once every event is durable. `Content-Encoding` "
        "may be gzip or zstd. A CloudEvent in binary mode is told by its `ce-` headers."
    ),
    parameters=(
        Parameter(
            "stream", "The stream that they belong to.", {**_TEXT, "default": "events"}
        ),
        Parameter("single_shard", "All go to one shard, picked at random.", _TRUTH),
        Parameter("partial", "Store the good ones, list the bad ones.", _TRUTH),
        _KEY,
    ),
    bodies={
        JSON: list[Event] | Event,
        "application/x-ndjson": {"type": "string", "description": "One event a line."},
        "application/cloudevents+json": _CLOUD_EVENT,
        "application/cloudevents-batch+json": {"type": "array", "items": _CLOUD_EVENT},
    },
    replies={
        "202": Reply("Every event is durable.", Accepted),
        "207": Reply("The good ones are durable, the bad ones listed.", PartlyAccepted),
    },
)
_POST_RESULT: Final = Operation(
    method="post",
    path="/result",
    id="PostResult",
    tag="results",
    summary="Keep any JSON value",
    parameters=(_KEY,),
    bodies={JSON: _ANY},
    replies={
        "200": Reply("The key was seen before; nothing was stored.", _STORED),
        "201": Reply("It is durable.", _STORED),
    },
)
_GET_RESULT: Final = Operation(
    method="get",
    path="/result",
    id="GetResult",
    tag="results",
    summary="List every value posted, as it came",
    description="All of them, unless `limit` or `after` asks for a page.",
    parameters=(
        Parameter("limit", "1 to 1000.", {"type": "integer"}),
        Parameter("after", "From the Link of the page before.", {"type": "integer"}),
    ),
    replies={"200": Reply("Oldest first.", {"type": "array", "items": {}})},
)
_GET_ROOT: Final = Operation(
    method="get",
    path="/",
    id="GetRate",
    tag="events",
    summary="Events accepted in the last second",
    description="A browser, which accepts text/html, gets the page instead.",
    replies={
        "200": Reply(
            "The rate.",
            {"type": "object", "properties": {"Rate": {"type": "integer"}}},
        )
    },
)
_GET_LIVE: Final = Operation(
    method="get",
    path="/statistics/live",
    id="GetStatisticsLive",
    tag="statistics",
    summary="Follow the statistics",
    description=(
        "Server-sent events: `statistic` with one statistic whenever it has changed, at "
        "most 10 times a second; `farewell` when the server ends."
    ),
    replies={"200": Reply("A stream.", _TEXT, "text/event-stream")},
)
_POST_JOBS: Final = Operation(
    method="post",
    path="/jobs",
    id="PostJobs",
    tag="jobs",
    summary="Add a job",
    description='`{"cron_string": "5 4 * * *"}` is enough.',
    bodies={JSON: JobAsked},
    replies={"201": Reply("It is durable; `Location` leads to it.", JobBody)},
)
_GET_JOBS: Final = Operation(
    method="get",
    path="/jobs",
    id="GetJobs",
    tag="jobs",
    summary="List jobs, oldest first",
    description="`X-Total-Count` says how many there are, `Link` leads on.",
    parameters=(
        Parameter("skip", "So many first.", {"type": "integer", "default": 0}),
        Parameter("limit", "1 to 1000.", {"type": "integer", "default": 100}),
    ),
    replies={"200": Reply("A page.", list[JobBody])},
)
_GET_OPENAPI: Final = Operation(
    method="get",
    path="/openapi.json",
    id="GetOpenApi",
    tag="documentation",
    summary="This description",
    replies={"200": Reply("OpenAPI 3.1.", {"type": "object"})},
)
_GET_DOCS: Final = Operation(
    method="get",
    path="/docs",
    id="GetDocs",
    tag="documentation",
    summary="This description as a page to try it",
    replies={"200": Reply("A page.", _TEXT, "text/html")},
)


OPERATIONS: Final = (
    _POST_EVENTS,
    _POST_RESULT,
    _GET_RESULT,
    _GET_ROOT,
    _GET_LIVE,
    _POST_JOBS,
    _GET_JOBS,
    _GET_OPENAPI,
    _GET_DOCS,
)
