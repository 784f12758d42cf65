"""`tallymill jobs backfill`: a job for every due time of a range of the past.

The server does the work and keeps to it if this command is ended; the progress that
is shown is the server's own count.
"""

import time
from typing import Annotated, Any, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from tallymill.cli.connection import Call, Server, connected, decoded, path_of
from tallymill.cli.options import JobName, Json, Url
from tallymill.cli.terminal import note, say, say_json, stderr

POLL_S: Final = 0.3  #: between two looks at how far it is


def backfill(
    name: JobName,
    *,
    start: Annotated[
        str, typer.Option("--from", help="First moment: a date or a time.")
    ],
    end: Annotated[
        str, typer.Option("--to", help="End, not included: a date or a time.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how many runs it would be.")
    ] = False,
    url: Url = None,
    json: Json = False,
) -> None:
    """Run a job for every due time in [from, to); what has run already is left out."""
    path = path_of("jobs", name, "backfill")
    with connected(url) as server:
        body = {"from": start, "to": end, "dry_run": dry_run}
        plan: dict[str, Any] = server.post(path, body)
        if not dry_run:
            say_plan = (
                f"{name}: {plan['due']} due, {plan['already']} were there already."
            )
            note(say_plan)
            plan |= _follow(server, path, start=start, end=end)
    _tell(name, plan, dry_run=dry_run, as_json=json)
    if plan.get("failed") or plan.get("undelivered"):
        raise typer.Exit(1)


def _follow(server: Server, path: str, *, start: str, end: str) -> dict[str, Any]:
    """Show the server's progress until all is done; return its last count."""
    look = Call(method="GET", path=path, params={"from": start, "to": end})
    with _progress() as progress:
        task = progress.add_task("runs", total=None)
        while True:
            count: dict[str, Any] = decoded(server.send_until_taken(look))
            done = count["done"] + count["failed"]
            progress.update(task, total=count["due"], completed=done)
            if done >= count["due"] and not count.get("to_deliver"):
                return count
            time.sleep(POLL_S)


def _tell(name: str, plan: dict[str, Any], *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        say_json(plan)
        return
    if dry_run:
        say(
            f"{name} would run {plan['new']} times: {plan['due']} due, "
            f"{plan['already']} of them have run already."
        )
        return
    say(
        f"{name} ran {plan['new']} times: of {plan['due']} due, {plan['done']} are done, "
        f"{plan['failed']} failed, {plan['delivered']} are delivered."
    )


def _progress() -> Progress:
    console = stderr()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        disable=not console.is_terminal,
    )
