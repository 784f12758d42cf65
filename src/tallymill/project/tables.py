"""The tables `[streams.…]` and `[sources.…]` of `tallymill.toml`, every fault at once.

Those of statistics and jobs are read by their rooms; `statistics` and `jobs` ask them.
"""

import re
from collections.abc import Callable, Container, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from tallymill.config import TomlFile
from tallymill.config.load import unknown_keys
from tallymill.events.model import check_stream
from tallymill.kernel.errors import Fault, Invalid
from tallymill.project.drivers import url_fault
from tallymill.project.model import StreamDefinition
from tallymill.sources.model import TIME_STYLES, Source

T = TypeVar("T")
_SQLITE: Final = re.compile(
    r"(sqlite(?:\+\w+)?:///)(?!/|:memory:|file:)(.+)", re.DOTALL
)


def read_streams(toml: TomlFile) -> tuple[list[StreamDefinition], list[Fault]]:
    """Read `[streams.NAME]`."""

    def read(name: str, table: Mapping[str, Any]) -> StreamDefinition:
        check_stream(name)
        topic = table.get("kafka_topic")
        if topic is not None and not isinstance(topic, str):
            wrong = f"is {topic!r}; give a topic's name"
            raise Invalid(wrong, faults=[Fault("kafka_topic", wrong)])
        return StreamDefinition(name=name, kafka_topic=topic)

    return _read_all(toml, "streams", ("kafka_topic",), read)


def read_sources(toml: TomlFile) -> tuple[list[Source], list[Fault]]:
    """Read `[sources.NAME]`; paths of SQLite files are made absolute."""
    folder = toml.path.parent.resolve()

    def read(name: str, table: Mapping[str, Any]) -> Source:
        url = table.get("url")
        if not isinstance(url, str) or "://" not in url:
            wrong = 'is missing or no URL; give url = "sqlite:///FILE"'
            raise Invalid(f"url {wrong}", faults=[Fault("url", wrong)])
        if wrong := url_fault(url):
            raise Invalid(f"url {wrong}", faults=[Fault("url", wrong)])
        times = table.get("times", "auto")
        if times not in TIME_STYLES:
            wrong = f"is {times!r}; give one of {', '.join(TIME_STYLES)}"
            raise Invalid(f"times {wrong}", faults=[Fault("times", wrong)])
        return Source(name=name, url=absolute_url(url, folder), times=times)

    return _read_all(toml, "sources", ("url", "times"), read)


def absolute_url(url: str, folder: Path) -> str:
    """Return the URL with the path of a SQLite file seen from a folder."""
    match = _SQLITE.fullmatch(url)
    return f"{match[1]}{folder / match[2]}" if match else url


def _read_all(
    toml: TomlFile,
    kind: str,
    known: tuple[str, ...],
    read: Callable[[str, Mapping[str, Any]], T],
) -> tuple[list[T], list[Fault]]:
    """Read each table of a kind; those with a fault are left out."""
    definitions: list[T] = []
    faults: list[Fault] = []
    tables = toml.table.get(kind, {})
    if not isinstance(tables, Mapping):
        return [], [place(toml, (kind,), f"is no table; write [{kind}.NAME]")]
    for name, table in tables.items():
        if not isinstance(table, Mapping):
            detail = f"is no table; write [{kind}.{name}] above its settings"
            faults.append(place(toml, (kind, name), detail))
            continue
        faults += unknown_keys(toml, (kind, name), known)
        try:
            definitions.append(read(name, table))
        except Invalid as exc:
            faults += _placed(toml, (kind, name), exc, table)
    return definitions, faults


def _placed(
    toml: TomlFile, path: tuple[str, ...], exc: Invalid, keys: Container[str]
) -> Iterator[Fault]:
    keyed = [fault for fault in exc.faults if fault.pointer in keys]
    if not keyed:
        yield place(toml, path, exc.detail)
    for fault in keyed:
        yield place(toml, (*path, fault.pointer), fault.detail)


def place(toml: TomlFile, path: tuple[str, ...], detail: str) -> Fault:
    """Return a fault that names the file, the line, the table and the key."""
    name = ".".join(path)
    return Fault(name, f"{toml.place(*path)}: {name}: {detail}")
