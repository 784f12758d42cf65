"""`/openapi.json`: OpenAPI 3.1 of every route, made from the code when first asked for.

The framework describes its own routes; the raw ones are listed in `operations`. What
all have in common, the problems, is added here.
"""

import asyncio
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Final

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig

from tallymill.web.account_operations import ACCOUNT_OPERATIONS
from tallymill.web.asgi import Receive, Scope, Send, answer
from tallymill.web.live_operations import LIVE_OPERATIONS
from tallymill.web.operations import OPERATIONS, Operation
from tallymill.web.problems import Problem

Json = dict[str, Any]

_REF: Final = "#/components/schemas/{name}"
_DESCRIPTION: Final = (
    "Events in, numbers out: live statistics over events, and scheduled reports. "
    "A refusal is `application/problem+json` (RFC 9457), and nothing of a refused "
    "request is stored."
)
_WORDS: Final = {
    "400": "Not readable as what it claims to be; the place is named.",
    "404": "There is no such thing.",
    "413": "Over a limit, which is named.",
    "415": "A content type or encoding that is not taken; those taken are named.",
    "422": "Readable, but wrong; each fault has its place.",
    "503": "Too much at once, shutting down, or the store is away; see Retry-After.",
}


class GetOpenApi:
    """Answers with the description."""

    def __init__(self, handlers: Sequence[HTTPRouteHandler]) -> None:
        self._handlers = handlers
        self._body: bytes | None = None

    async def __call__(self, _scope: Scope, _: Receive, send: Send) -> None:
        """Answer one request."""
        if self._body is None:
            self._body = await asyncio.to_thread(
                lambda: msgspec.json.encode(describe(self._handlers))
            )
        await answer(send, 200, self._body)


def describe(handlers: Sequence[HTTPRouteHandler]) -> Json:
    """Return the description of the framework's handlers and of the raw routes."""
    config = OpenAPIConfig(
        title="Tallymill",
        version=version("tallymill"),
        description=_DESCRIPTION,
        use_handler_docstrings=True,
        operation_id_creator=_operation_id,
    )
    # An application of its own: the one that serves would also serve this one's pages.
    document: Json = Litestar(
        list(handlers), openapi_config=config, logging_config=None
    ).openapi_schema.to_schema()
    document["openapi"] = "3.1.0"
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for item in document["paths"].values():
        for described in item.values():
            described["summary"] = described["description"].partition("\n")[0]
            # The framework's own words for a bad parameter; ours is 422.
            described["responses"].pop("400", None)
    raw = (*OPERATIONS, *ACCOUNT_OPERATIONS, *LIVE_OPERATIONS)
    for operation in raw:
        item = document["paths"].setdefault(operation.path, {})
        item[operation.method] = _described(operation, schemas)
    _schema_of(Problem, schemas)
    for path, item in document["paths"].items():
        for described in item.values():
            _add_problems(described, has_name="{" in path)
    document["paths"] = dict(sorted(document["paths"].items()))
    return document


def _operation_id(handler: HTTPRouteHandler, _: object, __: object) -> str:
    # What runs in a thread is wrapped; the function itself has the name.
    function = getattr(handler.fn, "func", handler.fn)
    name: str = function.__name__
    return name.title().replace("_", "")


def _described(operation: Operation, schemas: Json) -> Json:
    described: Json = {
        "tags": [operation.tag],
        "operationId": operation.id,
        "summary": operation.summary,
        "description": operation.description,
        "parameters": [
            {
                "name": parameter.name,
                "in": parameter.place,
                "description": parameter.description,
                "required": parameter.place == "path",
                "schema": parameter.schema,
            }
            for parameter in operation.parameters
        ],
        "responses": {
            status: _response(reply.words, reply.media, reply.type, schemas)
            for status, reply in operation.replies.items()
        },
    }
    if operation.bodies:
        described["requestBody"] = {
            "required": True,
            "content": {
                media: {"schema": _schema_of(kind, schemas)}
                for media, kind in operation.bodies.items()
            },
        }
    return described


def _response(words: str, media: str, kind: object, schemas: Json) -> Json:
    return {
        "description": words,
        "content": {media: {"schema": _schema_of(kind, schemas)}},
    }


def _schema_of(kind: object, schemas: Json) -> Json:
    """Return the schema of a type, and keep what it refers to."""
    if isinstance(kind, dict):
        return kind
    found, components = msgspec.json.schema_components([kind], ref_template=_REF)
    for name, component in components.items():
        schemas.setdefault(name, component)
    schema: Json = found[0]
    return schema


def _add_problems(described: Json, *, has_name: bool) -> None:
    statuses = {"503"}
    if has_name:
        statuses.add("404")
    if described.get("parameters"):
        statuses.add("422")
    if "requestBody" in described:
        statuses |= {"400", "413", "415", "422"}
    problem = {"$ref": _REF.format(name="Problem")}
    for status in sorted(statuses):
        described["responses"][status] = {
            "description": _WORDS[status],
            "content": {"application/problem+json": {"schema": problem}},
        }
