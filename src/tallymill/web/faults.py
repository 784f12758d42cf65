"""What the application's own errors mean, in the words of our problems."""

import re
from collections.abc import Callable
from typing import Final

import msgspec
from litestar.exceptions import (
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)

from tallymill.kernel.errors import (
    Fault,
    Invalid,
    Malformed,
    NotFound,
    TallymillError,
    TooLarge,
    pointer_to,
)
from tallymill.web.problems import WrongMethod

_AT: Final = re.compile(r" - at `\$(?:\.data)?(.*)`$")
_STEP: Final = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`$")
_EXPECTED: Final = re.compile(r"Expected `([^`]*)`(.*?)(?:, got `([^`]*)`)?$")
_MISSING: Final = re.compile(r"Object missing required field `(.*)`$")
#: What a decoder calls a kind of value, and what it is for whoever sends one.
_KINDS: Final = {
    "object": "an object",
    "array": "an array",
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "null",
    "datetime": "a date and time",
}
_BOUNDS: Final = {
    " of length": " whose length is",
    " >= ": " of at least ",
    " <= ": " of at most ",
    "is of at": "is at",
    " with a timezone component": " with an offset",
}


def translate(
    error: HTTPException, path: str, allowed: Callable[[str], str]
) -> BaseException:
    """Return our error for one of the framework's.

    Args:
        error: What it raised.
        path: Of the request.
        allowed: Says which methods a path takes.
    """
    if isinstance(error, NotFoundException):
        return _nothing_at(path, allowed(path))
    if isinstance(error, MethodNotAllowedException):
        methods = allowed(path)
        return WrongMethod(f"{path[:200]!r} takes {methods}.", allowed=methods)
    if isinstance(error, ValidationException):
        return _validation(error)
    if error.status_code == 413:
        return TooLarge(f"{error.detail}.")
    if error.status_code < 500:
        return Malformed(f"The body cannot be read as JSON: {error.detail}.")
    return error.__cause__ or error


def _nothing_at(path: str, methods: str) -> TallymillError:
    if methods:
        return WrongMethod(f"{path[:200]!r} takes {methods}.", allowed=methods)
    if "/" not in path[1:]:
        return Malformed(
            f"{path[:80]!r} is no path of this server, and no account's id, which is a "
            "positive integer; /docs lists what there is."
        )
    return NotFound(f"There is nothing at {path[:200]!r}; /docs lists what there is.")


def body_fault(error: msgspec.ValidationError) -> Invalid:
    """Return the refusal of a JSON body that does not have the shape asked for."""
    fault = fault_of(str(error))
    return Invalid(
        f"The body is not as it must be: {fault.pointer or 'it'} {fault.detail}.",
        faults=[fault],
    )


def fault_of(message: str) -> Fault:
    """Return what a decoder's message says, with its place as a JSON Pointer."""
    found = _AT.search(message)
    place = pointer_of(found[1]) if found else ""
    words = message[: found.start()] if found else message
    unknown = _UNKNOWN.fullmatch(words)
    if unknown:
        return Fault(place + pointer_to(unknown[1]), "is no field here; leave it out")
    missing = _MISSING.fullmatch(words)
    if missing:
        return Fault(place + pointer_to(missing[1]), "is missing")
    expected = _EXPECTED.fullmatch(words)
    if expected:
        return Fault(place, _must_be(*expected.groups()))
    return Fault(place, words[:1].lower() + words[1:])


def _must_be(kinds: str, bound: str, got: str | None) -> str:
    """Say what a value must be, in the words of JSON."""
    wanted = " or ".join(_KINDS.get(kind, kind) for kind in kinds.split(" | "))
    for sign, word in _BOUNDS.items():
        bound = bound.replace(sign, word)
    was = f", not {_KINDS.get(got, got)}" if got else ""
    return f"must be {wanted}{bound}{was}"


def pointer_of(path: str) -> str:
    """Return the JSON Pointer for a decoder's path such as `.jobs[3].name`."""
    return pointer_to(*(key or index for key, index in _STEP.findall(path)))


def _validation(error: ValidationException) -> TallymillError:
    cause = error.__cause__
    extra = error.extra if isinstance(error.extra, list) else []
    if isinstance(cause, msgspec.ValidationError) and _is_of_body(extra):
        if str(cause) == "Object missing required field `data`":
            return Malformed("The body is missing; send a JSON object.")
        return body_fault(cause)
    faults = [
        Fault(str(one.get("key", "")), str(one.get("message", ""))) for one in extra
    ]
    if not faults:
        return Invalid(f"{error.detail}.")
    return Invalid(
        f"The query parameter {faults[0].pointer} is wrong: {faults[0].detail}.",
        faults=faults,
    )


def _is_of_body(extra: list[dict[str, object]]) -> bool:
    return any(one.get("source") == "body" for one in extra)
