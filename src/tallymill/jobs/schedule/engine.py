"""When a schedule is due next, was due last, and how often in between.

Everything here counts whole seconds (see `zones.py` for `instant` and `wall`). The
calendar is searched in wall time, within one segment of constant offset at a time; what
happens where two segments meet is the `dst` policy, and stands in `_first_wall` and
`_is_due_at_gap`, nowhere else.

`vixie` does as Debian's cron 3.0pl1 (`cron.c`, main loop; `find_jobs`): a job whose
minute or hour starts with `*` follows real time; any other that falls into a gap of
less than three hours runs at the first moment after it, and what is repeated by up to
three hours runs the first time only. A larger jump counts as a new clock, as there.
Seconds follow the same rule, and so do shifts other than one hour. Unlike the daemon, a
change of offset is seen even where the zone does not call it daylight saving.
"""

from datetime import date
from typing import Literal, Protocol

from tallymill.jobs.schedule.calendar import MONDAY_ORDINAL, length_of
from tallymill.jobs.schedule.cron import CronFields
from tallymill.jobs.schedule.zones import DAY_S, Segment, Timeline

Dst = Literal["vixie", "skip", "literal"]

_JUMP_S = 3 * 3600  #: cron.c: `timeDiff > 3*MINUTE_COUNT`
_SLACK_S = 2 * DAY_S  #: no clock was ever moved by more
# A miss is a time that falls into a gap; 40 years of them take less than 200 steps, and
# the calendar's weekdays come round within that.
_MOST_STEPS = 200
_LAST_DAY = date.max.toordinal()


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

    __slots__ = (
        "_daily",
        "_fields",
        "_first_time",
        "_follows_gap",
        "_month",
        "_repeats",
        "_timeline",
    )

    def __init__(self, fields: CronFields, timeline: Timeline, dst: Dst) -> None:
        self._fields = fields
        self._timeline = timeline
        self._follows_gap = dst == "vixie" and not fields.is_wild
        self._repeats = dst == "literal" or fields.is_wild
        self._first_time = self._time_from(0)
        self._month = (0, -1, 0)  # first and last ordinal of a month, and its mask

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
            found = self._wall_from(wall)
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
            found = self._wall_until(instant + segment.shift)
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
                total += self._walls_between(low, stop + segment.shift)
            if start == segment.start and self._is_due_at_gap(segment):
                total += self._wall_from(start + segment.shift) != start + segment.shift
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
        found = self._wall_from(segment.start + segment.before)
        return found is not None and found < segment.start + segment.shift

    def _wall_from(self, wall: int) -> int | None:
        day, second = divmod(wall, DAY_S)
        if self._matches(day):
            time = self._time_from(second)
            if time >= 0:
                return day * DAY_S + time
        found = self._day_from(day + 1)
        return None if found is None else found * DAY_S + self._first_time

    def _wall_until(self, wall: int) -> int | None:
        day, second = divmod(wall, DAY_S)
        if self._matches(day):
            time = self._time_until(second)
            if time >= 0:
                return day * DAY_S + time
        found = self._day_until(day - 1)
        return None if found is None else found * DAY_S + self._time_until(DAY_S - 1)

    def _walls_between(self, low: int, high: int) -> int:
        """Return how many wall times of [low, high) match."""
        first, first_second = divmod(low, DAY_S)
        last, last_second = divmod(high, DAY_S)
        total = self._days_between(first, last) * self._times_before(DAY_S)
        if self._matches(first):
            total -= self._times_before(first_second)
        if self._matches(last):
            total += self._times_before(last_second)
        return total

    # Days, by ordinal.

    def _enter_month(self, day: int) -> tuple[int, int, int]:
        """Return first and last ordinal of the day's month, and the matching days."""
        month = self._month
        if month[0] <= day <= month[1]:
            return month
        moment = date.fromordinal(day)
        rule = self._fields.days
        first, length = day - moment.day + 1, length_of(moment.year, moment.month)
        mask = 0
        if rule.period:
            mask = _every_so_many_days(rule.period, first, length)
        elif rule.months >> moment.month & 1:
            mask = rule.matching(first % 7, length)
        self._month = month = (first, first + length - 1, mask)
        return month

    def _matches(self, day: int) -> bool:
        if not 1 <= day <= _LAST_DAY:
            return False
        first, _, mask = self._enter_month(day)
        return bool(mask >> (day - first + 1) & 1)

    def _day_from(self, day: int) -> int | None:
        day = max(day, 1)
        while day <= _LAST_DAY:
            first, last, mask = self._enter_month(day)
            rest = mask >> (day - first + 1)
            if rest:
                return day + (rest & -rest).bit_length() - 1
            day = last + 1
        return None

    def _day_until(self, day: int) -> int | None:
        day = min(day, _LAST_DAY)
        while day >= 1:
            first, _, mask = self._enter_month(day)
            rest = mask & (2 << day - first + 1) - 1
            if rest:
                return first + rest.bit_length() - 2
            day = first - 1
        return None

    def _days_between(self, low: int, high: int) -> int:
        total, day = 0, max(low, 1)
        high = min(high, _LAST_DAY + 1)
        while day < high:
            first, last, mask = self._enter_month(day)
            stop = min(high, last + 1)
            within = (1 << stop - first + 1) - (1 << day - first + 1)
            total += (mask & within).bit_count()
            day = stop
        return total

    # Times of day, in seconds; -1 for none.

    def _time_from(self, second: int) -> int:
        fields = self._fields
        hour, rest = divmod(second, 3600)
        minute, second = divmod(rest, 60)
        if fields.hours >> hour & 1:
            if fields.minutes >> minute & 1 and (left := fields.seconds >> second):
                return hour * 3600 + minute * 60 + second + _lowest(left)
            if left := fields.minutes >> minute + 1:
                minute += 1 + _lowest(left)
                return hour * 3600 + minute * 60 + _lowest(fields.seconds)
        left = fields.hours >> hour + 1
        if not left:
            return -1
        hour += 1 + _lowest(left)
        return hour * 3600 + _lowest(fields.minutes) * 60 + _lowest(fields.seconds)

    def _time_until(self, second: int) -> int:
        fields = self._fields
        hour, rest = divmod(second, 3600)
        minute, second = divmod(rest, 60)
        if fields.hours >> hour & 1:
            if fields.minutes >> minute & 1 and (
                left := _up_to(fields.seconds, second)
            ):
                return hour * 3600 + minute * 60 + _highest(left)
            if left := _up_to(fields.minutes, minute - 1):
                return hour * 3600 + _highest(left) * 60 + _highest(fields.seconds)
        left = _up_to(fields.hours, hour - 1)
        if not left:
            return -1
        minute, second = _highest(fields.minutes), _highest(fields.seconds)
        return _highest(left) * 3600 + minute * 60 + second

    def _times_before(self, second: int) -> int:
        """Return how many times of day come before `second`, which may be 86400."""
        fields = self._fields
        hour, rest = divmod(second, 3600)
        minute, second = divmod(rest, 60)
        in_minute = fields.seconds.bit_count()
        total = _up_to(fields.hours, hour - 1).bit_count()
        total *= fields.minutes.bit_count() * in_minute
        if fields.hours >> hour & 1:
            total += _up_to(fields.minutes, minute - 1).bit_count() * in_minute
            if fields.minutes >> minute & 1:
                total += _up_to(fields.seconds, second - 1).bit_count()
        return total


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


def _every_so_many_days(period: int, first: int, length: int) -> int:
    start = 1 + (MONDAY_ORDINAL - first) % period
    return sum(1 << day for day in range(start, length + 1, period))


def _lowest(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


def _highest(mask: int) -> int:
    return mask.bit_length() - 1


def _up_to(mask: int, bit: int) -> int:
    return mask & (1 << bit + 1) - 1
