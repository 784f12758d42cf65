"""How fast events are folded. Pure but for the times handed in."""

SMOOTHING = 0.3  #: weight of the newest observation


class Pace:
    """A moving average of a counter's growth; intervals without growth do not count."""

    def __init__(self) -> None:
        self.per_s = 0.0
        self._last: tuple[float, int] | None = None

    def observe(self, now_s: float, count: int) -> None:
        """Take note of the counter at a moment of the monotonic clock."""
        if self._last is not None:
            passed_s, grown = now_s - self._last[0], count - self._last[1]
            if passed_s > 0 and grown > 0:
                now = grown / passed_s
                old = self.per_s or now
                self.per_s = old + SMOOTHING * (now - old)
        self._last = (now_s, count)
