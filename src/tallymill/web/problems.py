"""Errors as `application/problem+json` (RFC 9457): one table from code to status.

Unknown errors become a 500 that says nothing of the inside; they are logged.
"""

import math
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import msgspec
import structlog

from tallymill.kernel.errors import Overloaded, Refused, TallymillError
from tallymill.web.asgi import Headers, Message, Scope, Send, answer, whole

log = structlog.get_logger()

PROBLEM_JSON: Final = b"application/problem+json"
CLOSE: Final = (b"connection", b"close")

#: Seconds after which a store or a source that is away is worth another try.
_UNAVAILABLE_RETRY_S: Final = 2.0

STATUS: Final = {
    "malformed": 400,
    "invalid": 422,
    "too_large": 413,
    "unsupported_media": 415,
    "not_found": 404,
    "not_allowed": 403,
    "conflict": 409,
    "refused": 400,
    "wrong_method": 405,
    "too_slow": 408,
    "overloaded": 503,
    "unavailable": 503,
    "query_failed": 502,
    "failed": 500,
    "corrupt": 500,
}

_TITLES: Final = {
    "malformed": "The request cannot be read",
    "invalid": "The request is not as it must be",
    "too_large": "Too large",
    "unsupported_media": "This content type or encoding is not taken",
    "not_found": "Not found",
    "not_allowed": "Not allowed",
    "conflict": "It contradicts what is already there",
    "wrong_method": "This method is not taken here",
    "too_slow": "The request came too slowly",
    "overloaded": "Too much at once",
    "unavailable": "Not available now",
    "query_failed": "The query failed",
    "failed": "Something failed here",
    "corrupt": "What is stored does not fit together",
}


class TooSlow(Refused):
    """A body that trickles."""

    code = "too_slow"


class WrongMethod(Refused):
    """The path is there, but not for this method.

    Args:
        detail: One sentence.
        allowed: The methods that the path takes.
    """

    code = "wrong_method"

    def __init__(self, detail: str, *, allowed: str) -> None:
        super().__init__(detail)
        self.allowed = allowed


class FaultBody(msgspec.Struct, frozen=True):
    """One thing that is wrong, and where."""

    pointer: str  #: JSON Pointer, or the name of a query parameter or header
    detail: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a refusal (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[FaultBody, ...] | msgspec.UnsetType = msgspec.UNSET
    errors_total: int | msgspec.UnsetType = msgspec.UNSET  #: where more were found


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemAnswer:
    """A problem, ready to be sent."""

    problem: Problem
    headers: tuple[tuple[bytes, bytes], ...]

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.problem.status

    @property
    def body(self) -> bytes:
        """The JSON text."""
        return msgspec.json.encode(self.problem)


def problem_of(error: BaseException) -> ProblemAnswer:
    """Return what the caller is told about an error; an unknown one is logged."""
    if not isinstance(error, TallymillError):
        log.error("request.failed", exc_info=error)
        return _plain("failed", "The server failed to do this; its log says why.")
    status = STATUS.get(error.code, 500)
    if status == 500:
        log.error("request.failed", exc_info=error)
    problem = Problem(
        type=_type(error.code),
        title=_title(error.code, status),
        status=status,
        detail=error.detail,
        errors=_faults(error),
        errors_total=(
            error.fault_count
            if error.fault_count > len(error.faults)
            else msgspec.UNSET
        ),
    )
    return ProblemAnswer(problem=problem, headers=_headers(error))


async def send_problem(
    scope: Scope, send: Send, error: BaseException, *, headers: Headers = ()
) -> int:
    """Answer a request with what went wrong; return the status."""
    found = problem_of(error)
    extra = [*found.headers, *headers]
    if _is_waiting_for_continue(scope):
        # It may never send the body that it announced: what comes next on this
        # connection could not be told from it.
        extra.append(CLOSE)
    await answer(
        send, found.status, found.body, content_type=PROBLEM_JSON, headers=extra
    )
    return found.status


def problem_messages(error: BaseException) -> tuple[Message, Message]:
    """Return the answer to a request without a body that went wrong."""
    found = problem_of(error)
    return whole(
        found.status, found.body, content_type=PROBLEM_JSON, headers=found.headers
    )


def retry_after(seconds: float) -> tuple[bytes, bytes]:
    """Return the header `Retry-After`: whole seconds, at least 1."""
    return (b"retry-after", b"%d" % max(1, math.ceil(seconds)))


def _plain(code: str, detail: str) -> ProblemAnswer:
    status = STATUS[code]
    problem = Problem(
        type=_type(code), title=_title(code, status), status=status, detail=detail
    )
    return ProblemAnswer(problem=problem, headers=())


def _faults(error: TallymillError) -> tuple[FaultBody, ...] | msgspec.UnsetType:
    if not error.faults:
        return msgspec.UNSET
    return tuple(FaultBody(one.pointer, one.detail) for one in error.faults)


def _headers(error: TallymillError) -> tuple[tuple[bytes, bytes], ...]:
    if isinstance(error, Overloaded):
        return (retry_after(error.retry_after_s),)
    if isinstance(error, WrongMethod):
        return ((b"allow", error.allowed.encode("ascii")),)
    if error.code == "unavailable":
        return (retry_after(_UNAVAILABLE_RETRY_S),)
    if error.code == "too_slow":
        return (CLOSE,)
    return ()


def _type(code: str) -> str:
    return f"urn:tallymill:problem:{code.replace('_', '-')}"


def _title(code: str, status: int) -> str:
    return _TITLES.get(code) or HTTPStatus(status).phrase


def _is_waiting_for_continue(scope: Scope) -> bool:
    return any(key == b"expect" for key, _ in scope["headers"])
