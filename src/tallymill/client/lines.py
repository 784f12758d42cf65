"""One received event as one line for a person, or one for a program. Pure."""

from datetime import UTC, datetime

import msgspec

from tallymill.client.escapes import escaped

_NOTHING = msgspec.Raw(b"null")


class Received(msgspec.Struct, frozen=True, gc=False):
    """What a server says of an event; what else it says is of no concern here."""

    timestamp: str  #: ISO 8601 with an offset
    data: msgspec.Raw = _NOTHING
    subject: str | None = None  #: the account
    instance: str = ""  #: hostname of the instance that took the event


_decoder = msgspec.json.Decoder(Received)


def line_of(data: str) -> str:
    """Return the line of the seed for an event.

    What is no event of ours is shown as it came, so that nothing is kept back.

    Args:
        data: JSON, as the server sends it.
    """
    try:
        event = _decoder.decode(data)
    except msgspec.MsgspecError:
        return escaped(data)
    account = escaped(event.subject or "")
    return (
        f"<{_moment(event.timestamp)}>: [{account}]: {_quoted(bytes(event.data))} "
        f"[{escaped(event.instance)}]"
    )


def json_of(data: str, position: str) -> str:
    """Return an event as a line of NDJSON, with the id under which it was received."""
    try:
        event = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError:
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
    """Return JSON on one line; a text in it is shown with as few escapes as may be."""
    try:
        if data.startswith(b'"'):
            data = msgspec.json.encode(msgspec.json.decode(data, type=str))
        else:
            data = msgspec.json.format(data, indent=-1)
    except (msgspec.MsgspecError, UnicodeError):
        # Such as half of a surrogate pair: valid JSON, but no text that can be encoded.
        return escaped(data.decode("utf-8", "replace"))
    return escaped(data.decode("utf-8", "replace"))
