"""The `[statistics.NAME]` tables of `tallymill.toml`: read, with every fault at once."""

import difflib
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from tallymill.events.model import check_stream
from tallymill.kernel.errors import Fault, Invalid, pointer_to
from tallymill.statistics.columns import Where
from tallymill.statistics.model import StatisticDefinition
from tallymill.statistics.registry import KINDS, LATER_KINDS

KEYS: Final = ("stream", "kind", "field", "where", "from", "by", "window")
LATER_KEYS: Final = ("by", "window")
RESERVED: Final = "live"  #: GET /statistics/live is the stream of changes
NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")

Report = Callable[
    [str, str], None
]  #: takes a pointer from the table, and what is wrong


def parse_definitions(
    tables: Mapping[str, object],
) -> tuple[tuple[StatisticDefinition, ...], tuple[Fault, ...]]:
    """Read all definitions.

    Args:
        tables: The value of `statistics` in `tallymill.toml`, by name.

    Returns:
        The definitions without fault, in order, and every fault of the others, with
        pointers such as `/statistics/heaviest/kind`.
    """
    definitions: list[StatisticDefinition] = []
    faults: list[Fault] = []
    for name, table in tables.items():
        found: list[Fault] = []
        definition = _parse(name, table, found)
        faults.extend(found)
        if definition is not None and not found:
            definitions.append(definition)
    return tuple(definitions), tuple(faults)


def name_fault(name: object) -> str | None:
    """Return what is wrong with a statistic's name; None if nothing is."""
    if name == RESERVED:
        return f"'{name}' is an address of its own; choose another name"
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return (
            f"{name!r} cannot be a name; use 1 to 100 of the letters A to Z, digits, "
            "'_', '-' and '.', beginning with a letter, a digit or '_'"
        )
    return None


def field_fault(field: object) -> str | None:
    """Return what is wrong with a field or path; None if nothing is."""
    if not isinstance(field, str):
        return f'is {_shown(field)}; give a key of data, or a path: "box.width"'
    if not all(field.split(".")):
        return f"is {field!r}; a key of data, or of each part of a path, is not empty"
    return None


def _parse(name: str, table: object, faults: list[Fault]) -> StatisticDefinition | None:
    place = pointer_to("statistics", name)

    def report(pointer: str, detail: str) -> None:
        faults.append(Fault(place + pointer, detail))

    wrong = name_fault(name)
    if wrong is not None:
        report("", wrong)
    if not isinstance(table, Mapping):
        report("", f"is {_shown(table)}; give a table with `stream` and `kind`")
        return None
    _unknown_keys(table, report)
    kind = _kind(table, report)
    return StatisticDefinition(
        name=name,
        stream=_stream(table, report),
        kind=kind,
        field=_field(table, kind, report),
        where=_where(table, report),
        from_now=_from_now(table, report),
    )


def _unknown_keys(table: Mapping[str, object], report: Report) -> None:
    for key in table:
        if key in LATER_KEYS:
            report(
                pointer_to(key),
                f"'{key}' is not built yet; leave it out, or write a class",
            )
        elif key not in KEYS:
            report(
                pointer_to(key),
                f"there is no setting '{key}' here{_nearest(key, KEYS)}",
            )


def _kind(table: Mapping[str, object], report: Report) -> str:
    kind = table.get("kind")
    if kind is None:
        report("/kind", f"is missing; give one of {', '.join(KINDS)}")
    elif not isinstance(kind, str):
        report("/kind", f"is {_shown(kind)}; give one of {', '.join(KINDS)}")
    elif kind in LATER_KINDS:
        report("/kind", f"the kind '{kind}' is not built yet; there are {_known()}")
    elif kind not in KINDS:
        near = _nearest(kind, (*KINDS, *LATER_KINDS))
        report("/kind", f"there is no kind '{kind}'{near}; there are {_known()}")
    return kind if isinstance(kind, str) else ""


def _stream(table: Mapping[str, object], report: Report) -> str:
    stream = table.get("stream")
    if stream is None:
        report("/stream", 'is missing; give the stream to add up: stream = "picture"')
        return ""
    if not isinstance(stream, str):
        report("/stream", f"is {_shown(stream)}; give a stream's name")
        return ""
    try:
        return check_stream(stream)
    except Invalid as error:
        report("/stream", error.faults[0].detail if error.faults else error.detail)
        return ""


def _field(table: Mapping[str, object], kind: str, report: Report) -> str | None:
    if "field" not in table:
        if kind in KINDS and kind != "count":
            report("/field", f"is missing; the kind '{kind}' needs the field to add up")
        return None
    field = table["field"]
    wrong = field_fault(field)
    if wrong is not None:
        report("/field", wrong)
    return field if isinstance(field, str) else None


def _where(table: Mapping[str, object], report: Report) -> Where:
    where = table.get("where", {})
    if not isinstance(where, Mapping):
        report("/where", f'is {_shown(where)}; give a table: {{ kind = "parcel" }}')
        return ()
    conditions: list[tuple[str, str | int | float | bool]] = []
    for path, wanted in _flat(where):
        place, wrong = pointer_to("where", path), field_fault(path)
        if wrong is not None:
            report(place, wrong)
        elif isinstance(wanted, str | int) or _is_finite(wanted):
            conditions.append((path, wanted))
        else:
            report(
                place,
                f"is {_shown(wanted)}; compare with a string, a number, true or false "
                "(anything richer is a class)",
            )
    return tuple(conditions)


def _flat(where: Mapping[str, object], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield paths and values: TOML reads `box.kind = 1` as a table in a table."""
    for key, wanted in where.items():
        if isinstance(wanted, Mapping) and wanted:
            yield from _flat(wanted, f"{above}{key}.")
        else:
            yield f"{above}{key}", wanted


def _is_finite(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _from_now(table: Mapping[str, object], report: Report) -> bool:
    start = table.get("from")
    if start is None or start == "now":
        return start == "now"
    report("/from", f'is {_shown(start)}; give "now", or leave it out to replay all')
    return False


def _known() -> str:
    return ", ".join(KINDS)


def _nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean '{near[0]}'?" if near else ""


def _shown(value: Any) -> str:  # noqa: ANN401 - any TOML value
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
