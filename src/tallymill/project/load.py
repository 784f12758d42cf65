"""Load a project folder: settings, tables, the user's statistics and jobs."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tallymill.config import FILE_NAME, TomlFile, load_settings, read_toml
from tallymill.kernel.errors import Fault, Invalid, NotFound
from tallymill.project.model import Project
from tallymill.project.modules import UserModule, import_folder
from tallymill.project.tables import place, read_jobs, read_sources, read_streams
from tallymill.statistics.bound import BoundStatistic
from tallymill.statistics.checking import check_statistic
from tallymill.statistics.definitions import parse_definitions
from tallymill.statistics.protocol import Statistic, declared_in
from tallymill.statistics.registry import bind_all


def load_project(
    folder: Path,
    *,
    environment: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Project:
    """Load everything in a folder; an empty one is a working project.

    Runs the user's Python files. Reads, writes nothing.

    Args:
        folder: The project's.
        environment: Where settings may come from; the process's own if left out.
        options: Settings given on the command line, by name; None is not given.

    Raises:
        NotFound: There is no such folder.
        Malformed: `tallymill.toml` is no TOML.
        Invalid: Something in it is wrong; all of it is listed.
    """
    if not folder.is_dir():
        raise NotFound(
            f"There is no folder {folder}; `tallymill init {folder}` makes one."
        )
    folder = folder.resolve()
    toml = read_toml(folder / FILE_NAME)
    loaded = load_settings(
        toml,
        environment=os.environ if environment is None else environment,
        options=options or {},
    )
    streams, stream_faults = read_streams(toml)
    sources, source_faults = read_sources(toml)
    jobs, job_faults = read_jobs(toml)
    statistics, statistic_faults = _statistics(toml, folder / "statistics")
    faults = [
        *loaded.faults,
        *stream_faults,
        *source_faults,
        *job_faults,
        *statistic_faults,
    ]
    if faults:
        raise Invalid(f"The project in {folder} cannot be used:", faults=faults)
    return Project(
        folder=folder,
        settings=loaded.settings,
        provenance=loaded.provenance,
        notices=loaded.notices,
        streams=tuple(streams),
        sources=tuple(sources),
        statistics=statistics,
        jobs=tuple(jobs),
    )


def _statistics(
    toml: TomlFile, folder: Path
) -> tuple[tuple[BoundStatistic, ...], list[Fault]]:
    tables = toml.table.get("statistics", {})
    if not isinstance(tables, Mapping):
        detail = "is no table; write [statistics.NAME]"
        return (), [place(toml, ("statistics",), detail)]
    definitions, found = parse_definitions(tables)
    faults = [_in_file(toml, fault) for fault in found]
    modules, import_faults = import_folder(folder)
    faults += import_faults
    classes: list[type[Statistic]] = []
    for module in modules:
        for cls in declared_in(
            list(vars(module.module).values()), module.module.__name__
        ):
            wrong = check_statistic(cls)
            faults += [_in_module(module, fault) for fault in wrong]
            classes += [] if wrong else [cls]
    bound, twice = bind_all(definitions, classes)
    return bound, [*faults, *twice]


def _in_file(toml: TomlFile, fault: Fault) -> Fault:
    keys = [
        key.replace("~1", "/").replace("~0", "~") for key in fault.pointer.split("/")
    ]
    return place(toml, tuple(keys[1:]), fault.detail)


def _in_module(module: UserModule, fault: Fault) -> Fault:
    return Fault(fault.pointer, f"{module.where}: {fault.detail}")
