"""The entry point: finds the command, and turns errors into sentences and statuses.

Only the wanted command's file is imported: `serve` stands on the whole house, which
takes two seconds to load, and `jobs list` shall not wait for it.

Exit status: 0 done, 1 failed, 2 bad usage.
"""

import os
import sys
import zoneinfo
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Final

import typer

import tallymill
from tallymill.cli.terminal import complain, say
from tallymill.kernel.errors import TallymillError, Unavailable

#: In the order of the help. Each is a file beside this one, with a function of that
#: name, or with an `app` of several commands.
COMMANDS: Final = (
    "init", "serve", "demo", "send", "watch", "client", "feed", "accounts", "jobs",
    "statistics", "check", "version",
)  # fmt: skip


def _version(value: bool) -> None:  # noqa: FBT001 - typer calls it so
    if value:
        say(f"Tallymill {tallymill.__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line and end the process with its exit status."""
    # The pinned zones, not those of the machine: the same due times everywhere.
    zoneinfo.reset_tzpath(to=())
    # Completion hands the words over in a variable of its own.
    words = sys.argv[1:] or os.environ.get("_TYPER_COMPLETE_ARGS", "").split()[1:]
    try:
        build(words)()
    except TallymillError as error:
        complain(error)
        sys.exit(1)
    except PermissionError as error:
        complain(Unavailable(f"{error.filename}: {error.strerror}."))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def build(words: Sequence[str]) -> typer.Typer:
    """Return the command line with the command that the words name, or with all."""
    app = typer.Typer(
        name="tallymill",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_tallymill)
    named = words[0].removeprefix("--") if words else ""
    for name in (named,) if named in COMMANDS else COMMANDS:
        module = import_module(f"tallymill.cli.{name}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name)
        else:
            app.command(name)(getattr(module, name))
    return app


def _tallymill(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Events in, numbers out: live statistics, and reports on a schedule."""
