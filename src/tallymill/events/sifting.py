"""Parting the good events of a request from the bad ones.

Formats differ in how they find an event's bytes; from there on, this is what they
share: limits, diagnosis, and the refusal that names every bad event.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from tallymill.events.jsontext import malformed
from tallymill.events.model import Event, Limits
from tallymill.events.nesting import first_too_deep, is_deeper
from tallymill.kernel.errors import Fault, Invalid, TooLarge

_REJECTED_MOST: Final = 100_000  #: bad events remembered one by one; ~50 MB of them
_BESIDES_DATA: Final = 16 * 1024  #: bytes that all but `data` can take when stored

Read = Callable[[msgspec.Raw], Event | list[Fault]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """One bad event of a request."""

    index: int  #: its place in the request, from 0; for lines: the line, from 0
    faults: tuple[Fault, ...]  #: at least one; pointers from the request's root
    too_large: bool = False  #: its only fault is its size


@dataclass(frozen=True, slots=True, kw_only=True)
class Sifted:
    """A request's good events with their places, and its bad ones."""

    events: list[Event]
    indexes: Sequence[int]  #: place in the request of each of `events`
    rejected: list[Rejected]


def sift(places: Iterable[tuple[int, msgspec.Raw]], read: Read) -> Sifted:
    """Read every value and part the events from what is none.

    Raises:
        Invalid: More are bad than one answer could name.
    """
    events: list[Event] = []
    indexes: list[int] = []
    rejected: list[Rejected] = []
    for index, raw in places:
        found = read(raw)
        if isinstance(found, Event):
            events.append(found)
            indexes.append(index)
            continue
        rejected.append(Rejected(index=index, faults=_placed(found, index)))
        if len(rejected) > _REJECTED_MOST:
            raise refusal(rejected, len(events) + len(rejected), more=True)
    return Sifted(events=events, indexes=indexes, rejected=rejected)


def weigh(sifted: Sifted, body: bytes | bytearray, limits: Limits) -> Sifted:
    """Move events that are too large to the rejected.

    Raises:
        Malformed: An event's data is nested too deeply; the byte is named.
    """
    large = _large(sifted, body, limits)
    if not large:
        return sifted
    kept = [place for place in range(len(sifted.events)) if place not in large]
    rejected = [*sifted.rejected, *large.values()]
    return Sifted(
        events=[sifted.events[place] for place in kept],
        indexes=[sifted.indexes[place] for place in kept],
        rejected=sorted(rejected, key=lambda one: one.index),
    )


def whole(sifted: Sifted) -> list[Event]:
    """Return the events if every one is good.

    Raises:
        TooLarge: An event is over the limit; it is named.
        Invalid: Events are bad; every one is listed.
    """
    if not sifted.rejected:
        return sifted.events
    total = len(sifted.events) + len(sifted.rejected)
    raise refusal(sifted.rejected, total)


def refusal(
    rejected: Sequence[Rejected], total: int, *, more: bool = False
) -> Invalid | TooLarge:
    """Return the error that lists the bad events of a request."""
    large = next((one for one in rejected if one.too_large), None)
    if large is not None:
        fault = large.faults[0]
        return TooLarge(
            f"The event at index {large.index} {fault.detail}.", faults=[fault]
        )
    faults = [fault for one in rejected for fault in one.faults]
    events = "event is" if len(rejected) == 1 else "events are"
    at_least = "More than " if more else ""
    return Invalid(
        f"{at_least}{len(rejected)} of {total} {events} not as they must be; "
        f"the first is at index {rejected[0].index}: "
        f"{faults[0].pointer} {faults[0].detail}.",
        faults=faults,
    )


def _large(
    sifted: Sifted, body: bytes | bytearray, limits: Limits
) -> dict[int, Rejected]:
    """Return those over the size limit by their place among the events."""
    found: dict[int, Rejected] = {}
    shallow = 2 * limits.nesting  # each level takes an opening and a closing byte
    for place, event in enumerate(sifted.events):
        data = event.data
        if not isinstance(data, msgspec.Raw) or len(data) <= shallow:
            continue
        size = _size(event, len(data), limits)
        if size > limits.event_bytes:
            index = sifted.indexes[place]
            detail = f"has {size} bytes; the limit is {limits.event_bytes}"
            fault = Fault(f"/{index}", detail)
            found[place] = Rejected(index=index, faults=(fault,), too_large=True)
            continue
        _check_nesting(bytes(data), body, limits)
    return found


def _size(event: Event, data_bytes: int, limits: Limits) -> int:
    if data_bytes + _BESIDES_DATA <= limits.event_bytes:
        return data_bytes
    return len(msgspec.json.encode(event))


def _check_nesting(data: bytes, body: bytes | bytearray, limits: Limits) -> None:
    if not is_deeper(data, limits.nesting):
        return
    at = body.find(data) + first_too_deep(data, limits.nesting)
    what = f"data is nested deeper than {limits.nesting} levels"
    raise malformed(bytes(body), what, at)


def _placed(faults: list[Fault], index: int) -> tuple[Fault, ...]:
    return tuple(Fault(f"/{index}{one.pointer}", one.detail) for one in faults)
