"""What waits to be folded in one shard: the runs just appended, kept in memory.

Bounded: what does not fit is left out and read from the log later. Pure; offsets are
the truth, so a run that is missing or comes twice cannot be folded wrongly.
"""

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import replace

from tallymill.events.ports import Run


class RunQueue:
    """Runs in order, without a hole, from `next` on.

    Args:
        next_offset: The first offset that is not folded yet.
        head: The offset that the shard's next event will have.
        wanted: Streams whose events are wanted; of others only the count is kept.
        events_max: How many events may be held.
    """

    def __init__(
        self, next_offset: int, head: int, *, wanted: Collection[str], events_max: int
    ) -> None:
        self.next = next_offset
        self.head = head
        self._wanted = wanted
        self._events_max = events_max
        self._runs: deque[Run] = deque()
        self._end = next_offset
        self._held = 0

    @property
    def waiting(self) -> int:
        """Events that can be taken now, without reading the log."""
        return self._end - self.next

    @property
    def behind(self) -> bool:
        """Whether nothing is held, but the log has more."""
        return not self._runs and self.next < self.head

    def offer(self, run: Run) -> None:
        """Hold a run if it is the next one and fits; note the head in any case."""
        self.head = max(self.head, run.next)
        if run.first != self._end:
            return
        if run.stream not in self._wanted:
            self._hold_count(run)
        elif self._held + run.count <= self._events_max:
            self._hold(run)

    def refill(self, runs: Sequence[Run]) -> None:
        """Hold what was read from the log, beginning where the held runs end."""
        for run in runs:
            if run.first == self._end:
                self._hold(run)
        self.head = max(self.head, self._end)

    def take(self, length: int) -> list[Run]:
        """Take the next `length` events; at most `waiting`."""
        taken: list[Run] = []
        while length > 0:
            run = self._runs.popleft()
            if run.count > length:
                run, rest = part(run, length)
                self._runs.appendleft(rest)
            taken.append(run)
            length -= run.count
            self.next = run.next
            self._held -= run.count if run.events is not None else 0
        return taken

    def _hold(self, run: Run) -> None:
        self._runs.append(run)
        self._end = run.next
        self._held += run.count if run.events is not None else 0

    def _hold_count(self, run: Run) -> None:
        """Hold only the count, in one run with its like."""
        last = self._runs[-1] if self._runs else None
        if last is not None and last.events is None and last.stream == run.stream:
            self._runs[-1] = replace(last, count=last.count + run.count)
        else:
            self._runs.append(replace(run, events=None))
        self._end = run.next


def part(run: Run, length: int) -> tuple[Run, Run]:
    """Return the first `length` events of a run, and the rest of it."""
    first = run.events[:length] if run.events is not None else None
    rest = run.events[length:] if run.events is not None else None
    return (
        replace(run, count=length, events=first),
        replace(run, first=run.first + length, count=run.count - length, events=rest),
    )
