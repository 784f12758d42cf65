r"""Events as JSON: what a request's body holds, and what a block of the log holds.

A good body costs one call of the decoder and a pass or two over it. Only when that
fails is it taken apart to say what is wrong with which event. Other formats are in
`ndjson` and `cloudevents`.

`data` stays the bytes that were sent: big integers, long decimals, `1e400`, repeated
keys and `\u0000` come back to the letter. Refused, because no reader could take them
up again: bytes that are no UTF-8, `NaN`, half a surrogate pair (`"\ud800"`), nesting
deeper than the limit. If an event repeats one of its own keys, the last counts; that
two events have the same `id` is no fault here.
"""

from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec

from tallymill.events.diagnosis import EVENT, diagnose, kind_of
from tallymill.events.jsontext import check_utf8, parse
from tallymill.events.model import Event, Limits
from tallymill.events.sifting import Sifted, all_good, as_single, sift, weigh, whole
from tallymill.kernel.errors import Corrupt, Fault, Invalid, TooLarge

T = TypeVar("T")

DEFAULT_LIMITS: Final = Limits()

_EVENT: Final = msgspec.json.Decoder(Event)
_EVENTS: Final = msgspec.json.Decoder(list[Event])
_VALUES: Final = msgspec.json.Decoder(list[msgspec.Raw])
_ENCODER: Final = msgspec.json.Encoder()
_COMMAS_MOST: Final = 1_000_000  #: in a body that is taken apart; 80 MB while it is


def decode_events(
    body: bytes | bytearray, *, limits: Limits = DEFAULT_LIMITS
) -> list[Event]:
    """Return the events of a body: a JSON array of them, or a single one.

    Args:
        body: Decompressed. The events' `data` are views into it, so it lives as long
            as they do; a bytearray must not be changed afterwards.
        limits: What the body and its events may weigh.

    Returns:
        The events in their order; none for `[]`.

    Raises:
        Malformed: It is no JSON, no UTF-8, or nested too deeply; the byte is named.
        TooLarge: The body or an event is over its limit.
        Invalid: Events are bad; each is listed by index, field and reason.
    """
    return whole(decode_partial(body, limits=limits), limits)


def decode_partial(
    body: bytes | bytearray, *, limits: Limits = DEFAULT_LIMITS
) -> Sifted:
    """Return the good events of a body with their places, and the bad ones.

    An event that is too large or nested too deeply is a bad one.

    Args:
        body: As for `decode_events`.
        limits: What the body and its events may weigh.

    Raises:
        Malformed: The body is no JSON or no UTF-8, or too deep to be read at all; the
            byte is named.
        TooLarge: The body is over its limit.
        Invalid: It is neither an array nor an object, or 100,000 events are bad.
    """
    check_body(body, limits)
    try:
        sifted = all_good(_fast(body))
    except (msgspec.DecodeError, RecursionError):
        sifted = _take_apart(bytes(body), limits)
    sifted = weigh(sifted, body, limits)
    if sifted.rejected and body.lstrip()[:1] == b"{":
        return as_single(sifted)
    return sifted


def encode_events(events: Sequence[Event]) -> bytes:
    """Return events as the payload of a block: a JSON array, `data` verbatim."""
    return _ENCODER.encode(events)


def decode_block(payload: bytes) -> list[Event]:
    """Return the events of a payload that `encode_events` made.

    Raises:
        Corrupt: It is none.
    """
    try:
        return _EVENTS.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Corrupt(
            f"A block of {len(payload)} bytes does not hold events: {error}. "
            "Restore it from a backup."
        ) from error


def check_body(body: bytes | bytearray, limits: Limits) -> None:
    """Let a body pass that is UTF-8 and within its limit.

    Raises:
        TooLarge: It is over the limit.
        Malformed: It is no UTF-8; the byte is named.
    """
    if len(body) > limits.body_bytes:
        raise TooLarge(
            f"The body has {len(body)} bytes; the limit is {limits.body_bytes}. "
            "Send it in parts."
        )
    check_utf8(body)


def check_commas(body: bytes, decoder: msgspec.json.Decoder[list[T]]) -> None:
    """Let a body pass that can be taken apart without taking much memory.

    Args:
        body: Valid JSON that the decoder refuses.
        decoder: Stops at the first fault.

    Raises:
        Invalid: It has too many values to look for every bad one; the first is named.
    """
    if body.count(b",") <= _COMMAS_MOST:
        return
    try:
        decoder.decode(body)
    except msgspec.ValidationError as error:
        what = f"{error}; the body is too large to look for more, send it in parts"
        raise Invalid(f"An event is bad: {what}.", faults=[Fault("", what)]) from error


def read_event(raw: msgspec.Raw) -> Event | list[Fault]:
    """Return one JSON value as an event, or all that is wrong with it."""
    try:
        return _EVENT.decode(raw)
    except msgspec.DecodeError:
        return diagnose(raw, EVENT)


def _fast(body: bytes | bytearray) -> list[Event]:
    if body[:1] == b"{":
        return [_EVENT.decode(body)]
    return _EVENTS.decode(body)


def _take_apart(body: bytes, limits: Limits) -> Sifted:
    value = parse(body, nesting=limits.nesting)
    kind = kind_of(value)
    if kind == "an object":
        return sift([(0, value)], read_event, limits)
    if kind != "an array":
        what = f"is {kind}; it must be an array of events, or one event"
        raise Invalid(f"The body {what}.", faults=[Fault("", what)])
    check_commas(body, _EVENTS)
    return sift(enumerate(_VALUES.decode(body)), read_event, limits)
