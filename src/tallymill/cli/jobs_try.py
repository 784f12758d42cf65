"""`tallymill jobs try`: when a job would run and what it would send; sends nothing."""

from typing import Annotated, Any

import typer

from tallymill.cli.connection import connected, path_of
from tallymill.cli.options import JobName, Json, Url
from tallymill.cli.terminal import cell, say, say_fields, say_json


def try_(
    name: JobName,
    *,
    as_of: Annotated[
        str | None, typer.Option(help="Pretend that this is now; a date or a time.")
    ] = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Show a job's next 10 times, the answer to its question and what it would send."""
    with connected(url) as server:
        trial: dict[str, Any] = server.post(path_of("jobs", name, "try"), as_of=as_of)
    if json:
        say_json(trial)
    else:
        for key, value in trial.items():
            _tell(key, value)
    if trial.get("error"):
        raise typer.Exit(1)


def _tell(key: str, value: object) -> None:
    if value is None:
        return
    say(f"{key}:")
    if isinstance(value, dict):
        say_fields((f"  {inner}", shown) for inner, shown in value.items())
        return
    for line in value if isinstance(value, list) else [value]:
        say(f"  {cell(line)}")
