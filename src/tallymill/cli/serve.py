"""`tallymill serve`: run a project until Ctrl+C or SIGTERM."""

import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop

import tallymill
from tallymill.assembly.logs import configure_logs
from tallymill.assembly.serve import Served
from tallymill.assembly.serve import serve as serve_project
from tallymill.cli.options import Folder
from tallymill.cli.terminal import note, say
from tallymill.config import Address
from tallymill.config.settings import read_address
from tallymill.project import Project, load_project


def _address(value: str) -> str:
    try:
        return str(read_address(value))
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from exc


Listen = Annotated[
    list[str] | None,
    typer.Option(
        parser=_address,
        metavar="HOST:PORT",
        help="Where to listen; may be given several times.",
        show_default="127.0.0.1:8000",
    ),
]
NoAuth = Annotated[
    bool,
    typer.Option(
        "--no-auth",
        help="Let anyone use it who reaches it, on any address.",
    ),
]
Data = Annotated[Path | None, typer.Option(help="The folder that keeps everything.")]
Workers = Annotated[int | None, typer.Option(help="Workers a shard.")]
Shards = Annotated[int | None, typer.Option(help="Shards of a new data folder.")]
LogFormat = Annotated[str | None, typer.Option(help="auto, console or json.")]
LogLevel = Annotated[str | None, typer.Option(help="debug, info, warning or error.")]


def serve(  # noqa: PLR0913 - one parameter an option
    folder: Folder = Path(),
    *,
    listen: Listen = None,
    no_auth: NoAuth = False,
    data: Data = None,
    workers: Workers = None,
    shards: Shards = None,
    log_format: LogFormat = None,
    log_level: LogLevel = None,
) -> None:
    """Serve a project; an empty folder is one. Options override its settings."""
    options = {
        "listen": listen,
        "no_auth": no_auth or None,
        "data": data and data.absolute(),
        "workers": workers,
        "shards": shards,
        "log_format": log_format,
        "log_level": log_level,
    }
    project = load_project(folder, options=options)
    prepare(project)
    run(serve_project(project, on_ready=lambda served: announce(project, served)))


def prepare(project: Project) -> None:
    """Set up the log lines, and tell what is set and does nothing."""
    settings = project.settings
    configure_logs(log_format=settings.log_format, level=settings.log_level)
    for notice in project.notices:
        note(f"Note: {notice}.")


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a server's coroutine to its end."""
    uvloop.run(main)


def announce(project: Project, served: Served) -> None:
    """Print which page to open."""
    urls = [Address(host, port).url for host, port in served.addresses]
    say(f"Tallymill {tallymill.__version__} serves {project.folder}")
    say(f"Open {urls[0]}/ (the API's page is {urls[0]}/docs). Stop it with Ctrl+C.")
    if len(urls) > 1:
        say(f"It also answers on {', '.join(urls[1:])}.")
    sys.stdout.flush()
