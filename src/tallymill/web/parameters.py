"""Refuses query parameters that a route of the framework does not know."""

from typing import Any

from litestar import Request
from litestar.handlers import BaseRouteHandler
from litestar.params import ParameterKwarg

from tallymill.web.query import read_query


def check_parameters(request: Request[Any, Any, Any]) -> None:
    """Let a request pass whose parameters are known and come once.

    Raises:
        Invalid: A parameter is unknown or comes twice; each is named.
    """
    raw = request.scope["query_string"]
    if raw:
        known = _known(request.route_handler) - set(request.scope["path_params"])
        read_query(raw, known)


def _known(handler: BaseRouteHandler) -> set[str]:
    names = set()
    for name, field in handler.parsed_fn_signature.parameters.items():
        kwarg = field.kwarg_definition
        given = kwarg.name if isinstance(kwarg, ParameterKwarg) else None
        names.add(given or name)
    return names - {"data", "request"}
