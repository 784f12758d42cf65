"""When a schedule is due next, was due last, and how often in between.

Everything here counts whole seconds (see `zones.py` for `instant` and `wall`). Which wall
times match is for `walls.py` to say; it is asked within one segment of constant offset
at a time. What happens where two segments meet is the `dst` policy, and stands in
`_first_wall` and `_is_due_at_gap`, nowhere else.

`vixie` does as Debian's cron 3.0pl1 (`cron.c`, main loop; `find_jobs`): a job whose
minute or hour starts with `*` follows real time; any other that falls into a gap of
less than three hours runs at the first moment after it, and what is repeated by up to
three hours runs the first time only. A larger jump counts as a new clock, as there.
Seconds follow the same rule, and so do shifts other than one hour. Unlike the daemon, a
change of offset is seen even where the zone does not call it daylight saving.
"""

from typing import Literal, Protocol

from tallymill.jobs.schedule.cron import CronFields
from tallymill.jobs.schedule.walls import WallTimes
from tallymill.jobs.schedule.zones import DAY_S, Segment, Timeline

Dst = Literal["vixie", "skip", "literal"]

_JUMP_S = 3 * 3600  #: cron.c: `timeDiff > 3*MINUTE_COUNT`
_SLACK_S = 2 * DAY_S  #: no clock was ever moved by more
# A miss is a time that falls into a gap; 40 years of them take less than 200 steps, and
# the calendar's weekdays come round within that.
_MOST_STEPS = 200


class DueTimes(Protocol):
    """The instants at which a schedule is due, in seconds since 1970."""

    def next_after(self, instant: int) -> int | None:
        """Return the first due instant greater than `instant`; None if none is left."""
        ...

    def latest_until(self, instant: int) -> int | None:
        """Return the last due instant not greater than `instant`; None if none."""
        ...

    def count(self, start: int, end: int) -> int:
        """Return how many due instants lie in [start, end)."""
        ...


class CronTimes:
    """Due times of a cron string in a zone."""

    __slots__ = ("_follows_gap", "_repeats", "_timeline", "_walls")

    def __init__(self, fields: CronFields, timeline: Timeline, dst: Dst) -> None:
        self._walls = WallTimes(fields)
        self._timeline = timeline
        self._follows_gap = dst == "vixie" and not fields.is_wild
        self._repeats = dst == "literal" or fields.is_wild

    def next_after(self, instant: int) -> int | None:
        """Return the first due instant greater than `instant`; None if none is left.

        None also if each time for 40 years falls into a gap and is not made good.
        """
        instant += 1
        for _ in range(_MOST_STEPS):
            segment = self._timeline.at(instant)
            if instant == segment.start and self._is_due_at_gap(segment):
                return instant
            wall = max(instant + segment.shift, self._first_wall(segment))
            found = self._walls.first_from(wall)
            if found is None:
                return None
            if found - segment.shift < segment.end:
                return found - segment.shift
            is_near = segment.end - instant < _SLACK_S
            instant = segment.end
            if not is_near:
                instant = max(instant, found - segment.shift - _SLACK_S)
        return None

    def latest_until(self, instant: int) -> int | None:
        """Return the last due instant not greater than `instant`; None if none."""
        while True:
            segment = self._timeline.at(instant)
            found = self._walls.last_until(instant + segment.shift)
            if found is not None and found >= self._first_wall(segment):
                return found - segment.shift
            if self._is_due_at_gap(segment):
                return segment.start
            if found is None:
                return None
            is_near = instant - segment.start < _SLACK_S
            instant = segment.start - 1
            if not is_near:
                instant = min(instant, found - segment.shift + _SLACK_S)

    def count(self, start: int, end: int) -> int:
        """Return how many due instants lie in [start, end)."""
        total = 0
        while start < end:
            segment = self._timeline.at(start)
            stop = min(end, segment.end)
            low = max(start + segment.shift, self._first_wall(segment))
            if low < stop + segment.shift:
                total += self._walls.count_between(low, stop + segment.shift)
            if start == segment.start and self._is_due_at_gap(segment):
                total += (
                    self._walls.first_from(start + segment.shift)
                    != start + segment.shift
                )
            start = stop
        return total

    def _first_wall(self, segment: Segment) -> int:
        """Return from which wall time on the segment counts."""
        back = segment.before - segment.shift
        if back <= 0 or back > _JUMP_S or self._repeats:
            return segment.start + segment.shift
        return segment.start + segment.before

    def _is_due_at_gap(self, segment: Segment) -> bool:
        """Tell whether a time lost just before the segment is made good at its start."""
        gap = segment.shift - segment.before
        if gap <= 0 or gap >= _JUMP_S or not self._follows_gap:
            return False
        found = self._walls.first_from(segment.start + segment.before)
        return found is not None and found < segment.start + segment.shift


class EveryTimes:
    """Due times at a fixed distance in elapsed time, whatever the clock does."""

    __slots__ = ("_anchor", "_period")

    def __init__(self, period: int, anchor: int) -> None:
        self._period = period
        self._anchor = anchor

    def next_after(self, instant: int) -> int | None:
        """Return the first due instant greater than `instant`."""
        return instant + self._period - (instant - self._anchor) % self._period

    def latest_until(self, instant: int) -> int | None:
        """Return the last due instant not greater than `instant`."""
        return instant - (instant - self._anchor) % self._period

    def count(self, start: int, end: int) -> int:
        """Return how many due instants lie in [start, end)."""
        before_end = (end - 1 - self._anchor) // self._period
        before_start = (start - 1 - self._anchor) // self._period
        return max(0, before_end - before_start)


class GivenTimes:
    """Due times that were named one by one."""

    __slots__ = ("_instants",)

    def __init__(self, instants: tuple[int, ...]) -> None:
        self._instants = tuple(sorted(set(instants)))

    def next_after(self, instant: int) -> int | None:
        """Return the first due instant greater than `instant`; None if none is left."""
        return next((due for due in self._instants if due > instant), None)

    def latest_until(self, instant: int) -> int | None:
        """Return the last due instant not greater than `instant`; None if none."""
        return next((due for due in self._instants[::-1] if due <= instant), None)

    def count(self, start: int, end: int) -> int:
        """Return how many due instants lie in [start, end)."""
        return sum(start <= due < end for due in self._instants)
