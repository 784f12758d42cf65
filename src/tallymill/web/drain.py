"""Whether the server is on its way out; asked by every request and every stream."""

import asyncio


class Drain:
    """A flag that is set once, and can be waited for."""

    def __init__(self) -> None:
        self._begun = asyncio.Event()

    @property
    def has_begun(self) -> bool:
        """Whether new requests are refused and streams end."""
        return self._begun.is_set()

    def begin(self) -> None:
        """Refuse what comes from now on, and have every stream say farewell."""
        self._begun.set()

    async def wait(self) -> None:
        """Return once the drain has begun."""
        await self._begun.wait()
