"""A schedule that was understood, as the planner, the web and the terminal see it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from tallymill.jobs.schedule.engine import Dst, DueTimes
from tallymill.jobs.schedule.words import describe_cron
from tallymill.jobs.schedule.zones import FIRST_S, LAST_S, seconds_of, timeline_of

Kind = Literal["cron", "every", "at"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When something is due. Moments in and out are aware.

    Those that come out are whole seconds, ordered as instants, each once. They carry the
    offset that holds in the zone at that moment as a fixed offset, so that they print as
    local time, and may be compared, added to and subtracted without harm.
    """

    text: str  #: as it was given
    cron_string: str | None  #: the cron string that says the same, if there is one
    timezone: str  #: IANA name
    dst: Dst
    kind: Kind
    times: DueTimes = field(repr=False, compare=False)
    phrase: str | None = field(default=None, repr=False)  #: words, if not from cron

    def next_after(self, moment: datetime) -> datetime | None:
        """Return the first due moment strictly after `moment`; None if none is left."""
        # Before the calendar's first day nothing can be told; from it on, all.
        instant = max(seconds_of(moment), FIRST_S - 1)
        return self._moment(self.times.next_after(instant))

    def latest_at_or_before(self, moment: datetime) -> datetime | None:
        """Return the last due moment not after `moment`; None if there was none.

        Takes as long for ten years as for ten minutes.
        """
        instant = min(seconds_of(moment), LAST_S)
        return self._moment(self.times.latest_until(instant))

    def between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Yield the due moments of [start, end) in order."""
        stop = min(_ceiling(end), LAST_S)
        moment = timeline_of(self.timezone).moment
        due = self.times.next_after(max(_ceiling(start), FIRST_S) - 1)
        while due is not None and due < stop:
            yield moment(due)
            due = self.times.next_after(due)

    def upcoming(self, moment: datetime) -> Iterator[datetime]:
        """Yield the due moments strictly after `moment`, in order, for as long as asked."""
        due = self.next_after(moment)
        while due is not None:
            yield due
            due = self.next_after(due)

    def count_between(self, start: datetime, end: datetime) -> int:
        """Return how many due moments lie in [start, end), without listing them."""
        return self.times.count(_ceiling(start), _ceiling(end))

    def words(self) -> str:
        """Return the schedule as an English sentence."""
        if self.phrase is not None or self.cron_string is None:
            return self.phrase or self.text
        return describe_cron(self.cron_string)

    def _moment(self, instant: int | None) -> datetime | None:
        if instant is None or not FIRST_S <= instant <= LAST_S:
            return None
        return timeline_of(self.timezone).moment(instant)


def _ceiling(moment: datetime) -> int:
    return seconds_of(moment) + (moment.microsecond > 0)
