"""Who of those that wait may get a place now: by destination, by host, and in all.

Pure; the rows are `outbox.py`'s.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from tallymill.delivery.model import host_of
from tallymill.delivery.ports import Room
from tallymill.store.tables.metadata import to_micros


class Places:
    """Counts the places that are left while deliveries are handed over."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._more = room.more
        self._busy = Counter(room.busy)
        self._hosts: Counter[str] = Counter()
        for name, count in room.busy.items():
            self._hosts[host_of(name)] += count

    def of(self, destination: str) -> int:
        """Return how many more a destination may get, whatever there is in all."""
        at_host = self._room.a_host - self._hosts[host_of(destination)]
        return max(0, min(at_host, self._room.a_destination - self._busy[destination]))

    def take(self, destination: str) -> bool:
        """Take a place; False if there is none."""
        if not (self._more and self.of(destination)):
            return False
        self._more -= 1
        self._busy[destination] += 1
        self._hosts[host_of(destination)] += 1
        return True


def with_room(waiting: Mapping[str, int], now: datetime, room: Room) -> dict[str, int]:
    """Return how many places each destination has that may get something now."""
    at, places = to_micros(now), Places(room)
    due = {name: places.of(name) for name, first in waiting.items() if first <= at}
    first = sorted(due, key=lambda name: (-due[name], waiting[name]))
    # One place each is enough to fill all there are, however many destinations wait.
    return {name: due[name] for name in first if places.take(name)}
