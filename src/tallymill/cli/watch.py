"""`tallymill watch`: events of a running server as they come, and what was missed."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import Annotated, Final

import msgspec
import typer
from rich.text import Text

from tallymill.cli.connection import connected
from tallymill.cli.following import Wanted, follow
from tallymill.cli.options import Json, Url
from tallymill.cli.terminal import clean, note, say_json, stdout
from tallymill.events.model import DEFAULT_STREAM
from tallymill.live.frames import SseEvent

_WIDTHS: Final = (23, 12, 12)
_HEADINGS: Final = ("TIME (UTC)", "STREAM", "SUBJECT")


class Form(StrEnum):
    """How events are printed."""

    TABLE = "table"
    LINES = "lines"
    NDJSON = "ndjson"


class Told(msgspec.Struct):
    """What is printed of an event."""

    timestamp: datetime
    stream: str
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    subject: str = ""
    instance: str = ""

    @property
    def time(self) -> str:
        """The timestamp in UTC, to the millisecond."""
        return f"{self.timestamp.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3]

    @property
    def text(self) -> str:
        """The data on one line, harmless to a terminal; empty without any."""
        if self.data is msgspec.UNSET:
            return ""
        return clean(one_line(bytes(self.data).decode()))


def watch(  # noqa: PLR0913 - one for each option
    *,
    stream: Annotated[
        list[str] | None, typer.Option(help="A stream; may come again.")
    ] = None,
    subject: Annotated[
        list[str] | None, typer.Option(help="Only about this; may come again.")
    ] = None,
    after: Annotated[
        str,
        typer.Option(
            help="Begin after the event of this id; start for all that is kept.",
            show_default="what comes from now on",
        ),
    ] = "",
    form: Annotated[
        Form, typer.Option("--format", help="How events are printed.")
    ] = Form.TABLE,
    count: Annotated[
        int | None, typer.Option(min=1, help="End after so many events.")
    ] = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Print events as they come; a lost connection is taken up where it was lost.

    Ends on Ctrl+C.
    """
    with connected(url) as server:
        address = server.url
    wanted = Wanted(
        url=address,
        streams=stream or [DEFAULT_STREAM],
        subjects=subject or [],
        after=after,
    )
    show = _printer(Form.NDJSON if json else form)
    with contextlib.suppress(KeyboardInterrupt):
        for event in islice(_events(wanted), count):
            show(event)
            sys.stdout.flush()


def one_line(json: str) -> str:
    """Return a JSON text with spaces for its line ends, which stand between tokens."""
    return json.replace("\r", " ").replace("\n", " ")


def _events(wanted: Wanted) -> Iterator[SseEvent]:
    """Yield events proper; what else there is to know is told beside them."""
    for event in follow(wanted):
        if event.type == "message":
            yield event
        elif event.type == "gap":
            gap = msgspec.json.decode(event.data)
            note(f"Some events are missing: {gap['reason']}")


def _printer(form: Form) -> Callable[[SseEvent], None]:
    if form is Form.NDJSON:
        return _say_json
    if form is Form.LINES:
        return _say_line
    _say_row(_HEADINGS, "DATA")
    return lambda event: _say_as_row(msgspec.json.decode(event.data, type=Told))


def _say_json(event: SseEvent) -> None:
    """Print the event as the server wrote it, with the id to go on from."""
    told = one_line(event.data)
    say_json(msgspec.Raw(f'{{"position":"{event.id}",{told[1:]}'.encode()))


def _say_line(event: SseEvent) -> None:
    told = msgspec.json.decode(event.data, type=Told)
    subject = f" [{clean(told.subject)}]" if told.subject else ""
    stdout().print(Text(f"{told.time} {told.stream}{subject}: {told.text}"))


def _say_as_row(told: Told) -> None:
    _say_row((told.time, told.stream, clean(told.subject)), told.text)


def _say_row(cells: Sequence[str], last: str) -> None:
    """Print cells under their headings; one that is too wide moves the rest."""
    padded = (f"{text:<{width}}" for text, width in zip(cells, _WIDTHS, strict=True))
    stdout().print(Text("  ".join((*padded, last))))
