"""Time zones as a line of segments with one UTC offset each.

`zoneinfo` answers "which offset now" but not "when does it change next", which is all
that daylight saving is about. A `Timeline` finds the changes once and remembers them.
Times here are whole seconds: `instant` since 1970 UTC, `wall` since the day before
0001-01-01 as a clock on the wall would count them, so that `wall // 86400` is
`date.toordinal()`.
"""

import difflib
import re
import zoneinfo
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tallymill.kernel.errors import Fault, Invalid

DAY_S = 86_400
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_WALL_S = EPOCH.toordinal() * DAY_S  #: `wall` of 1970-01-01T00:00

# What `datetime` can say in every zone; offsets beyond are those of the last such day.
FIRST_S = -62_135_424_000  #: 0001-01-03
LAST_S = 253_402_128_000  #: 9999-12-30

#: Pieces that a timeline remembers: 68 years, 50 KB; anyone may ask for a thousand.
PIECES_MOST = 256
_CHUNK_S = 1 << 23  # 97 days: small enough to look through in 0.1 ms
# Since 1970 no zone of tzdata 2026 changes twice within six days.
_PROBE_S = 2 * DAY_S
_NAME = re.compile(r"[A-Za-z0-9_+\-]+(/[A-Za-z0-9_+\-]+)*")


class Segment(NamedTuple):
    """A stretch of time with one UTC offset.

    Where nothing changes it may be cut, but never within a day after a change: what a
    clock put back repeats belongs to one segment.
    """

    start: int  #: first instant, seconds
    end: int  #: first instant that is no longer of it, seconds
    shift: int  #: wall = instant + shift, seconds
    before: int  #: the shift just before `start`; equal to `shift` without a change


class Timeline:
    """The offsets of one zone, looked up in pieces and remembered."""

    __slots__ = ("_offsets", "_pieces", "zone")

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self._pieces: dict[int, tuple[Segment, ...]] = {}
        self._offsets: dict[int, timezone] = {}

    def at(self, instant: int) -> Segment:
        """Return the segment that holds the instant."""
        index = instant // _CHUNK_S
        piece = self._pieces.get(index)
        if piece is None:
            piece = self._survey(index)
            if len(self._pieces) >= PIECES_MOST:
                # A new one rather than `clear`: other threads may be reading the old.
                self._pieces = {}
            self._pieces[index] = piece
        for segment in piece:
            if instant < segment.end:
                return segment
        raise AssertionError(f"no segment holds {instant}")

    def instants_of(self, wall: int) -> tuple[int, ...]:
        """Return the instants at which the clock shows `wall`: none, one or two."""
        found = []
        segment = self.at(wall - EPOCH_WALL_S - 2 * DAY_S)
        while segment.start + segment.before <= wall + 2 * DAY_S:
            if segment.start + segment.shift <= wall < segment.end + segment.shift:
                found.append(wall - segment.shift)
            segment = self.at(segment.end)
        return tuple(dict.fromkeys(found))

    def end_of_gap(self, wall: int) -> int:
        """Return the first instant at which the clock has passed `wall`."""
        segment = self.at(wall - EPOCH_WALL_S - 2 * DAY_S)
        while segment.end + segment.shift <= wall:
            segment = self.at(segment.end)
        return max(segment.start, wall - segment.shift)

    def moment_of(self, local: datetime) -> datetime:
        """Return the moment that a naive datetime names in this zone.

        The first of two if the clocks repeat it; the end of the gap if they skip it.
        """
        wall = wall_of(local)
        instants = self.instants_of(wall)
        if not instants:
            return self.moment(self.end_of_gap(wall))
        part = timedelta(microseconds=local.microsecond)
        return self.moment(instants[0]) + part

    def moment(self, instant: int) -> datetime:
        """Return the aware datetime of an instant, with the offset of this zone.

        The offset is a fixed one and not the zone itself: Python compares, adds to and
        subtracts datetimes of one zone by the wall clock, and loses which copy of a
        repeated hour was meant. With a fixed offset all of that is true to time.
        """
        shift = self.at(instant).shift
        offset = self._offsets.get(shift)
        if offset is None:
            offset = timezone(timedelta(seconds=shift - EPOCH_WALL_S))
            self._offsets[shift] = offset
        return datetime.fromtimestamp(instant, offset)

    def _survey(self, index: int) -> tuple[Segment, ...]:
        start, end = index * _CHUNK_S, (index + 1) * _CHUNK_S
        opened, before, shift = self._opening(start)
        segments = []
        known = start
        for probe in range(start + _PROBE_S, end + _PROBE_S, _PROBE_S):
            last = min(probe, end - 1)
            if self._shift(last) != shift:
                changed = self._change(known, last, shift)
                segments.append(Segment(opened, changed, shift, before))
                opened, before, shift = changed, shift, self._shift(changed)
            known = last
        segments.append(Segment(opened, end, shift, before))
        return tuple(segments)

    def _opening(self, start: int) -> tuple[int, int, int]:
        """Return since when the offset at `start` holds, what was before, and itself.

        Looks back one day: of an older change nothing is repeated any more.
        """
        shift, before = self._shift(start), self._shift(start - DAY_S)
        if shift == before:
            return start, shift, shift
        return self._change(start - DAY_S, start, before), before, shift

    def _change(self, low: int, high: int, shift: int) -> int:
        """Return the first instant in (low, high] at which `shift` no longer holds."""
        while high - low > 1:
            middle = (low + high) // 2
            if self._shift(middle) == shift:
                low = middle
            else:
                high = middle
        return high

    def _shift(self, instant: int) -> int:
        known = min(max(instant, FIRST_S), LAST_S)
        moment = EPOCH + timedelta(seconds=known)
        offset = moment.astimezone(self.zone).utcoffset() or timedelta(0)
        return offset.days * DAY_S + offset.seconds + EPOCH_WALL_S


