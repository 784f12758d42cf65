"""What makes a text no JSON, and at which byte.

The decoders call this on their way out only, except for `check_utf8`, which every
body passes: raw values are not looked into by the decoder.
"""

import re
from typing import Final

import msgspec

from tallymill.events.nesting import first_too_deep
from tallymill.kernel.errors import Fault, Malformed

_BYTE: Final = re.compile(r"^(?:JSON is malformed: )?(.*) \(byte (\d+)\)$")
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_SURROGATE_REACH: Final = 14  #: bytes between its backslash and the byte named
_VALUE: Final = msgspec.json.Decoder(msgspec.Raw)


def check_utf8(body: bytes | bytearray) -> None:
    """Let a body pass if it is UTF-8.

    Raises:
        Malformed: It is not; the byte is named.
    """
    if body.isascii():
        return
    try:
        str(body, "utf-8")
    except UnicodeDecodeError as error:
        what = f"0x{body[error.start]:02x} is not valid UTF-8 here"
        raise malformed(what, *place(bytes(body), error.start)) from error


def parse(body: bytes, *, nesting: int) -> msgspec.Raw:
    """Return a body as one JSON value, unread but certain to be JSON.

    Args:
        body: UTF-8.
        nesting: Levels allowed; only for the words of a refusal.

    Raises:
        Malformed: It is not JSON, or nested beyond what can be read.
    """
    fault = find_fault(body, nesting=nesting)
    if fault is not None:
        what, at = fault
        raise malformed(what, *place(body, at))
    return _VALUE.decode(body)


def find_fault(text: bytes, *, nesting: int) -> tuple[str, int] | None:
    """Return what makes a text no JSON and at which byte, from 0; None if it is JSON.

    Args:
        text: UTF-8.
        nesting: Levels allowed in an event's data; only for the words of a refusal.
    """
    try:
        _VALUE.decode(text)
    except msgspec.DecodeError as error:
        return _reason(text, str(error))
    except RecursionError:
        around = 2 if text.lstrip()[:1] == b"[" else 1  # the array, and the event
        at = first_too_deep(text, nesting + around)
        return f"data is nested deeper than {nesting} levels", max(at, 0)
    return None


def place(body: bytes, at: int) -> tuple[int, int, int]:
    """Return a byte's offset from 0, and its line and column from 1."""
    line = body.count(b"\n", 0, at) + 1
    return at, line, at - body.rfind(b"\n", 0, at)


def malformed(what: str, at: int, line: int, column: int) -> Malformed:
    """Return the refusal of a body for what stands at one byte of it."""
    reason = f"{what}, at byte {at} (line {line}, column {column})"
    return Malformed(
        f"The body cannot be read as JSON: {reason}.", faults=[Fault("", reason)]
    )


def _reason(text: bytes, said: str) -> tuple[str, int]:
    found = _BYTE.match(said)
    if found is None:
        return _plainer(text, len(text)) or "it ends too early", len(text)
    what, at = found[1], int(found[2])
    if what == "trailing characters":  # the decoder names the byte after the first
        return "there is something after its end", at - 1
    return _plainer(text, at) or what, at


def _plainer(text: bytes, at: int) -> str | None:
    if not text.strip():
        return "it is empty; send an array of events"
    if text.startswith(b"\xef\xbb\xbf"):
        return "it begins with a byte order mark; leave it out"
    for word in (b"NaN", b"Infinity"):
        if text.startswith(word, at):
            return f"{word.decode()} is no JSON value"
    escape = _SURROGATE.search(text, max(0, at - _SURROGATE_REACH), at + 6)
    if escape is None:
        return None
    return f"{escape[0].decode()} is half of a surrogate pair and no character"
