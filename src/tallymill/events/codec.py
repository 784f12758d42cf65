r"""Events as JSON: what a request's body holds, and what a block of the log holds.

A good body costs one call of the decoder and a few passes over its bytes. Only when
that fails is it taken apart to say what is wrong with which event. Other formats are
in `ndjson` and `cloudevents`.

`data` stays the bytes that were sent: big integers, long decimals, `1e400`, repeated
keys and `\u0000` come back to the letter. Refused, because no reader could take them
up again: bytes that are no UTF-8, `NaN`, half a surrogate pair (`"\ud800"`), nesting
deeper than the limit. If an event repeats one of its own keys, the last counts.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from tallymill.events.diagnosis import EVENT, diagnose, kind_of
from tallymill.events.jsontext import check_utf8, not_json, too_deep
from tallymill.events.model import Event, Limits
from tallymill.events.sifting import Sifted, sift, weigh, whole
from tallymill.kernel.errors import Corrupt, Fault, Invalid, TooLarge

DEFAULT_LIMITS: Final = Limits()

_EVENT: Final = msgspec.json.Decoder(Event)
_EVENTS: Final = msgspec.json.Decoder(list[Event])
_VALUE: Final = msgspec.json.Decoder(msgspec.Raw)
_VALUES: Final = msgspec.json.Decoder(list[msgspec.Raw])
_ENCODER: Final = msgspec.json.Encoder()
_WINDOW_SHARE: Final = 2  #: windows this often into the event limit; see `_is_flat`
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
    return whole(_decode(body, limits))


def decode_partial(
    body: bytes | bytearray, *, limits: Limits = DEFAULT_LIMITS
) -> Sifted:
    """Return the good events of a body with their places, and the bad ones.

    Args:
        body: As for `decode_events`.
        limits: What the body and its events may weigh; an event that is over its own
            limit is rejected, nothing else is.

    Raises:
        Malformed: As for `decode_events`: one bad byte leaves no event certain.
        TooLarge: The body is over its limit.
        Invalid: It is neither an array nor an object, or more than 100,000 are bad.
    """
    return _decode(body, limits)


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


def check_body_size(body: bytes | bytearray, limits: Limits) -> None:
    """Let a body pass if it is within its limit.

    Raises:
        TooLarge: It is not.
    """
    if len(body) > limits.body_bytes:
        raise TooLarge(
            f"The body has {len(body)} bytes; the limit is {limits.body_bytes}. "
            "Send it in parts."
        )


def parse(body: bytes, *, limits: Limits) -> msgspec.Raw:
    """Return a body as one JSON value, unread but certain to be JSON.

    Raises:
        Malformed: It is not JSON, or nested beyond what can be read.
    """
    try:
        return _VALUE.decode(body)
    except msgspec.DecodeError as error:
        raise not_json(body, error) from error
    except RecursionError as error:
        around = 2 if body.lstrip()[:1] == b"[" else 1
        raise too_deep(body, limit=limits.nesting, allowance=around) from error


def _decode(body: bytes | bytearray, limits: Limits) -> Sifted:
    check_body_size(body, limits)
    check_utf8(body)
    try:
        events = _fast(body)
    except (msgspec.DecodeError, RecursionError):
        return weigh(_take_apart(bytes(body), limits), body, limits)
    sifted = Sifted(events=events, indexes=range(len(events)), rejected=[])
    return (
        sifted if _is_flat(body, len(events), limits) else weigh(sifted, body, limits)
    )


def _fast(body: bytes | bytearray) -> list[Event]:
    if body[:1] == b"{":
        return [_EVENT.decode(body)]
    return _EVENTS.decode(body)


def _is_flat(body: bytes | bytearray, count: int, limits: Limits) -> bool:
    """Say whether it is certain that no event is too deep or too large.

    With one bracket for the array and one brace for each event, data has none; then an
    event reaches from its brace to the next, and none is too large if every stretch of
    half the limit has one. Searching stops at the first hit and is cheaper than counting.
    """
    if body.find(b"[", body.find(b"[") + 1) >= 0 or body.count(b"{") != count:
        return False
    step = limits.event_bytes // _WINDOW_SHARE
    return all(
        body.find(b"{", start, start + step) >= 0
        for start in range(0, len(body) - step, step)
    )


def _take_apart(body: bytes, limits: Limits) -> Sifted:
    value = parse(body, limits=limits)
    kind = kind_of(value)
    if kind == "an object":
        return sift([(0, value)], _read)
    if kind != "an array":
        what = f"is {kind}; it must be an array of events, or one event"
        raise Invalid(f"The body {what}.", faults=[Fault("", what)])
    check_commas(body)
    return sift(enumerate(_VALUES.decode(body)), _read)


def check_commas(body: bytes) -> None:
    """Let a body pass that can be taken apart without taking much memory.

    Raises:
        Invalid: It has too many values to look for every bad one; the first is named.
    """
    if body.count(b",") <= _COMMAS_MOST:
        return
    try:
        _EVENTS.decode(body)
    except msgspec.ValidationError as error:
        what = f"{error}; the body is too large to look for more, send it in parts"
        raise Invalid(f"An event is bad: {what}.", faults=[Fault("", what)]) from error


def _read(raw: msgspec.Raw) -> Event | list[Fault]:
    try:
        return _EVENT.decode(raw)
    except msgspec.DecodeError:
        return diagnose(raw, EVENT)
