"""`tallymill check`: is the project in order, and what is in force, and why?"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from tallymill.cli.options import Folder, Json
from tallymill.cli.terminal import note, say, say_json, say_table
from tallymill.config import FILE_NAME
from tallymill.jobs.model import JobDefinition
from tallymill.kernel.errors import Fault, Invalid
from tallymill.project import Project, load_project
from tallymill.statistics.laws import check_laws

UNTRIED: Final = "add"  #: what `check_laws` names when `add` took nothing made up


def check(folder: Folder = Path(), *, json: Json = False) -> None:
    """Load everything, tell every fault at once, and print each setting's origin.

    The user's own statistics are tried on made-up cases: whether parts merge to the
    whole in any order and split.
    """
    project = load_project(folder)
    _check_laws(project)
    if json:
        say_json(_as_values(project))
        return
    _tell("Settings", ("SETTING", "VALUE", "FROM"), [
        (p.name, p.value, p.origin) for p in project.provenance
    ])  # fmt: skip
    _tell("Statistics", ("NAME", "STREAM", "KIND"), [
        (s.name, s.stream, s.kind) for s in project.statistics
    ])  # fmt: skip
    _tell("Sources", ("NAME", "URL"), [(s.name, s.shown_url) for s in project.sources])
    _tell("Jobs", ("NAME", "SCHEDULE", "FROM"), [
        (job.name, job.schedule or job.cron_string, origin)
        for job, origin in _jobs(project)
    ])  # fmt: skip
    for notice in project.notices:
        note(f"Note: {notice}.")
    say(f"{project.folder} is in order.")


def _check_laws(project: Project) -> None:
    """Refuse statistics that break a law; note those for which no case was found."""
    found = [
        (statistic.name, broken)
        for statistic in project.statistics
        if not statistic.trusted
        for broken in check_laws(statistic)
    ]
    for name, broken in found:
        if broken.law == UNTRIED:
            note(f"Note: the statistic {name} could not be tried: {broken.detail}.")
    faults = [
        Fault(name, f"the statistic {name} breaks the law of {b.law}: {b.detail}")
        for name, b in found
        if b.law != UNTRIED
    ]
    if faults:
        raise Invalid(
            "Some statistics would give answers that depend on chance:", faults=faults
        )


def _tell(
    title: str, headings: Sequence[str], rows: Sequence[Sequence[object]]
) -> None:
    if not rows:
        return
    say(f"{title}:")
    say_table(headings, rows)
    say("")


def _as_values(project: Project) -> dict[str, object]:
    return {
        "folder": str(project.folder),
        "settings": {
            p.name: {"value": p.value, "from": p.origin} for p in project.provenance
        },
        "statistics": [
            {"name": s.name, "stream": s.stream, "kind": s.kind, "fields": s.fields}
            for s in project.statistics
        ],
        "sources": [{"name": s.name, "url": s.shown_url} for s in project.sources],
        "jobs": [
            {**msgspec.to_builtins(job), "from": origin}
            for job, origin in _jobs(project)
        ],
        "notices": project.notices,
    }


def _jobs(project: Project) -> list[tuple[JobDefinition, str]]:
    return [
        *((job, FILE_NAME) for job in project.jobs),
        *((marked.definition, "jobs/") for marked in project.functions),
    ]
