"""What the hub stands on besides the event log: a line to each reader, and an epoch."""

from collections.abc import Callable
from typing import Protocol


class Line(Protocol):
    """The way to one reader: a connection that is written to without waiting."""

    write: Callable[[bytes], None]
    """Hand bytes over, whole messages at a time; never waits, never raises."""

    waiting_bytes: Callable[[], int]
    """Say how many bytes handed over have not left this process."""

    async def drained(self) -> None:
        """Return once little waits, or the connection is lost."""
        ...

    def cut(self) -> None:
        """End the connection at once; what waits is thrown away."""
        ...


class Epochs(Protocol):
    """Tells one database from another."""

    async def epoch(self) -> str:
        """Return the random name that the database was given when it was made.

        Hexadecimal; the same for as long as its positions mean the same events.

        Raises:
            Unavailable: It cannot be read now.
        """
        ...
