"""Load a project folder: settings, tables, the user's statistics and jobs."""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from tallymill.config import FILE_NAME, Loaded, TomlFile, load_settings, read_toml
from tallymill.jobs.check import Surroundings
from tallymill.kernel.clock import Clock, SystemClock
from tallymill.kernel.errors import Invalid, NotFound
from tallymill.project.drivers import file_notice
from tallymill.project.jobs import collect_jobs
from tallymill.project.model import Project
from tallymill.project.statistics import collect_statistics
from tallymill.project.tables import read_sources, read_streams


def load_project(
    folder: Path,
    *,
    environment: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
    clock: Clock | None = None,
) -> Project:
    """Load everything in a folder; an empty one is a working project.

    Runs the user's Python files. Reads, writes nothing.

    Args:
        folder: The project's.
        environment: Where settings may come from; the process's own if left out.
        options: Settings given on the command line, by name; None is not given.
        clock: The system's if left out.

    Raises:
        NotFound: There is no such folder.
        Malformed: `tallymill.toml` is no TOML.
        Invalid: Something in it is wrong; all of it is listed.
    """
    folder = _existing(folder)
    toml = read_toml(folder / FILE_NAME)
    variables = os.environ if environment is None else environment
    loaded = load_settings(toml, environment=variables, options=options or {})
    return _assembled(toml, loaded, (clock or SystemClock()).now())


def _assembled(toml: TomlFile, loaded: Loaded, now: datetime) -> Project:
    folder = toml.path.parent
    streams, stream_faults = read_streams(toml)
    sources, source_faults = read_sources(toml)
    statistics = collect_statistics(toml, folder / "statistics")
    surroundings = Surroundings(
        timezone=loaded.settings.timezone,
        sources=_names(toml, "sources"),
        statistics={*_names(toml, "statistics"), *(s.name for s in statistics.bound)},
    )
    jobs, job_faults = collect_jobs(
        toml, folder / "jobs", surroundings=surroundings, now=now
    )
    faults = [
        *loaded.faults,
        *stream_faults,
        *source_faults,
        *statistics.faults,
        *job_faults,
    ]
    if faults:
        raise Invalid(f"The project in {folder} cannot be used:", faults=faults)
    return Project(
        folder=folder,
        settings=loaded.settings,
        provenance=loaded.provenance,
        notices=(
            *loaded.notices,
            *(text for source in sources if (text := file_notice(source))),
            *statistics.notices,
            *jobs.notices,
        ),
        streams=tuple(streams),
        sources=tuple(sources),
        statistics=statistics.bound,
        jobs=jobs.tables,
        functions=jobs.functions,
    )


def _existing(folder: Path) -> Path:
    if folder.exists() and not folder.is_dir():
        raise NotFound(
            f"{folder} is a file; name the project's folder: {folder.parent}"
        )
    if not folder.is_dir():
        raise NotFound(
            f"There is no folder {folder}; `tallymill init {folder}` makes one."
        )
    return folder.resolve()


def _names(toml: TomlFile, kind: str) -> set[str]:
    """Return the names of tables, wrong ones included: each fault is told once."""
    tables = toml.table.get(kind)
    return set(tables) if isinstance(tables, Mapping) else set()
