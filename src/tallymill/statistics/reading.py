"""One message looked at alone: what stands at a path, or why nothing usable does.

The slow and thorough way, for what the generated decoder refuses: data that is no
object, a parent that is no object, a number beyond a float, a lone surrogate.
"""

import json
import math
from collections.abc import Sequence
from typing import Any, Final

import msgspec


class Problem(msgspec.Struct, frozen=True, gc=False):
    """Stands in a column in place of a value that could not be had."""

    reason: str


class _Beyond(msgspec.Struct, frozen=True):
    """Stands for a number that Python cannot hold."""

    limit: str


BEYOND_FLOAT: Final = _Beyond("is beyond the range of a float")
BEYOND_INTEGER: Final = _Beyond("is an integer of more than 4300 digits")

KINDS: Final[dict[type, str]] = {
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


def kind_of(value: object) -> str:
    """Return what a JSON value is, with its article: "a string"."""
    return KINDS.get(type(value), type(value).__name__)


def cells_alone(data: Any, paths: Sequence[str]) -> dict[str, Any]:  # noqa: ANN401 - Raw or UNSET
    """Return the value, UNSET or `Problem` at each path of one event's data."""
    problem, value = _document(data)
    if problem is not None:
        return dict.fromkeys(paths, problem)
    return {path: walk(value, path.split("."), path) for path in paths}


def walk(value: Any, keys: Sequence[str], path: str) -> Any:  # noqa: ANN401 - any JSON value
    """Follow keys down from a value; UNSET where one is missing.

    Args:
        value: Where to start.
        keys: The last of the path's keys, in order.
        path: The whole path, for the reason.
    """
    passed = path.split(".")[: -len(keys)]
    for key in keys:
        if not isinstance(value, dict):
            return Problem(
                f"field '{'.'.join(passed)}' is {kind_of(value)}, not an object"
            )
        if key not in value:
            return msgspec.UNSET
        value = value[key]
        passed.append(key)
    if isinstance(value, _Beyond):
        return Problem(f"field '{path}' {value.limit}")
    return value


def _document(data: Any) -> tuple[Problem | None, Any]:  # noqa: ANN401 - any JSON value
    if data is msgspec.UNSET:
        return Problem("the event has no data"), None
    try:
        value = json.loads(
            bytes(data).decode(),
            parse_float=_float,
            parse_int=_integer,
            parse_constant=_constant,
        )
    except UnicodeDecodeError as error:
        return Problem(f"data is not UTF-8 (byte {error.start})"), None
    except RecursionError:
        return Problem("data is nested too deeply"), None
    except ValueError as error:
        return Problem(f"data is not JSON: {error}"), None
    if not isinstance(value, dict):
        kind = KINDS.get(type(value), "a number")
        return Problem(f"data is not a JSON object but {kind}"), None
    return None, value


def _float(text: str) -> float | _Beyond:
    value = float(text)
    return value if math.isfinite(value) else BEYOND_FLOAT


def _integer(text: str) -> int | _Beyond:
    try:
        return int(text)
    except ValueError:
        return BEYOND_INTEGER


def _constant(text: str) -> float:
    raise ValueError(f"{text} is not a JSON value")