@lru_cache(maxsize=1024)
def timeline_of(name: str) -> Timeline:
    """Return the timeline of an IANA zone; one object a zone, kept.

    Raises:
        Invalid: No zone has this name; the nearest that exists is named.
    """
    # ZoneInfo takes paths, so that "../x" would leave the folder of zones.
    if _NAME.fullmatch(name) is None:
        raise _unknown(name)
    try:
        return Timeline(ZoneInfo(name))
    except (KeyError, ValueError, OSError) as exc:
        raise _unknown(name) from exc


def seconds_of(moment: datetime) -> int:
    """Return the whole seconds since 1970 of an aware moment, rounded down."""
    elapsed = moment - EPOCH
    return elapsed.days * DAY_S + elapsed.seconds


def wall_of(local: datetime) -> int:
    """Return the wall time that a naive datetime names, rounded down."""
    second = local.hour * 3600 + local.minute * 60 + local.second
    return local.toordinal() * DAY_S + second


def _unknown(name: str) -> Invalid:
    near = _nearest_zone(name)
    hint = f"did you mean {near!r}?" if near else "write one such as 'Asia/Kolkata'"
    fault = Fault("/timezone", f"{name[:80]!r} is no time zone that is known; {hint}")
    return Invalid(fault.detail, faults=[fault])


@lru_cache(maxsize=1)
def _known_zones() -> dict[str, str]:
    return {name.casefold(): name for name in sorted(zoneinfo.available_timezones())}


def _nearest_zone(name: str) -> str | None:
    known = _known_zones()
    wanted = name.casefold().strip().replace(" ", "_")[:80]
    if wanted in known:
        return known[wanted]
    cities = [key for key in known if key.rsplit("/", 1)[-1] == wanted]
    near = cities or difflib.get_close_matches(wanted, known, n=1, cutoff=0.6)
    return known[near[0]] if near else None
