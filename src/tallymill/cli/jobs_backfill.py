"""`tallymill jobs backfill`: a job for every due time of a range of the past.

The server does the work and keeps to it if this command is ended; the progress that
is shown is the server's own count.
"""

import time
from typing import Annotated, Any, Final

import typer

from tallymill.cli.connection import Call, Server, connected, decoded, path_of
from tallymill.cli.options import JobName, Json, Url
from tallymill.cli.terminal import counting, say, say_json

POLL_S: Final = 0.3  #: between two looks at how far it is


From = Annotated[str, typer.Option("--from", help="First moment: a date or a time.")]
To = Annotated[str, typer.Option("--to", help="End, not included: a date or a time.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only say how many runs it would be.")
]
NoWait = Annotated[
    bool, typer.Option("--no-wait", help="Leave it to the server, and do not watch.")
]


def backfill(  # noqa: PLR0913 - one parameter an option
    name: JobName,
    *,
    start: From,
    end: To,
    dry_run: DryRun = False,
    no_wait: NoWait = False,
    url: Url = None,
    json: Json = False,
) -> None:
    """Run a job for every due time in [from, to); what has run already is left out."""
    path = path_of("jobs", name, "backfill")
    with connected(url) as server:
        body = {"from": start, "to": end, "dry_run": dry_run}
        report: dict[str, Any] = server.post(path, body)
        if not (dry_run or no_wait):
            report |= _watch(server, path, start=start, end=end)
    if json:
        say_json(report)
    else:
        say(f"{name}: {_sentence(report, dry_run=dry_run)}")
    if report.get("failed") or report.get("undelivered"):
        raise typer.Exit(1)


def _watch(server: Server, path: str, *, start: str, end: str) -> dict[str, Any]:
    """Show the server's count until nothing is left to do; return the last one."""
    look = Call(method="GET", path=path, params={"from": start, "to": end})
    with counting() as progress:
        runs = progress.add_task("runs", total=None)
        deliveries = progress.add_task("deliveries", total=None)
        while True:
            count: dict[str, Any] = decoded(server.send_until_taken(look))
            ended = count["delivered"] + count["undelivered"]
            progress.update(
                runs, total=count["due"], completed=count["due"] - count["queued"]
            )
            progress.update(
                deliveries, total=ended + count["to_deliver"], completed=ended
            )
            if not count["queued"] and not count["to_deliver"]:
                return count
            time.sleep(POLL_S)


def _sentence(report: dict[str, Any], *, dry_run: bool) -> str:
    begun = f"{report['due']} due times, {report['already']} had run already"
    if dry_run:
        return f"{begun}, {report['new']} would run."
    if "done" not in report:
        return f"{begun}, {report['new']} are queued."
    return (
        f"{begun}, {report['new']} ran now. Of all, {report['done']} are done, "
        f"{report['failed']} failed, {report['delivered']} are delivered, "
        f"{report['undelivered']} could not be delivered."
    )
