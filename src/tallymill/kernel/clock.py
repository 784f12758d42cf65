"""The only reader of time. Rooms are handed a `Clock` and never ask the system.

`SystemClock` serves in production, `ManualClock` in tests, where time moves only
when the test says so.
"""

import asyncio
import heapq
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Now, elapsed time, and waiting; nothing else may touch the system's clock."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware, UTC. May jump in either direction."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds since an arbitrary moment; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of monotonic time; at once if zero or less."""
        ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware, UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Return seconds since an arbitrary moment; never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        await asyncio.sleep(max(0.0, seconds))


class ManualClock:
    """Time that stands still until `advance` or `jump` is called."""

    def __init__(
        self, start: datetime = datetime(2026, 11, 21, 12, tzinfo=UTC)
    ) -> None:
        self._now = start
        self._elapsed_s = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Event]] = []
        self._order = 0

    def now(self) -> datetime:
        """Return the time last set, aware, UTC."""
        return self._now

    def monotonic_s(self) -> float:
        """Return the seconds advanced so far."""
        return self._elapsed_s

    async def sleep(self, seconds: float) -> None:
        """Wait until `advance` has moved time by `seconds`."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        self._order += 1
        wake = asyncio.Event()
        heapq.heappush(self._sleepers, (self._elapsed_s + seconds, self._order, wake))
        await wake.wait()

    def advance(self, seconds: float) -> None:
        """Move wall and monotonic time on, and wake whoever was waiting for it."""
        self._now += timedelta(seconds=seconds)
        self._elapsed_s += seconds
        while self._sleepers and self._sleepers[0][0] <= self._elapsed_s:
            heapq.heappop(self._sleepers)[2].set()

    def jump(self, to: datetime) -> None:
        """Set the wall clock as an administrator or NTP would; nobody is woken."""
        self._now = to


async def wait_or_timeout(event: asyncio.Event, clock: Clock, timeout_s: float) -> bool:
    """Wait for an event for at most `timeout_s` seconds of the clock's time.

    Returns:
        True if the event was set, False if time ran out first.
    """
    signal = asyncio.ensure_future(event.wait())
    timer = asyncio.ensure_future(clock.sleep(timeout_s))
    try:
        await asyncio.wait({signal, timer}, return_when=asyncio.FIRST_COMPLETED)
        return event.is_set()
    finally:
        for task in (signal, timer):
            task.cancel()
        await asyncio.gather(signal, timer, return_exceptions=True)
