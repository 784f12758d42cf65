"""Reads the query parameters of the framework's routes, before it does.

It would take those it does not know, and speaks of Python's types. Here every fault is
found, in the words of `query`; what passes, the framework can read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from litestar import Request
from litestar.handlers import BaseRouteHandler
from litestar.params import ParameterKwarg
from litestar.typing import FieldDefinition

from tallymill.kernel.errors import Fault, Invalid
from tallymill.web.query import read_query, read_truth, read_whole, wrong

_NO_PARAMETERS: Final = frozenset({"data", "request"})
_MOST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parameter:
    """What a route takes under a name."""

    name: str
    kind: type
    is_required: bool
    least: int
    most: int

    def check(self, query: dict[str, str]) -> None:
        """Let a value pass.

        Raises:
            Invalid: It is missing, or not what it must be.
        """
        if self.name not in query:
            if self.is_required:
                raise wrong([Fault(self.name, "is missing")])
        elif self.kind is bool:
            read_truth(query, self.name)
        elif self.kind is int:
            read_whole(query, self.name, least=self.least, most=self.most)


def check_parameters(request: Request[Any, Any, Any]) -> None:
    """Let a request pass whose parameters are known, come once, and are as they must.

    Raises:
        Invalid: Some are not; each is named.
    """
    raw = request.scope["query_string"]
    known = _known(request.route_handler, frozenset(request.scope["path_params"]))
    if not raw and not any(each.is_required for each in known.values()):
        return
    query = read_query(raw, known)
    faults = [fault for each in known.values() for fault in _faults(each, query)]
    if faults:
        raise wrong(faults)


def _faults(parameter: _Parameter, query: dict[str, str]) -> tuple[Fault, ...]:
    try:
        parameter.check(query)
    except Invalid as error:
        return tuple(error.faults)
    return ()


@lru_cache(maxsize=256)
def _known(
    handler: BaseRouteHandler, of_path: frozenset[str]
) -> Mapping[str, _Parameter]:
    fields = handler.parsed_fn_signature.parameters
    found = [
        _parameter(name, field)
        for name, field in fields.items()
        if name not in _NO_PARAMETERS
    ]
    return {each.name: each for each in found if each.name not in of_path}


def _parameter(name: str, field: FieldDefinition) -> _Parameter:
    kwarg = field.kwarg_definition
    given = kwarg if isinstance(kwarg, ParameterKwarg) else None
    kinds = [each.annotation for each in field.inner_types] or [field.annotation]
    return _Parameter(
        name=(given.name if given else None) or name,
        kind=next(kind for kind in kinds if kind is not type(None)),
        is_required=not field.has_default and not field.is_optional,
        least=_whole(given.ge if given else None, 0),
        most=_whole(given.le if given else None, _MOST),
    )


def _whole(bound: object, otherwise: int) -> int:
    return bound if isinstance(bound, int) else otherwise
