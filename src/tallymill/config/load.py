"""Where settings come from: file, then environment, then options; the last one wins.

Collects every fault of every source before refusing, and remembers where each value
came from. The tables of statistics, sources and jobs are `project`'s.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from tallymill.config.settings import (
    NO_EFFECT,
    NOT_BUILT,
    RULES,
    TABLES,
    Rule,
    Settings,
)
from tallymill.config.toml_file import TomlFile
from tallymill.kernel.errors import Fault

PREFIX: Final = "TALLYMILL_"
_BY_NAME: Final = {rule.name: rule for rule in RULES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """One setting's value and where it came from."""

    name: str
    value: str  #: as it would be written
    origin: str  #: "default", "tallymill.toml line 3", "WORKERS_MAX", "--listen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """Settings with their origins; complete only if `faults` is empty."""

    settings: Settings
    provenance: tuple[Provenance, ...]
    notices: tuple[str, ...]  #: settings that are accepted but do nothing yet
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    rule: Rule
    value: Any
    origin: str


def load_settings(
    toml: TomlFile,
    *,
    environment: Mapping[str, str],
    options: Mapping[str, Any],
) -> Loaded:
    """Merge the sources into settings; faults are returned, not raised.

    Args:
        toml: The project's file; its tables are passed over.
        environment: All variables; those that start with TALLYMILL_ must be settings.
        options: Setting's name to value, of options given on the command line; None
            is an option that was left out.
    """
    faults: list[Fault] = []
    given = [
        *_from_file(toml, faults),
        *_from_environment(environment, faults),
        *_from_options(options),
    ]
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for item in given:
        origins[item.rule.name] = item.origin
        try:
            values[item.rule.field] = item.rule.read(item.value)
        except ValueError as exc:
            faults.append(
                Fault(item.rule.name, f"{item.origin}: {item.rule.name} {exc}")
            )
    settings = _resolve(Settings(**values), toml.path.parent)
    faults += _open_addresses(settings, origins)
    return Loaded(
        settings=settings,
        provenance=tuple(_provenance(rule, settings, origins) for rule in RULES),
        notices=tuple(text for name, text in NO_EFFECT.items() if name in origins),
        faults=tuple(faults),
    )


def nearest(name: str, known: Iterable[str]) -> str:
    """Return " (did you mean 'listen'?)", or "" when nothing is near."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.55)
    return f"; did you mean {matches[0]!r}?" if matches else ""


def unknown_keys(
    toml: TomlFile, path: tuple[str, ...], known: Iterable[str]
) -> list[Fault]:
    """Return a fault for each key of a table that is not known, with the nearest."""
    table: Any = toml.table
    for key in path:
        table = table[key]
    known = list(known)
    where = f" in [{'.'.join(path)}]" if path else ""
    return [
        Fault(
            ".".join((*path, key)),
            f"{toml.place(*path, key)}: there is no setting {key!r}{where}"
            f"{nearest(key, known)}",
        )
        for key in table
        if key not in known
    ]


def _from_file(toml: TomlFile, faults: list[Fault]) -> list[_Given]:
    known = [*_BY_NAME, *NOT_BUILT, *TABLES]
    faults += unknown_keys(toml, (), known)
    faults += [
        Fault(name, f"{toml.place(name)}: {NOT_BUILT[name]}")
        for name in NOT_BUILT
        if name in toml.table
    ]
    return [
        _Given(rule=rule, value=toml.table[rule.name], origin=toml.place(rule.name))
        for rule in RULES
        if rule.name in toml.table
    ]


def _from_environment(
    environment: Mapping[str, str], faults: list[Fault]
) -> list[_Given]:
    variables = {rule.variable: rule for rule in RULES}
    not_built = {f"{PREFIX}{name.upper()}": text for name, text in NOT_BUILT.items()}
    not_built["KAFKA_BROKER"] = (
        "Kafka is not built yet; unset it to keep the streams in the embedded log"
    )
    given = []
    if environment.get("WORKERS_MAX"):
        given.append(
            _Given(
                rule=_BY_NAME["workers"],
                value=environment["WORKERS_MAX"],
                origin="WORKERS_MAX",
            )
        )
    for name, value in environment.items():
        if name in variables:
            given.append(_Given(rule=variables[name], value=value, origin=name))
        elif name in not_built and value:
            faults.append(Fault(name, f"{name}: {not_built[name]}"))
        elif name.startswith(PREFIX):
            near = nearest(name, variables)
            faults.append(Fault(name, f"{name}: there is no such setting{near}"))
    return given


def _from_options(options: Mapping[str, Any]) -> list[_Given]:
    return [
        _Given(rule=_BY_NAME[name], value=value, origin=f"--{name.replace('_', '-')}")
        for name, value in options.items()
        if value is not None and value not in ([], ())
    ]


def _resolve(settings: Settings, folder: Path) -> Settings:
    """Return the settings with every path absolute, seen from the project's folder."""
    database = settings.database
    if database:
        database = f"sqlite:///{folder.resolve() / settings.database_path}"
    data = folder.resolve() / settings.data.expanduser()
    return msgspec.structs.replace(settings, data=data, database=database)


def _open_addresses(settings: Settings, origins: Mapping[str, str]) -> list[Fault]:
    """Refuse to be open to others by accident: tokens are not built yet."""
    if settings.no_auth:
        return []
    return [
        Fault(
            "listen",
            f"{origins.get('listen', 'listen')}: {address} can be reached from other "
            "machines, and this version has no tokens; listen on 127.0.0.1, or say "
            "no_auth = true (--no-auth) if anyone who reaches it may use it",
        )
        for address in settings.listen
        if not address.is_loopback
    ]


def _provenance(
    rule: Rule, settings: Settings, origins: Mapping[str, str]
) -> Provenance:
    return Provenance(
        name=rule.name,
        value=_shown(getattr(settings, rule.field), rule.unit),
        origin=origins.get(rule.name, "default"),
    )


def _shown(value: object, unit: str) -> str:
    if value == "":
        return "(in the data folder)"
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        value = f"{value:g}"
    return f"{value} {unit}".strip()
