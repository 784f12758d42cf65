"""What an event is, what it may weigh, and what a stream may be called.

Values only: the codecs read and write them, `sharding` places them, the log keeps them.
Nothing here knows JSON, HTTP or a database.
"""

import string
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, NewType

import msgspec

from tallymill.kernel.errors import Fault, Invalid

ShardId = NewType("ShardId", int)  #: 0 to `shards` - 1

DEFAULT_STREAM: Final = "events"
ID_MOST: Final = 255  #: characters
SUBJECT_MOST: Final = 1024  #: characters; room for a URL, and still cheap to hash
STREAM_MOST: Final = 128  #: characters
STREAM_CHARACTERS: Final = frozenset(string.ascii_letters + string.digits + "_-.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a request may hold; the defaults are the contract's."""

    body_bytes: int = 16 * 1024 * 1024  #: of the decompressed body
    event_bytes: int = 256 * 1024  #: of one event as it was sent
    nesting: int = 128  #: levels within an event's data; [] is one level
    faults: int = 100  #: listed in a refusal; all of them are counted


class Event(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    gc=False,  # holds no reference to another event, so it can be in no cycle
):
    """Something that happened.

    `data` is kept as the bytes that were sent and may be a view into the request's
    body, which lives as long as the event does; `msgspec.json.decode(event.data)`
    reads it. `UNSET` means that the event has none, which is not the same as `null`.
    """

    timestamp: Annotated[datetime, msgspec.Meta(tz=True)]  #: with the offset as sent
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET  #: valid UTF-8 JSON
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=ID_MOST)] | None = None
    subject: (
        Annotated[str, msgspec.Meta(min_length=1, max_length=SUBJECT_MOST)] | None
    ) = None  #: what it is about: an account, a device; decides the shard


def check_stream(name: str) -> str:
    """Return a stream's name if it may be one.

    Args:
        name: 1 to 128 of the ASCII letters, digits, `_`, `-` and `.`.

    Raises:
        Invalid: The name is empty, too long, or has another character in it.
    """
    if not name:
        raise _invalid_stream("is empty; give it 1 to 128 characters")
    if len(name) > STREAM_MOST:
        raise _invalid_stream(f"has {len(name)} characters; at most {STREAM_MOST}")
    for position, character in enumerate(name, start=1):
        if character not in STREAM_CHARACTERS:
            raise _invalid_stream(
                f"{name!r} has {character!r} as character {position}; "
                "use letters, digits, '_', '-' and '.'"
            )
    return name


def _invalid_stream(what: str) -> Invalid:
    return Invalid(f"The stream's name {what}.", faults=[Fault("stream", what)])
