"""Events as NDJSON: one to a line, each line a JSON document of its own.

Lines are decoded one by one. A decoder for many lines at once also takes two events on
one line or one on two, and lines joined into an array can make good JSON out of three
bad ones.

Indexes and pointers count lines from 0, blank ones included, so that they find the
line in the sender's file.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from tallymill.events.codec import DEFAULT_LIMITS, check_body, read_event
from tallymill.events.jsontext import find_fault, malformed
from tallymill.events.model import Event, Limits
from tallymill.events.sifting import Sifted, all_good, refusal, sift, weigh, whole
from tallymill.kernel.errors import Fault, Malformed

_EVENT: Final = msgspec.json.Decoder(Event)
_BLANK: Final = b" \t\r"


@dataclass(frozen=True, slots=True)
class _Line:
    number: int  #: from 1
    start: int  #: byte of the body at which it begins
    text: bytes


def decode_ndjson(
    body: bytes | bytearray, *, limits: Limits = DEFAULT_LIMITS
) -> list[Event]:
    """Return the events of a body with one event to a line.

    Args:
        body: Decompressed. Blank lines are passed over; lines end in LF or CRLF.
        limits: What the body and its events may weigh.

    Raises:
        Malformed: Lines are no JSON, no UTF-8, or nested too deeply; bytes are named.
        TooLarge: The body or an event is over its limit.
        Invalid: Events are bad; each is listed by line, field and reason.
    """
    return whole(_decode(body, limits), limits)


def decode_ndjson_partial(
    body: bytes | bytearray, *, limits: Limits = DEFAULT_LIMITS
) -> Sifted:
    """Return the good events of a body with their lines, and the bad ones.

    A line that is no JSON is a bad event here, since the next line begins anew.

    Raises:
        Malformed: The body is no UTF-8, or has lines but none of them is JSON.
        TooLarge: The body is over its limit.
        Invalid: 100,000 lines are bad.
    """
    sifted = _decode(body, limits)
    broken = sum(one.error is Malformed for one in sifted.rejected)
    if broken and broken == len(sifted.rejected) and not sifted.events:
        raise refusal(sifted.rejected, limits, total=broken)
    return sifted


def _decode(body: bytes | bytearray, limits: Limits) -> Sifted:
    check_body(body, limits)
    found = _at_once(body)
    if found is not None:
        return weigh(all_good(found), body, limits)
    lines = bytes(body).split(b"\n")
    if not lines[-1].strip(_BLANK):
        lines.pop()  # what follows the last line's end, or an empty body
    decode = _EVENT.decode
    try:
        events = [decode(line) for line in lines]
    except (msgspec.DecodeError, RecursionError):  # or a blank line among them
        sifted = sift(_numbered(lines), lambda line: _read(line, limits), limits)
        return weigh(sifted, body, limits)
    return weigh(all_good(events), body, limits)


def _at_once(body: bytes | bytearray) -> list[Event] | None:
    """Return the events of a body of plain lines; None if it takes a closer look.

    The lines need not be parted, which takes twice the body, nor the data copied.
    """
    count = body.count(b"\n") + (not body.endswith(b"\n"))
    # The decoder takes a line's end for any other blank. But between a brace that
    # closes and one that opens it can only part two values; so as many values as lines
    # are one to a line.
    if body.count(b"}\n{") != count - 1:
        return None
    try:
        events = _EVENT.decode_lines(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    return events if len(events) == count else None


def _numbered(lines: list[bytes]) -> Iterator[tuple[int, _Line]]:
    start = 0
    for index, text in enumerate(lines):
        if text.strip(_BLANK):
            yield index, _Line(index + 1, start, text)
        start += len(text) + 1


def _read(line: _Line, limits: Limits) -> Event | list[Fault]:
    fault = find_fault(line.text, nesting=limits.nesting)
    if fault is None:
        return read_event(msgspec.Raw(line.text.strip(_BLANK)))
    what, at = fault
    raise malformed(f"is no JSON: {what}", line.start + at, line.number, at + 1)
