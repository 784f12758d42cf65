"""Debian's cron, played tick by tick: the oracle for `dst = "vixie"`.

Written from the behaviour of the main loop and of `find_jobs` in `cron.c` of cron
3.0pl1 with Debian's patches; it shares nothing with the engine, and knows no more of
time zones than which offset holds at a given second, as the daemon does.

Two idealisations. The machine is infinitely fast: the daemon waits 10 s after each job
that it makes good, here all of them run at the first tick after the gap. And the offset
is read at each tick: the daemon reads it anew only when `tm_isdst` changes, and so
misses, until it is restarted, a change that its zone does not call daylight saving.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

THREE_HOURS_S = 3 * 60 * 60
FIVE_MINUTES_S = 5 * 60
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the daemon's virtual time has no zone

NAMES = {
    name: number
    for names in ("sun mon tue wed thu fri sat", "- jan feb mar apr may jun jul aug")
    for number, name in enumerate(names.split())
}


@dataclass(frozen=True)
class Entry:
    """A line of a crontab: sets of numbers, and which fields start with a star."""

    text: str
    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_star: bool
    is_wild: bool

    def matches(self, wall: datetime) -> bool:
        if wall.minute not in self.minutes or wall.hour not in self.hours:
            return False
        if wall.second not in self.seconds or wall.month not in self.months:
            return False
        day = wall.day in self.days
        weekday = wall.isoweekday() % 7 in self.weekdays
        return (day and weekday) if self.either_star else (day or weekday)


def entry(text: str) -> Entry:
    parts = text.lower().split()
    clock = parts[:-3] if len(parts) == 6 else ["0", *parts[:2]]
    weekdays = _numbers(parts[-1], 0, 7)
    return Entry(
        text=text,
        seconds=_numbers(clock[0], 0, 59),
        minutes=_numbers(clock[1], 0, 59),
        hours=_numbers(clock[2], 0, 23),
        days=_numbers(parts[-3], 1, 31),
        months=_numbers(parts[-2], 1, 12),
        weekdays=frozenset(number % 7 for number in weekdays),
        either_star=parts[-3].startswith("*") or parts[-1].startswith("*"),
        is_wild=any(part.startswith("*") for part in parts[:-3]),
    )


def _numbers(field: str, low: int, high: int) -> frozenset[int]:
    found: set[int] = set()
    for term in field.split(","):
        span, _, step = term.partition("/")
        first, _, last = span.partition("-")
        begin = low if first == "*" else _number(first)
        end = high if first == "*" else _number(last or first)
        found.update(range(begin, end + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str) -> int:
    return NAMES[text] if text in NAMES else int(text)


class Daemon:
    """The daemon on a machine in one zone, from `start` on."""

    def __init__(self, zone: ZoneInfo, entries: list[Entry], tick_s: int = 60) -> None:
        self._zone = zone
        self._tick_s = tick_s
        self._entries = entries
        self._by_minute: dict[int, list[Entry]] = defaultdict(list)
        for line in entries:
            for minute in line.minutes:
                self._by_minute[minute].append(line)
        self.runs: dict[str, list[datetime]] = {line.text: [] for line in entries}

    def play(self, start: datetime, end: datetime) -> None:
        """Run everything that comes due in (start, end), each moment once."""
        tick = timedelta(seconds=self._tick_s)
        virtual = self._clock(start)
        now = start + tick
        while now < end:
            clock = self._clock(now)
            virtual = self._wake(now, clock, virtual)
            now += tick

    def _wake(self, now: datetime, clock: int, virtual: int) -> int:
        """Do what the daemon does on waking; return its new virtual time."""
        late = clock - virtual
        if late == 1:
            self._run(now, clock, wild=True, fixed=True)
            return clock
        minutes_late = late * self._tick_s
        if minutes_late > THREE_HOURS_S or minutes_late <= -THREE_HOURS_S:
            self._run(now, clock, wild=True, fixed=True)
            return clock
        if minutes_late > FIVE_MINUTES_S:
            self._run(now, clock, wild=True, fixed=False)
            for missed in range(virtual + 1, clock + 1):
                self._run(now, missed, wild=False, fixed=True)
            return clock
        if late > 0:
            for missed in range(virtual + 1, clock + 1):
                self._run(now, missed, wild=True, fixed=True)
            return clock
        self._run(now, clock, wild=True, fixed=False)
        return virtual

    def _run(self, now: datetime, clock: int, *, wild: bool, fixed: bool) -> None:
        wall = EPOCH + timedelta(seconds=clock * self._tick_s)
        for line in self._by_minute[wall.minute]:
            if not (wild if line.is_wild else fixed) or not line.matches(wall):
                continue
            runs = self.runs[line.text]
            if not runs or runs[-1] != now:
                runs.append(now)

    def _clock(self, now: datetime) -> int:
        offset = now.astimezone(self._zone).utcoffset() or timedelta(0)
        local = now.replace(tzinfo=None) + offset
        return int((local - EPOCH).total_seconds()) // self._tick_s


def by_the_clock(
    zone: ZoneInfo, line: Entry, start: datetime, end: datetime, *, twice: bool
) -> Iterator[datetime]:
    """Yield each minute of (start, end) at which the wall clock shows a matching time.

    Args:
        zone: Where the clock hangs.
        line: What to match.
        start: Aware, UTC.
        end: Aware, UTC.
        twice: Whether a time that the clock shows again counts again.
    """
    shown = set()
    now = start + timedelta(minutes=1)
    while now < end:
        wall = now.astimezone(zone).replace(tzinfo=None, fold=0)
        if line.matches(wall) and (twice or wall not in shown):
            yield now
        shown.add(wall)
        now += timedelta(minutes=1)


def clock_changes(zone: ZoneInfo, first: int, last: int) -> list[datetime]:
    """Return the hours of the years `first` to `last` in which the offset changes."""
    now, end = datetime(first, 1, 1, tzinfo=UTC), datetime(last + 1, 1, 1, tzinfo=UTC)
    before, changes = now.astimezone(zone).utcoffset(), []
    while now < end:
        now += timedelta(hours=1)
        offset = now.astimezone(zone).utcoffset()
        if offset != before:
            changes.append(now)
        before = offset
    return changes
