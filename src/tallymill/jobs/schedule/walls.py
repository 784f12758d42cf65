"""Which times a clock on the wall shows match a cron string: next, last, how many.

A calendar without time zones. Days are ordinals (`date.toordinal()`), times of day are
seconds, and a wall time is `ordinal * 86400 + second`. Each search takes a step a month
at most, and no step a day, hour or minute, so that rare schedules are as fast as others.
"""

from datetime import date

from tallymill.jobs.schedule.calendar import MONDAY_ORDINAL, length_of
from tallymill.jobs.schedule.cron import CronFields
from tallymill.jobs.schedule.zones import DAY_S

_LAST_DAY = date.max.toordinal()


class WallTimes:
    """The wall times that match the fields of a cron string."""

    __slots__ = ("_fields", "_first_time", "_month")

    def __init__(self, fields: CronFields) -> None:
        self._fields = fields
        self._first_time = self._time_from(0)
        # First and last ordinal of the month last looked at, and its matching days. One
        # tuple, so that threads which share a schedule see one month or the other.
        self._month = (0, -1, 0)

    def first_from(self, wall: int) -> int | None:
        """Return the first matching wall time that is not before `wall`."""
        day, second = divmod(wall, DAY_S)
        if self._matches(day):
            time = self._time_from(second)
            if time >= 0:
                return day * DAY_S + time
        found = self._day_from(day + 1)
        return None if found is None else found * DAY_S + self._first_time

    def last_until(self, wall: int) -> int | None:
        """Return the last matching wall time that is not after `wall`."""
        day, second = divmod(wall, DAY_S)
        if self._matches(day):
            time = self._time_until(second)
            if time >= 0:
                return day * DAY_S + time
        found = self._day_until(day - 1)
        return None if found is None else found * DAY_S + self._time_until(DAY_S - 1)

    def count_between(self, low: int, high: int) -> int:
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


def _every_so_many_days(period: int, first: int, length: int) -> int:
    start = 1 + (MONDAY_ORDINAL - first) % period
    return sum(1 << day for day in range(start, length + 1, period))


def _lowest(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


def _highest(mask: int) -> int:
    return mask.bit_length() - 1


def _up_to(mask: int, bit: int) -> int:
    return mask & (1 << bit + 1) - 1
