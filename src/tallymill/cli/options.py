"""Options that several commands share, with their help texts."""

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[
    Path, typer.Argument(help="The project's folder.", show_default="this one")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="The running server, such as http://127.0.0.1:8000.",
        show_default="the first address of this folder's settings",
    ),
]
Project = Annotated[
    Path,
    typer.Option("--project", help="The project's folder.", show_default="this one"),
]
JobName = Annotated[
    str, typer.Argument(help="The job's name, which is its id.", metavar="JOB")
]
