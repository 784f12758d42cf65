"""How many events were accepted lately. Pure but for the times handed in."""

from collections import deque

STEP_S = 0.01
HISTORY_S = 300


class Rate:
    """A sliding second, in steps of 10 ms: at most 1 % off."""

    def __init__(self) -> None:
        self._steps: deque[list[int]] = deque()
        self._total = 0

    def add(self, now_s: float, count: int) -> None:
        """Count events at a moment of the monotonic clock."""
        step = int(now_s / STEP_S)
        if self._steps and self._steps[-1][0] == step:
            self._steps[-1][1] += count
        else:
            self._steps.append([step, count])
            self._forget(step)
        self._total += count

    def last_second(self, now_s: float) -> int:
        """Return the events counted within the second before a moment."""
        self._forget(int(now_s / STEP_S))
        return self._total

    def _forget(self, step: int) -> None:
        while self._steps and self._steps[0][0] <= step - round(1 / STEP_S):
            self._total -= self._steps.popleft()[1]


class History:
    """Events in each of the last 300 seconds."""

    def __init__(self) -> None:
        self._counts = [0] * (HISTORY_S + 1)
        self._seconds = [-1] * (HISTORY_S + 1)  # to which second a count belongs

    def add(self, now_s: float, count: int) -> None:
        """Count events at a moment of the monotonic clock."""
        second = int(now_s)
        place = second % len(self._counts)
        if self._seconds[place] != second:
            self._seconds[place] = second
            self._counts[place] = 0
        self._counts[place] += count

    def until(self, now_s: float) -> list[int]:
        """Return the counts of the last 300 whole seconds, oldest first."""
        end = int(now_s)
        places = [second % len(self._counts) for second in range(end - HISTORY_S, end)]
        return [
            self._counts[place] if self._seconds[place] == second else 0
            for place, second in zip(places, range(end - HISTORY_S, end), strict=True)
        ]
