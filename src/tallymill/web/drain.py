"""Whether the server is on its way out; asked by every request and every stream."""

import asyncio
from collections.abc import Callable


class Drain:
    """A flag that is set once, and can be waited for."""

    def __init__(self) -> None:
        self._begun = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []

    @property
    def has_begun(self) -> bool:
        """Whether new requests are refused and streams end."""
        return self._begun.is_set()

    def begin(self) -> None:
        """Refuse what comes from now on, and have every stream say farewell."""
        if self._begun.is_set():
            return
        self._begun.set()
        for listener in self._listeners:
            listener()

    def on_begin(self, listener: Callable[[], None]) -> None:
        """Have a function called when the drain begins."""
        self._listeners.append(listener)

    async def wait(self) -> None:
        """Return once the drain has begun."""
        await self._begun.wait()
