"""Which days of a month match, with `L`, `W` and `#`. Pure bit masks, no time zones.

In a mask of days bit 1 is the first of the month; in a mask of weekdays bit 0 is
Sunday. Only the weekday of the first and the length of a month decide, so that there
are 28 kinds of month in all.
"""

from dataclasses import dataclass

ALL_DAYS = 0xFFFFFFFE
ALL_WEEKDAYS = 0x7F
ALL_MONTHS = 0x1FFE
MONDAY_ORDINAL = 738_886  #: 2024-01-01, from which "every 2 days" counts

_SATURDAY, _SUNDAY = 6, 0
_LENGTHS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRule:
    """The day fields of a cron string, or every so many days.

    `both` is Debian's rule: a day must match the day of the month *and* the weekday
    if one of those fields starts with `*`; otherwise either is enough.
    """

    days: int = ALL_DAYS  #: mask of days of the month
    weekdays: int = ALL_WEEKDAYS  #: mask of weekdays
    months: int = ALL_MONTHS  #: mask of months, bit 1 is January
    both: bool = True
    from_end: tuple[int, ...] = ()  #: `L-3` is 3, `L` is 0
    nearest: tuple[int, ...] = ()  #: `15W` is 15
    last_workday: bool = False  #: `LW`
    nth: tuple[tuple[int, int], ...] = ()  #: `fri#2` is (5, 2), `friL` is (5, -1)
    period: int = 0  #: every so many days from Monday 2024-01-01; 0 for months

    def is_plain(self) -> bool:
        """Tell whether the masks say everything, without `L`, `W` and `#`."""
        return not (self.from_end or self.nearest or self.last_workday or self.nth)

    def matching(self, first_weekday: int, length: int) -> int:
        """Return the mask of matching days of a month, whichever month it is.

        Args:
            first_weekday: Weekday of the first, 0 is Sunday.
            length: Days in the month, 28 to 31.
        """
        days = self.days
        weekdays = _WEEKDAY_DAYS[first_weekday][self.weekdays]
        if not self.is_plain():
            days |= self._special_days(first_weekday, length)
            weekdays |= self._nth_days(first_weekday, length)
        matched = days & weekdays if self.both else days | weekdays
        return matched & ((2 << length) - 2)

    def may_match(self) -> bool:
        """Tell whether any day of the 400 years of the calendar matches."""
        return any(
            self.matching(first, length)
            for month in range(1, 13)
            if self.months >> month & 1
            for length in ((28, 29) if month == 2 else (_LENGTHS[month],))
            for first in range(7)
        )

    def _special_days(self, first_weekday: int, length: int) -> int:
        mask = 0
        for back in self.from_end:
            mask |= 1 << max(length - back, 0)
        for day in self.nearest:
            if day <= length:
                mask |= 1 << _nearest_workday(day, first_weekday, length)
        if self.last_workday:
            mask |= 1 << _nearest_workday(length, first_weekday, length)
        return mask

    def _nth_days(self, first_weekday: int, length: int) -> int:
        mask = 0
        for weekday, nth in self.nth:
            day = 1 + (weekday - first_weekday) % 7
            if nth < 0:
                mask |= 1 << day + (length - day) // 7 * 7
            elif day + 7 * (nth - 1) <= length:
                mask |= 1 << day + 7 * (nth - 1)
        return mask


def length_of(year: int, month: int) -> int:
    """Return the number of days of a month."""
    if month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0):
        return 29
    return _LENGTHS[month]


def _nearest_workday(day: int, first_weekday: int, length: int) -> int:
    """Return the day from Monday to Friday nearest to `day`, within the month."""
    weekday = (first_weekday + day - 1) % 7
    if weekday == _SATURDAY:
        return day - 1 if day > 1 else day + 2
    if weekday == _SUNDAY:
        return day + 1 if day < length else day - 2
    return day


def _days_by_weekdays(first_weekday: int) -> tuple[int, ...]:
    """Return for each mask of weekdays the mask of days, in a month of 31 days."""
    single = [
        sum(1 << day for day in range(1 + (weekday - first_weekday) % 7, 32, 7))
        for weekday in range(7)
    ]
    table = [0]
    for mask in range(1, 128):
        lowest = (mask & -mask).bit_length() - 1
        table.append(table[mask & mask - 1] | single[lowest])
    return tuple(table)


_WEEKDAY_DAYS = tuple(_days_by_weekdays(first) for first in range(7))
