"""The person in front of the client, as the rest of it sees them."""

from collections.abc import Sequence
from typing import Protocol


class Person(Protocol):
    """Reads lines from somebody and shows lines to them."""

    async def read(self, prompt: str) -> str | None:
        """Return the next line, without its end.

        Args:
            prompt: What stands before it; "" while events are shown.

        Returns:
            None on Ctrl+C and Ctrl+D, and where there will be no more lines.
        """
        ...

    async def show(self, lines: Sequence[str]) -> None:
        """Show lines, each harmless and without its end; done once they are out.

        Raises:
            BrokenPipeError: Nobody reads any more.
        """
        ...

    async def note(self, line: str) -> None:
        """Show a line about how it goes."""
        ...

    async def interrupted(self) -> None:
        """Return once events are not to be followed any more."""
        ...
