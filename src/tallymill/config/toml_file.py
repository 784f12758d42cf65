"""`tallymill.toml` as a table that knows on which line each of its keys stands.

`tomllib` keeps no positions, so the lines are found in a second pass over a text that
is known to be valid. What the keys mean is not known here.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tallymill.kernel.errors import Fault, Malformed

FILE_NAME: Final = "tallymill.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class TomlFile:
    """What a TOML file says, and where."""

    path: Path
    table: Mapping[str, Any] = field(default_factory=dict)
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict)

    def place(self, *keys: str) -> str:
        """Return "tallymill.toml line 7" for a key, or for what it stands in."""
        for length in range(len(keys), 0, -1):
            line = self.lines.get(keys[:length])
            if line is not None:
                return f"{self.path.name} line {line}"
        return self.path.name


def read_toml(path: Path) -> TomlFile:
    """Read a TOML file; an absent one is an empty one.

    Raises:
        Malformed: It is no UTF-8, no TOML, or cannot be read; the sentence names the
            file, and the line and column where there is one.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return TomlFile(path=path)
    except UnicodeDecodeError as exc:
        line = exc.object[: exc.start].count(b"\n") + 1
        raise _malformed(path, f"is not UTF-8 (at line {line})") from exc
    except OSError as exc:
        raise _malformed(path, f"cannot be read: {exc.strerror}") from exc
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise _malformed(path, f"is not valid TOML: {exc}") from exc
    return TomlFile(path=path, table=table, lines=_lines(text))


def _malformed(path: Path, what: str) -> Malformed:
    return Malformed(f"{path} {what}.", faults=[Fault(path.name, what)])


def _lines(text: str) -> dict[tuple[str, ...], int]:
    """Return the line, counted from 1, on which each key of a valid TOML text is."""
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for line, statement in _statements(text):
        parsed = tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            table = next(iter(_paths(parsed, stop_empty=True)), ())
            found.setdefault(table, line)
            continue
        for path in _paths(parsed, stop_empty=False):
            found.setdefault(table + path, line)
    return found


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Cut a valid TOML text into its statements: a line, or several for one value.

    No prefix of a statement that ends at a line's end is valid by itself, so the
    first prefix that parses is the whole of it.
    """
    pending = ""
    started = 0
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        if not pending:
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            started = number
        pending += line
        if _is_valid(pending):
            yield started, pending
            pending = ""


def _is_valid(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _paths(value: object, *, stop_empty: bool) -> Iterator[tuple[str, ...]]:
    """Yield the path of each key, or only the deepest one of a table's heading."""
    if isinstance(value, list) and value and stop_empty:
        yield from _paths(value[-1], stop_empty=True)
        return
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        deeper = [(key, *path) for path in _paths(inner, stop_empty=stop_empty)]
        if not (stop_empty and deeper):
            yield (key,)
        yield from deeper
