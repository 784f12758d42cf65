"""One received event as one line for a person, or one for a program. Pure."""

from datetime import UTC, datetime
from typing import Final

import msgspec

from tallymill.client.escapes import escaped

_NOTHING = msgspec.Raw(b"null")


class Received(msgspec.Struct, frozen=True, gc=False):
    """What a server says of an event; what else it says is of no concern here."""

    timestamp: str  #: ISO 8601 with an offset
    data: msgspec.Raw = _NOTHING
    subject: str | None = None  #: the account
    instance: str = ""  #: hostname of the instance that took the event


#: What decoding raises, the latter two for what is nested too deep or no Unicode.
_UNREADABLE: Final = (msgspec.MsgspecError, RecursionError, UnicodeError)
_decoder = msgspec.json.Decoder(Received)


def line_of(data: str) -> str:
    """Return the line of the seed for an event.

    What is no event of ours is shown as it came, so that nothing is kept back.

    Args:
        data: JSON, as the server sends it.
    """
    try:
        event = _decoder.decode(data)
        shown = _quoted(bytes(event.data))
    except _UNREADABLE:
        return escaped(data)
    account = escaped(event.subject or "")
    when = _moment(event.timestamp)
    return f"<{when}>: [{account}]: {shown} [{escaped(event.instance)}]"


def json_of(data: str, position: str) -> str:
    """Return an event as a line of NDJSON, with the id under which it was received."""
    try:
        event = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except _UNREADABLE:
        event = {"data": msgspec.Raw(msgspec.json.encode(data))}
    value = {"position": position, **event}
    return escaped(msgspec.json.encode(value).decode())


def moment(at: datetime) -> str:
    """Return a moment in UTC, in the seed's own form.

    Raises:
        OverflowError: In UTC it is before the year 1 or after 9999.
    """
    plain = at.astimezone(UTC).replace(tzinfo=None)
    return plain.isoformat(sep=" ", timespec="milliseconds").replace(".", ":")


def _moment(timestamp: str) -> str:
    try:
        return moment(datetime.fromisoformat(timestamp))
    except (ValueError, OverflowError):
        return escaped(timestamp)


def _quoted(data: bytes) -> str:
    """Return JSON on one line; a text in it is shown with as few escapes as may be.

    Raises:
        MsgspecError: It is none.
        RecursionError: It is nested too deep.
    """
    if data.startswith(b'"'):
        return escaped(msgspec.json.encode(msgspec.json.decode(data)).decode())
    return escaped(msgspec.json.format(data, indent=-1).decode())
