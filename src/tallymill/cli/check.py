"""`tallymill check`: is the project in order, and what is in force, and why?"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from tallymill.cli.options import Folder, Json
from tallymill.cli.terminal import counting, note, say, say_json, say_table
from tallymill.config import FILE_NAME
from tallymill.jobs.model import JobDefinition
from tallymill.kernel.errors import Fault, Invalid
from tallymill.project import Project, load_project
from tallymill.statistics.laws import check_laws
from tallymill.store.check import Report, deep_check

UNTRIED: Final = "add"  #: what `check_laws` names when `add` took nothing made up


Deep = Annotated[
    bool,
    typer.Option(
        "--deep", help="Recompute from the log what is stored; takes a while."
    ),
]


def check(folder: Folder = Path(), *, deep: Deep = False, json: Json = False) -> None:
    """Load everything, tell every fault at once, and print each setting's origin.

    The user's own statistics are tried on made-up cases: whether parts merge to the
    whole in any order and split.
    """
    project = load_project(folder)
    _check_laws(project)
    report = _deep_check(project) if deep else None
    if json:
        say_json(_as_values(project, report))
    else:
        _tell_all(project, report)
    if report and not report.ok:
        raise typer.Exit(1)


def _tell_all(project: Project, report: Report | None) -> None:
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
    if report:
        _tell("What is stored", ("CHECK", "", "EXPECTED", "FOUND"), [
            (c.name, "ok" if c.ok else "WRONG", c.expected, c.found)
            for c in report.checks
        ])  # fmt: skip
    if report is None or report.ok:
        say(f"{project.folder} is in order.")


def _deep_check(project: Project) -> Report:
    """Recompute what is stored, with a bar that shows how far it is."""
    with counting() as progress:
        task = progress.add_task("events", total=None)
        return deep_check(
            project.settings.database_path,
            statistics=project.statistics,
            on_progress=lambda done, total: progress.update(
                task, completed=done, total=total
            ),
        )


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


def _as_values(project: Project, report: Report | None) -> dict[str, object]:
    stored = {"stored": report.checks} if report else {}
    return {
        **stored,
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
