"""Everything that is wrong with one JSON object, field by field.

The decoders stop at the first fault; this finds them all, and reads what only the slow
path reads (the rarer timestamps). Called only for what the fast path refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, TypeVar

import msgspec

from tallymill.events.model import ID_MOST, SUBJECT_MOST, Event
from tallymill.events.timestamps import EXAMPLE, BadTimestamp, read_timestamp
from tallymill.kernel.errors import Fault, pointer_to

T = TypeVar("T")
Reader = Callable[[msgspec.Raw], object]

_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANY: Final = msgspec.json.Decoder()
_FAULTS_MOST: Final = 100  #: of one event; it could have a million wrong keys
_SHOWN: Final = 64  #: characters of a name that are repeated to the sender


class Wrong(ValueError):
    """What a reader says of a value that it does not take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape(Generic[T]):
    """What an object must look like, and what is made of it."""

    build: Callable[..., T]
    readers: Mapping[str, Reader]  #: one for each known key
    required: Mapping[str, str]  #: key to what to do when it is missing
    other_keys: str | None  #: why another key is refused; None takes any


def diagnose(raw: msgspec.Raw, shape: Shape[T]) -> T | list[Fault]:
    """Return what a value is read as, or all that is wrong with it.

    Args:
        raw: One valid JSON value.
        shape: What it should be.

    Returns:
        The value built, or its faults (1 to 100) with pointers from the value.
    """
    try:
        given = _OBJECT.decode(raw)
    except msgspec.ValidationError:
        return [Fault("", f"is {kind_of(raw)}; it must be an object")]
    values: dict[str, object] = {}
    faults = [
        Fault(pointer_to(key), f"is missing; {advice}")
        for key, advice in shape.required.items()
        if key not in given
    ]
    for key, value in given.items():
        if len(faults) >= _FAULTS_MOST:
            break
        try:
            values.update(_read(key, value, shape))
        except Wrong as wrong:
            faults.append(Fault(pointer_to(_cut(key)), str(wrong)))
    return faults or shape.build(**values)


def text(least: int, most: int | None) -> Reader:
    """Return a reader of strings of so many characters."""
    allowed = f"{least} to {most} characters" if most else f"at least {least} character"

    def read(raw: msgspec.Raw) -> str:
        value = _string(raw)
        if len(value) < least or len(value) > (most or len(value)):
            raise Wrong(f"has {len(value)} characters; it must have {allowed}")
        return value

    return read


def optional(reader: Reader) -> Reader:
    """Return a reader that takes `null` for "not there" besides what `reader` takes."""

    def read(raw: msgspec.Raw) -> object:
        return None if bytes(raw) == b"null" else reader(raw)

    return read


def moment(raw: msgspec.Raw) -> datetime:
    """Read a timestamp in any of its forms."""
    given = _string(raw, example=f", such as {EXAMPLE!r}")
    try:
        return read_timestamp(given)
    except BadTimestamp as bad:
        raise Wrong(str(bad)) from bad


def verbatim(raw: msgspec.Raw) -> msgspec.Raw:
    """Keep the value as the bytes that were sent."""
    return raw


def kind_of(raw: msgspec.Raw) -> str:
    """Return what kind of JSON value this is, with its article."""
    first = bytes(raw)[:1]
    kinds = {b'"': "a string", b"{": "an object", b"[": "an array", b"n": "null"}
    return kinds.get(first) or ("a boolean" if first in b"tf" else "a number")


EVENT: Final = Shape(
    build=Event,
    readers={
        "timestamp": moment,
        "data": verbatim,
        "id": optional(text(1, ID_MOST)),
        "subject": optional(text(1, SUBJECT_MOST)),
    },
    required={"timestamp": f"give it a date and time such as {EXAMPLE!r}"},
    other_keys="is not a key of an event; the keys are timestamp, data, id and subject",
)


def _read(key: str, value: msgspec.Raw, shape: Shape[T]) -> dict[str, object]:
    reader = shape.readers.get(key)
    if reader is not None:
        return {key: reader(value)}
    if shape.other_keys is not None:
        raise Wrong(shape.other_keys)
    return {}


def _string(raw: msgspec.Raw, *, example: str = "") -> str:
    if bytes(raw)[:1] != b'"':
        raise Wrong(f"is {kind_of(raw)}; it must be a string{example}")
    return str(_ANY.decode(raw))


def _cut(key: str) -> str:
    return key if len(key) <= _SHOWN else key[:_SHOWN] + "…"
