"""`tallymill check`: is the project in order, and what is in force, and why?"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from tallymill.cli.options import Folder, Json
from tallymill.cli.terminal import note, say, say_json, say_table
from tallymill.config import FILE_NAME
from tallymill.jobs.model import JobDefinition
from tallymill.project import Project, load_project


def check(folder: Folder = Path(), *, json: Json = False) -> None:
    """Load everything, tell every fault at once, and print each setting's origin."""
    project = load_project(folder)
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
