"""What goes to the terminal: tables, JSON, sentences; never a raw control character.

Data prints as text, so that neither markup nor an escape sequence in it has an effect.
Results go to standard output, everything else to standard error.
"""

import sys
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from tallymill.kernel.errors import TallymillError
from tallymill.kernel.hidden import HIDDEN, json_escape

_LAYOUT: Final = "\t\n"


def _escape(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_HIDDEN: Final = {code: _escape(code) for code in HIDDEN if chr(code) not in _LAYOUT}


def stdout() -> Console:
    """Return the console for results; made anew, as tests replace the stream."""
    return Console(file=sys.stdout, highlight=False, soft_wrap=True)


def stderr() -> Console:
    """Return the console for progress and errors."""
    return Console(file=sys.stderr, highlight=False, soft_wrap=True)


def clean(text: str) -> str:
    """Return the text with each control character written as an escape."""
    return text.translate(_HIDDEN)


def say(sentence: str) -> None:
    """Print a sentence to standard output."""
    stdout().print(Text(clean(sentence)))


def note(sentence: str) -> None:
    """Print a sentence about how it goes to standard error."""
    stderr().print(Text(clean(sentence)))


def say_json(value: object) -> None:
    """Print a value as one line of JSON, as it is; escapes keep it harmless."""
    text = msgspec.json.encode(value).decode()
    sys.stdout.write(text.translate(_HIDDEN_IN_JSON) + "\n")


def say_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under headings; None is an empty cell."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell(value)) for value in row))
    console = stdout()
    if not console.is_terminal:
        # Nothing is folded in a pipe, where a line is a record.
        console = Console(file=sys.stdout, highlight=False, width=10_000)
    console.print(table)


def say_fields(fields: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one pair a line; those that are None are left out."""
    console = stdout()
    present = [(name, value) for name, value in fields if value is not None]
    width = max((len(name) for name, _ in present), default=0)
    for name, value in present:
        console.print(Text(f"{clean(name):<{width}}  {cell(value)}"))


def counting() -> Progress:
    """Return bars that show how many of how many are done, on a terminal only."""
    console = stderr()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def counted(number: int, what: str) -> str:
    """Return "1 event" or "2 events"."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def cell(value: object) -> str:
    """Return a value as a person reads it: texts as they are, the rest as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return clean(value)
    return clean(msgspec.json.encode(value).decode())


def complain(error: TallymillError) -> None:
    """Print an error's sentence and its faults to standard error."""
    console = stderr()
    console.print(Text.assemble(("Error: ", "bold red"), clean(error.detail)))
    for fault in error.faults:
        if len(error.faults) == 1 and fault.detail in error.detail:
            return  # the sentence has said it
        console.print(Text(f"  - {clean(fault.detail)}"))
    hidden = error.fault_count - len(error.faults)
    if hidden > 0:
        console.print(Text(f"  ... and {hidden} more"))


# Within JSON a control character can only stand in a string, where \uXXXX means it.
_HIDDEN_IN_JSON: Final = {code: json_escape(code) for code in HIDDEN if code >= 0x7F}
