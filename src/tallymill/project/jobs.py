"""The project's jobs: `[jobs.…]` of `tallymill.toml` and functions with `@job`.

Each is checked here, so that a wrong one is told when the project is loaded, together
with all other faults; the jobs' room says what is right.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from tallymill.config import TomlFile
from tallymill.jobs.check import Surroundings, Writing, check_definition
from tallymill.jobs.decorator import MarkedJob, marked_job, signature_fault
from tallymill.jobs.model import JobDefinition
from tallymill.kernel.errors import Fault, Invalid, keys_of
from tallymill.project.modules import UserModule, import_folder
from tallymill.project.tables import place


class Jobs(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs by where they stand; names are different throughout."""

    tables: tuple[JobDefinition, ...]
    functions: tuple[MarkedJob, ...]
    notices: tuple[str, ...] = ()  #: sentences without their full stop


def collect_jobs(
    toml: TomlFile,
    folder: Path,
    *,
    surroundings: Surroundings,
    now: datetime,
) -> tuple[Jobs, list[Fault]]:
    """Return all jobs without fault, and the faults of the others.

    Args:
        toml: The project's file.
        folder: Of the user's functions.
        surroundings: What the jobs may refer to.
        now: Aware, UTC.
    """
    tables, faults = _from_file(toml, surroundings, now)
    taken = {table.name: toml.place("jobs", str(table.name)) for table in tables}
    functions: list[MarkedJob] = []
    notices: list[str] = []
    modules, import_faults = import_folder(folder)
    faults += import_faults
    for module in modules:
        found = _marked(module)
        if not found:
            notices.append(module.without("function with @job"))
        for marked in found:
            wrong = _function_faults(module, marked, surroundings, now)
            name = str(marked.definition.name)
            if name in taken:
                wrong.append(_twice(module, marked, taken[name]))
            taken.setdefault(name, module.where)
            faults += wrong
            functions += [] if wrong else [marked]
    jobs = Jobs(
        tables=tuple(tables), functions=tuple(functions), notices=tuple(notices)
    )
    return jobs, faults


def _from_file(
    toml: TomlFile, surroundings: Surroundings, now: datetime
) -> tuple[list[JobDefinition], list[Fault]]:
    tables: Any = toml.table.get("jobs", {})
    if not isinstance(tables, Mapping):
        return [], [place(toml, ("jobs",), "is no table; write [jobs.NAME]")]
    jobs: list[JobDefinition] = []
    faults: list[Fault] = []
    for name, table in tables.items():
        wrong = _table_faults(toml, name, table, surroundings, now)
        faults += wrong
        jobs += [] if wrong else [JobDefinition(**{**table, "name": name})]
    return jobs, faults


def _table_faults(
    toml: TomlFile,
    name: str,
    table: object,
    surroundings: Surroundings,
    now: datetime,
) -> list[Fault]:
    if not isinstance(table, Mapping):
        detail = f"is no table; write [jobs.{name}] above its settings"
        return [place(toml, ("jobs", name), detail)]
    faults = []
    if "name" in table:
        detail = "is the name in the heading; leave this line out"
        faults.append(place(toml, ("jobs", name, "name"), detail))
    try:
        check_definition(
            {**table, "name": name},
            surroundings=surroundings,
            writing=Writing(origin="file", now=now),
        )
    except Invalid as exc:
        faults += [
            place(toml, ("jobs", name, *keys_of(fault.pointer)), fault.detail)
            for fault in exc.faults
        ]
    return faults


def _marked(module: UserModule) -> list[MarkedJob]:
    """Return the jobs that a module itself defines, in order, each once."""
    found = [marked_job(thing) for thing in vars(module.module).values()]
    own = [
        marked
        for marked in found
        if marked and marked.function.__module__ == module.module.__name__
    ]
    return list({id(marked): marked for marked in own}.values())


def _function_faults(
    module: UserModule, marked: MarkedJob, surroundings: Surroundings, now: datetime
) -> list[Fault]:
    told = [signature_fault(marked.function), marked.misuse]
    faults = [Fault("", detail) for detail in told if detail]
    try:
        check_definition(
            marked.fields,
            surroundings=surroundings,
            writing=Writing(origin="code", now=now, function=marked.place),
        )
    except Invalid as exc:
        # Whoever wrote a mark wrongly has said no schedule where it is looked for.
        hidden = "/cron_string" if marked.misuse else None
        faults += [fault for fault in exc.faults if fault.pointer != hidden]
    return [_in_function(module, marked, fault) for fault in faults]


def _in_function(module: UserModule, marked: MarkedJob, fault: Fault) -> Fault:
    field = fault.pointer.lstrip("/")
    told = f"{field}: {fault.detail}" if field else fault.detail
    return Fault(
        f"{module.where}{fault.pointer}",
        f"{module.where}: job {marked.definition.name}: {told}",
    )


def _twice(module: UserModule, marked: MarkedJob, other: str) -> Fault:
    name = marked.definition.name
    return Fault(
        module.where,
        f"{module.where}: the job {name!r} is also in {other}; "
        "give one of them another name",
    )
