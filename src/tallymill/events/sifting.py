"""Parting the good events of a request from the bad ones.

Formats differ in how they find an event's bytes; from there on, this is what they
share: limits, and the refusal that names every bad event.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec

from tallymill.events.model import Event, Limits
from tallymill.events.nesting import first_too_deep, is_deeper
from tallymill.kernel.errors import Fault, Invalid, Malformed, Refused, TooLarge

X = TypeVar("X")
Read = Callable[[X], Event | list[Fault]]

_REJECTED_MOST: Final = 100_000  #: bad events remembered one by one; ~50 MB of them
_BESIDES_DATA: Final = 16 * 1024  #: bytes that all but `data` can take when stored
_NO_DATA: Final = msgspec.Raw()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """One bad event of a request."""

    index: int  #: its place in the request, from 0; for lines: the line, from 0
    faults: tuple[Fault, ...]  #: at least one; pointers from the request's root
    error: type[Refused] = Invalid  #: what a request is refused with for its sake


@dataclass(frozen=True, slots=True, kw_only=True)
class Sifted:
    """A request's good events with their places, and its bad ones."""

    events: list[Event]
    indexes: Sequence[int]  #: place in the request of each of `events`; rising
    rejected: list[Rejected]  #: by rising index


def all_good(events: list[Event]) -> Sifted:
    """Return events of which none was rejected, and that stand one after another."""
    return Sifted(events=events, indexes=range(len(events)), rejected=[])


def sift(places: Iterable[tuple[int, X]], read: Read[X], limits: Limits) -> Sifted:
    """Read every value and part the events from what is none.

    Args:
        places: Each value with its index.
        read: Returns the event or its faults, with pointers from the value; may raise
            Malformed for a value that is no JSON by itself.
        limits: How many faults are listed.

    Raises:
        Invalid: More are bad than one answer could name.
    """
    events: list[Event] = []
    indexes: list[int] = []
    rejected: list[Rejected] = []
    for index, value in places:
        found = _read_or_reject(index, value, read)
        if isinstance(found, Event):
            events.append(found)
            indexes.append(index)
            continue
        rejected.append(found)
        if len(rejected) == _REJECTED_MOST:
            raise refusal(rejected, limits, total=None)
    return Sifted(events=events, indexes=indexes, rejected=rejected)


def weigh(sifted: Sifted, body: bytes | bytearray, limits: Limits) -> Sifted:
    """Move events that are too large or nested too deeply to the rejected.

    Args:
        sifted: Events in the order in which their data stand in the body.
        body: Where the data came from; for naming bytes only.
        limits: What is too much.
    """
    heavy = _heavy(sifted, body, limits)
    if not heavy:
        return sifted
    kept = [place for place in range(len(sifted.events)) if place not in heavy]
    rejected = [*sifted.rejected, *heavy.values()]
    return Sifted(
        events=[sifted.events[place] for place in kept],
        indexes=[sifted.indexes[place] for place in kept],
        rejected=sorted(rejected, key=lambda one: one.index),
    )


def as_single(sifted: Sifted) -> Sifted:
    """Return the same with pointers into a body that is one event, not an array."""
    rejected = [
        Rejected(
            index=one.index,
            faults=tuple(
                Fault(fault.pointer.removeprefix(f"/{one.index}"), fault.detail)
                for fault in one.faults
            ),
            error=one.error,
        )
        for one in sifted.rejected
    ]
    return Sifted(events=sifted.events, indexes=sifted.indexes, rejected=rejected)


def whole(sifted: Sifted, limits: Limits) -> list[Event]:
    """Return the events if every one is good.

    Raises:
        Malformed: An event is no JSON, or nested too deeply.
        TooLarge: An event is over the limit.
        Invalid: Events are bad; every one is listed.
    """
    if not sifted.rejected:
        return sifted.events
    total = len(sifted.events) + len(sifted.rejected)
    raise refusal(sifted.rejected, limits, total=total)


def refusal(
    rejected: Sequence[Rejected], limits: Limits, *, total: int | None
) -> Refused:
    """Return the error that lists the bad events of a request, the gravest kind only.

    Args:
        rejected: At least one.
        limits: How many faults are listed; all are counted.
        total: Events in the request, bad ones included; None if nobody knows.
    """
    kinds = {one.error for one in rejected}
    gravest = next(kind for kind in (Malformed, TooLarge, Invalid) if kind in kinds)
    faults = [fault for one in rejected if one.error is gravest for fault in one.faults]
    count = sum(one.error is gravest for one in rejected)
    of_all = f"of {total}" if total is not None else "or more"
    first = f"{faults[0].pointer} {faults[0].detail}".strip()
    return gravest(
        f"{count} {of_all} events cannot be taken; the first fault: {first}.",
        faults=faults[: limits.faults],
        fault_count=len(faults),
    )


def _read_or_reject(index: int, value: X, read: Read[X]) -> Event | Rejected:
    try:
        found = read(value)
    except Malformed as error:
        return Rejected(index=index, faults=_at(index, error.faults), error=Malformed)
    if isinstance(found, Event):
        return found
    return Rejected(index=index, faults=_at(index, found))


def _at(index: int, faults: Sequence[Fault]) -> tuple[Fault, ...]:
    return tuple(Fault(f"/{index}{one.pointer}", one.detail) for one in faults)


def _heavy(
    sifted: Sifted, body: bytes | bytearray, limits: Limits
) -> dict[int, Rejected]:
    """Return those over a limit by their place among the events."""
    found: dict[int, Rejected] = {}
    searched = 0
    for place in _suspects(sifted.events, limits):
        event = sifted.events[place]
        index = sifted.indexes[place]
        size = _size(event, limits)
        if size > limits.event_bytes:
            detail = f"has {size} bytes; the limit is {limits.event_bytes}"
            found[place] = _overweight(f"/{index}", detail, index, TooLarge)
            continue
        data = bytes(_data(event))
        if not is_deeper(data, limits.nesting):
            continue
        detail = f"is nested deeper than {limits.nesting} levels"
        if len(found) < limits.faults:  # finding the byte is slow
            start = max(0, body.find(data, searched))
            searched = start + len(data)
            at = start + first_too_deep(data, limits.nesting)
            detail = f"{detail} at byte {at}"
        found[place] = _overweight(f"/{index}/data", detail, index, Malformed)
    return found


def _overweight(
    pointer: str, detail: str, index: int, error: type[Refused]
) -> Rejected:
    return Rejected(index=index, faults=(Fault(pointer, detail),), error=error)


def _suspects(events: list[Event], limits: Limits) -> Sequence[int]:
    """Return the places of events that have data enough to be too large or too deep."""
    enough = min(2 * limits.nesting, limits.event_bytes - _BESIDES_DATA)
    try:
        # The hot path: this line is all that the limits cost for small events.
        if not [0 for event in events if len(event.data) > enough]:  # type: ignore[arg-type]  # UNSET raises
            return ()
    except TypeError:  # an event without data
        pass
    return [place for place, event in enumerate(events) if len(_data(event)) > enough]


def _data(event: Event) -> msgspec.Raw:
    return _NO_DATA if isinstance(event.data, msgspec.UnsetType) else event.data


def _size(event: Event, limits: Limits) -> int:
    size = len(_data(event))
    if size + _BESIDES_DATA <= limits.event_bytes:
        return size
    return len(msgspec.json.encode(event))
