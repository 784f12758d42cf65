"""`tallymill send`: events from arguments, files or standard input to a server."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import uuid4

import msgspec
import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from tallymill.cli.batches import BATCH_EVENTS, Batch, batches, read_events
from tallymill.cli.connection import Call, Server, connected, decoded
from tallymill.cli.options import Json, Url
from tallymill.cli.send_account import send_to_account
from tallymill.cli.terminal import counted, note, say, say_json, stderr
from tallymill.events.model import DEFAULT_STREAM
from tallymill.kernel.clock import SystemClock
from tallymill.kernel.errors import Malformed, NotFound, TallymillError

STDIN: Final = "-"


class _Sent(msgspec.Struct):
    """What has been taken so far."""

    accepted: int = 0
    duplicates: int = 0  #: had an `id` that was stored already
    rejected: int = 0
    requests: int = 0


Events = Annotated[
    list[str] | None,
    typer.Argument(
        help="JSON events, or files of them (a JSON array, or NDJSON); - is standard "
        "input.",
        show_default="-",
    ),
]
Data = Annotated[
    list[str] | None,
    typer.Option(help="The data of an event that happens now, as JSON."),
]
Stream = Annotated[str, typer.Option(help="The stream.")]
BatchSize = Annotated[
    int, typer.Option("--batch", min=1, max=1_000_000, help="Events in a request.")
]
Partial = Annotated[
    bool, typer.Option("--partial", help="Set bad events aside, store the rest.")
]
SingleShard = Annotated[
    bool, typer.Option("--single-shard", help="Each request's events to one shard.")
]
Key = Annotated[
    str | None,
    typer.Option(
        help="Begin each Idempotency-Key with this: the same command again, after a "
        "crash, stores nothing twice.",
        show_default="a random one",
    ),
]
Account = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Send each argument, a text, as an event of this account; - is the lines "
        "of standard input.",
        show_default=False,
    ),
]


def send(  # noqa: PLR0913 - one parameter an option
    events: Events = None,
    *,
    data: Data = None,
    stream: Stream = DEFAULT_STREAM,
    url: Url = None,
    batch: BatchSize = BATCH_EVENTS,
    partial: Partial = False,
    single_shard: SingleShard = False,
    key: Key = None,
    account: Account = None,
    json: Json = False,
) -> None:
    """Send events, in batches, each durable before the next; retries what may be."""
    if account is not None:
        texts = [*(events or ([] if data else [STDIN])), *(data or [])]
        send_to_account(account, texts, url=url, key=key, as_json=json)
        return
    wanted = _wanted(events or ([] if data else [STDIN]), data or [])
    params = {
        "stream": stream,
        "partial": partial or None,
        "single_shard": single_shard or None,
    }
    sent = _Sent()
    begun = key or uuid4().hex
    with connected(url) as server, _progress() as progress:
        task = progress.add_task("events", total=None)
        try:
            for part in batches(wanted, most_events=batch):
                answer = _send(server, part, params, begun)
                _count(sent, answer, part)
                progress.update(task, completed=sent.accepted)
        except TallymillError:
            progress.stop()
            note(f"Stopped after {sent.accepted} events that are stored.")
            raise
    _tell(sent, server.url, as_json=json)


def _send(
    server: Server, part: Batch, params: Mapping[str, object], key: str
) -> dict[str, Any]:
    call = Call(
        method="POST",
        path="/events",
        content=part.body,
        params=params,
        headers={"Idempotency-Key": f"{key}-{part.first}"},
    )
    answer: dict[str, Any] = decoded(server.send_until_taken(call)) or {}
    return answer


def _count(sent: _Sent, answer: dict[str, Any], part: Batch) -> None:
    sent.accepted += answer.get("accepted", part.count)
    sent.duplicates += answer.get("duplicates", 0)
    sent.rejected += answer.get("rejected", 0)
    sent.requests += 1
    for error in answer.get("errors", []):
        note(f"event {part.first + error.get('index', 0)}: {_reason(error)}")


def _reason(error: dict[str, Any]) -> str:
    pointer, reason = error.get("pointer", ""), error.get("detail", "")
    return f"{pointer}: {reason}" if pointer else str(reason)


def _tell(sent: _Sent, url: str, *, as_json: bool) -> None:
    if as_json:
        say_json(sent)
        return
    more = f", {sent.duplicates} were there already" if sent.duplicates else ""
    more += f", {sent.rejected} set aside" if sent.rejected else ""
    events = counted(sent.accepted, "event")
    say(f"{events} taken by {url} in {counted(sent.requests, 'request')}{more}.")


def _wanted(sources: Iterable[str], data: Iterable[str]) -> Iterator[bytes]:
    now = SystemClock().now()
    for text in data:
        yield _event_of(text, now)
    for source in sources:
        if source == STDIN:
            yield from read_events(sys.stdin.buffer, "standard input")
        elif source.lstrip().startswith(("{", "[")):
            yield from _argument(source)
        else:
            yield from _file(Path(source))


def _event_of(text: str, now: datetime) -> bytes:
    try:
        raw = msgspec.json.decode(text, type=msgspec.Raw)
    except msgspec.DecodeError as exc:
        raise Malformed(f"--data {text!r} is no JSON: {exc}.") from exc
    return msgspec.json.encode({"timestamp": now, "data": raw})


def _argument(text: str) -> list[bytes]:
    try:
        if text.lstrip().startswith("["):
            decoded_list = msgspec.json.decode(text, type=list[msgspec.Raw])
            return [bytes(raw) for raw in decoded_list]
        return [bytes(msgspec.json.decode(text, type=msgspec.Raw))]
    except msgspec.DecodeError as exc:
        raise Malformed(f"The argument {text!r} is no JSON: {exc}.") from exc


def _file(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from read_events(file, str(path))
    except FileNotFoundError as exc:
        raise NotFound(f"There is no file {path}.") from exc
    except OSError as exc:
        raise Malformed(f"{path} cannot be read: {exc.strerror}.") from exc


def _progress() -> Progress:
    console = stderr()
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.completed:,} events"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
