"""Events to be sent, read from files, and cut into requests. Pure but for the reading.

Every event is checked to be JSON by itself before it is joined with others: malformed
lines could otherwise join into something valid that nobody wrote.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Final

import msgspec

from tallymill.kernel.errors import Malformed

BATCH_EVENTS: Final = 10_000  #: as in a typical request
BATCH_BYTES: Final = 8 * 1024 * 1024  #: half of what a server takes by default


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some events as one JSON array."""

    body: bytes
    count: int
    first: int  #: how many events came before it


def read_events(file: IO[bytes], name: str) -> Iterator[bytes]:
    """Yield each event of a file: a JSON array, NDJSON, or one object on many lines.

    NDJSON is read line by line, so it may be endless.

    Args:
        file: Open for reading bytes.
        name: What to call it in errors.

    Raises:
        Malformed: It is none of these; the sentence names the line where there is one.
    """
    for number, line in enumerate(file, start=1):
        text = line.strip().removeprefix(b"\xef\xbb\xbf")
        if not text:
            continue
        if text.startswith(b"["):
            yield from _array(text + b"\n" + file.read(), name)
            return
        if _is_json(text):
            yield text
            continue
        if number == 1 or text == b"{":
            yield _whole(text + b"\n" + file.read(), name, number)
            return
        raise Malformed(f"{name} line {number} is no JSON: {_start(text)}")


def batches(
    events: Iterable[bytes],
    *,
    most_events: int = BATCH_EVENTS,
    most_bytes: int = BATCH_BYTES,
) -> Iterator[Batch]:
    """Join events into arrays; a batch has at least one event, however large.

    Args:
        events: Each valid JSON.
        most_events: In a batch, >= 1.
        most_bytes: In a batch's body, unless one event alone has more.
    """
    part: list[bytes] = []
    size = sent = 0
    for event in events:
        if part and (len(part) >= most_events or size + len(event) + 3 > most_bytes):
            yield _batch(part, sent)
            sent += len(part)
            part, size = [], 0
        part.append(event)
        size += len(event) + 1
    if part:
        yield _batch(part, sent)


def _batch(part: list[bytes], first: int) -> Batch:
    return Batch(body=b"[" + b",".join(part) + b"]", count=len(part), first=first)


def _array(text: bytes, name: str) -> list[bytes]:
    try:
        return [bytes(raw) for raw in msgspec.json.decode(text, type=list[msgspec.Raw])]
    except msgspec.DecodeError as exc:
        raise Malformed(f"{name} is no JSON array: {exc}.") from exc


def _whole(text: bytes, name: str, line: int) -> bytes:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except msgspec.DecodeError as exc:
        raise Malformed(f"{name} from line {line} is no JSON: {exc}.") from exc
    return text.strip()


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except msgspec.DecodeError:
        return False
    return True


def _start(text: bytes) -> str:
    shown = text[:60].decode("utf-8", "replace")
    return f"{shown} ..." if len(text) > 60 else shown
