"""The entry point: joins the commands, and turns errors into sentences and statuses.

Exit status: 0 done, 1 failed, 2 bad usage.
"""

import sys

import typer

from tallymill.cli import (
    check,
    demo,
    feed,
    init,
    jobs,
    send,
    serve,
    statistics,
    version,
)
from tallymill.cli.terminal import complain
from tallymill.kernel.errors import TallymillError

app = typer.Typer(
    name="tallymill",
    help="Events in, numbers out: live statistics, and reports on a schedule.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(init.init)
app.command()(serve.serve)
app.command()(demo.demo)
app.command()(send.send)
app.command()(feed.feed)
app.add_typer(jobs.app, name="jobs")
app.add_typer(statistics.app, name="statistics")
app.command()(check.check)
app.command()(version.version)


def main() -> None:
    """Run the command line and end the process with its exit status."""
    try:
        app()
    except TallymillError as error:
        complain(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
