"""`tallymill serve`: run a project until Ctrl+C or SIGTERM."""

import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, Final

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
from tallymill.kernel.errors import Conflict
from tallymill.project import Project, load_project
from tallymill.store.sqlite import FolderLock

LOCK_FILE: Final = "tallymill.lock"


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


def _no_port(value: str | None) -> None:
    if value is not None:
        raise typer.BadParameter("say --listen HOST:PORT: --listen 127.0.0.1:8001")


Port = Annotated[
    str | None, typer.Option("--port", "--host", hidden=True, callback=_no_port)
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
    _port: Port = None,
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
    for notice in (*project.notices, *begins_empty(settings.database_path)):
        note(f"Note: {notice}.")


def begins_empty(database: Path) -> list[str]:
    """Return a notice if a folder that was served before has lost its database."""
    is_there = database.exists() and database.stat().st_size > 0
    if is_there or not (database.parent / LOCK_FILE).exists():
        return []
    state = "empty" if database.exists() else "gone"
    notice = (
        f"{database.parent} was in use before, and {database.name} is {state}: it "
        "begins without events, results and history; if that is not meant, stop it "
        "and bring the file back"
    )
    return [notice]


def is_served(data: Path) -> bool:
    """Return whether a server runs on a data folder."""
    if not (data / LOCK_FILE).exists():
        return False
    lock = FolderLock(data)
    try:
        lock.acquire()
    except Conflict:
        return True
    lock.release()
    return False


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
