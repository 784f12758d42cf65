"""`tallymill statistics`: list and show them, and add one to the project's file."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from tallymill.cli.connection import connected, path_of
from tallymill.cli.options import Json, Project, Url
from tallymill.cli.terminal import cell, say, say_fields, say_json, say_table
from tallymill.config import FILE_NAME, read_toml
from tallymill.kernel.errors import Conflict, Invalid, NotFound
from tallymill.project.append import append_table
from tallymill.statistics.definitions import parse_definitions

app = typer.Typer(help="What the events add up to.", no_args_is_help=True)
_SHOWN: Final = ("name", "stream", "kind", "field", "value", "events", "updated_at")


@app.command("list")
def list_(*, url: Url = None, json: Json = False) -> None:
    """List all statistics of a running server with their values."""
    with connected(url) as server:
        statistics: list[dict[str, Any]] = server.get("/statistics")["statistics"]
    if json:
        say_json(statistics)
        return
    say_table(
        ("NAME", "STREAM", "KIND", "VALUE", "EVENTS"),
        [
            (s["name"], s["stream"], s["kind"], cell(_value(s)), s["events"])
            for s in statistics
        ],
    )


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="The statistic's name.")],
    *,
    url: Url = None,
    json: Json = False,
) -> None:
    """Show one statistic of a running server."""
    with connected(url) as server:
        statistic: dict[str, Any] = server.get(path_of("statistics", name))
    if json:
        say_json(statistic)
        return
    more = [key for key in statistic if key not in _SHOWN]
    say_fields((key, statistic.get(key)) for key in (*_SHOWN, *more))


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Its name.")],
    *,
    stream: Annotated[str, typer.Option(help="The stream that it adds up.")],
    kind: Annotated[str, typer.Option(help="count, sum, mean, min or max.")],
    field: Annotated[
        str | None, typer.Option(help='A key of data, or a path: "box.width".')
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            help='"now" counts from the next start of the server.',
            show_default="the first stored event",
        ),
    ] = None,
    project: Project = Path(),
) -> None:
    """Add three lines to the project's tallymill.toml; all else in it stays."""
    table: dict[str, str] = {"stream": stream, "kind": kind}
    if field is not None:
        table["field"] = field
    if start is not None:
        table["from"] = start
    _, faults = parse_definitions({name: table})
    if faults:
        told = [f"{_key(f.pointer)}{f.detail}" for f in faults]
        raise Invalid(f"The statistic cannot be added: {'; '.join(told)}.")
    path = project / FILE_NAME
    if not project.is_dir():
        raise NotFound(f"There is no folder {project}.")
    if name in read_toml(path).table.get("statistics", {}):
        raise Conflict(f"{path} has a statistic {name!r} already; nothing was changed.")
    append_table(path, ("statistics", name), table)
    say(f"Added [statistics.{name}] to {path}; the next start of the server counts it.")


def _key(pointer: str) -> str:
    key = pointer.rpartition("/")[2]
    return f"{key} " if pointer.count("/") > 2 else ""


def _value(statistic: dict[str, Any]) -> object:
    error = statistic.get("error")
    return f"error: {error}" if error else statistic.get("value")
