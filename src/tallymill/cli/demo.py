"""`tallymill demo`: a project to look at, with data, jobs and a feed, made and served."""

import asyncio
import socket
from contextlib import closing
from pathlib import Path
from typing import Annotated, Final

import typer

from tallymill.assembly.serve import Served
from tallymill.assembly.serve import serve as serve_project
from tallymill.cli.serve import Listen, Port, announce, is_served, prepare, run
from tallymill.cli.terminal import note, say
from tallymill.cli.tour import tour
from tallymill.config import FILE_NAME, Address, load_settings, read_toml
from tallymill.config.settings import read_address
from tallymill.demo.project import make_demo, move_demo
from tallymill.kernel.clock import SystemClock
from tallymill.kernel.errors import Conflict, Invalid
from tallymill.kernel.service import cancel_and_wait
from tallymill.project import Project, load_project

MAIN: Final = Address("127.0.0.1", 8000)
EXTRA_PORTS: Final = (5000, 9753)  #: where programs for such servers look for them
LOOPBACK: Final = "127.0.0.1"

Where = Annotated[
    Path,
    typer.Argument(metavar="[FOLDER]", help="A new or empty folder, or the demo's."),
]


def demo(
    folder: Where = Path("demo"),
    *,
    listen: Listen = None,
    seed: Annotated[int, typer.Option(help="Of the generated registrations.")] = 0,
    _port: Port = None,
) -> None:
    """Make a demo project and serve it, on 8000, and 5000 and 9753 where they are free.

    A year of registrations with two jobs over them, a feed of pictures with
    statistics: everything that is shown is made on this machine.
    """
    addresses = [read_address(text) for text in listen or []]
    made_for = _made_for(folder)
    if made_for and is_served(folder / "data"):
        raise Conflict(
            f"The demo in {folder} runs already: open {made_for.url}/. To run another "
            "one beside it, name another folder and --listen another address."
        )
    first = addresses[0] if addresses else made_for or MAIN
    if not addresses:
        addresses = [first, *_extra(first)]
    if not _is_free(first):
        raise Conflict(
            f"{first} is in use by another program; end that one, or choose another "
            f"address: --listen {LOOPBACK}:8001"
        )
    if make_demo(folder, address=first, seed=seed):
        say(f"Made a demo project in {folder}")
    elif made_for and made_for != first:
        move_demo(folder, before=made_for, after=first)
        say(f"Moved the demo in {folder} from {made_for} to {first}")
    project = load_project(folder, options={"listen": [str(a) for a in addresses]})
    prepare(project)
    run(_serve(project, first.url))


async def _serve(project: Project, url: str) -> None:
    """Serve, and tour for as long as it is served."""
    tours: list[asyncio.Task[None]] = []

    def on_ready(served: Served) -> None:
        announce(project, served)
        tours.append(asyncio.ensure_future(tour(url, SystemClock())))

    try:
        await serve_project(project, on_ready=on_ready)
    finally:
        await cancel_and_wait(*tours)


def _made_for(folder: Path) -> Address | None:
    """Return the address of a demo that is there; None for a folder without one."""
    toml = read_toml(folder / FILE_NAME)
    if not toml.table:
        return None
    loaded = load_settings(toml, environment={}, options={})
    if loaded.faults:
        raise Invalid(f"{toml.path} cannot be used:", faults=loaded.faults)
    return loaded.settings.listen[0]


def _extra(first: Address) -> list[Address]:
    extra = [Address(LOOPBACK, port) for port in EXTRA_PORTS if port != first.port]
    for address in extra:
        if not _is_free(address):
            note(f"Port {address.port} is in use by another program: left out.")
    return [address for address in extra if _is_free(address)]


def _is_free(address: Address) -> bool:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        # As the server does: an address in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError:
            return False
    return True
