"""What makes a body no JSON, and at which byte.

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
        raise malformed(bytes(body), what, error.start) from error


def not_json(body: bytes, error: msgspec.DecodeError) -> Malformed:
    """Return the refusal of a body that the decoder found to be no JSON."""
    found = _BYTE.match(str(error))
    at = int(found[2]) if found else len(body)
    what = found[1] if found else "it ends too early"
    return malformed(body, _plainer(body, at) or what, at)


def too_deep(body: bytes, *, limit: int, allowance: int) -> Malformed:
    """Return the refusal of a body that is nested too deeply.

    Args:
        body: The text; need not be valid after the byte in question.
        limit: Levels allowed within an event's data.
        allowance: Levels around the data: 2 in an array of events, 1 in one event.
    """
    at = first_too_deep(body, limit + allowance)
    return malformed(body, f"data is nested deeper than {limit} levels", max(at, 0))


def malformed(body: bytes, what: str, at: int) -> Malformed:
    """Return the refusal of a body for what stands at one byte of it, from 0."""
    line = body.count(b"\n", 0, at) + 1
    column = at - body.rfind(b"\n", 0, at)
    place = f"at byte {at} (line {line}, column {column})"
    return Malformed(
        f"The body cannot be read as JSON: {what}, {place}.",
        faults=[Fault("", f"{what}, {place}")],
    )


def _plainer(body: bytes, at: int) -> str | None:
    if not body.strip():
        return "it is empty; send an array of events"
    if body.startswith(b"\xef\xbb\xbf"):
        return "it begins with a byte order mark; leave it out"
    for word in (b"NaN", b"Infinity"):
        if body.startswith(word, at):
            return f"{word.decode()} is no JSON value"
    escape = _SURROGATE.search(body, max(0, at - _SURROGATE_REACH), at + 6)
    if escape is None:
        return None
    return f"{escape[0].decode()} is half of a surrogate pair and no character"
