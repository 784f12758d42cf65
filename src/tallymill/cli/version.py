"""`tallymill version`: what is installed, for a report of a fault."""

import platform
import sqlite3

import tallymill
from tallymill.cli.options import Json
from tallymill.cli.terminal import say, say_json


def version(*, json: Json = False) -> None:
    """Print the version, and those of Python and SQLite."""
    versions = {
        "tallymill": tallymill.__version__,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "platform": platform.platform(),
    }
    if json:
        say_json(versions)
        return
    say(
        "Tallymill {tallymill} (Python {python}, SQLite {sqlite}, {platform})".format(
            **versions
        )
    )
