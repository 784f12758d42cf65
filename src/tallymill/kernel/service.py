"""The life cycle of whatever runs for as long as the server does."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol


class Service(Protocol):
    """Something with a beginning and an end that owns its own tasks."""

    async def start(self) -> None:
        """Begin to work; return once ready. Raises if it cannot."""
        ...

    async def stop(self) -> None:
        """Finish what was accepted, end every task, release everything; idempotent."""
        ...


@asynccontextmanager
async def running(services: Sequence[Service]) -> AsyncIterator[None]:
    """Start services in order; stop those that started in reverse order at the end."""
    async with AsyncExitStack() as stack:
        for service in services:
            stack.push_async_callback(service.stop)
            await service.start()
        yield


async def cancel_and_wait(*tasks: asyncio.Task[object] | None) -> None:
    """Cancel tasks and wait until each has ended; what they raise is theirs."""
    present = [task for task in tasks if task is not None]
    for task in present:
        task.cancel()
    await asyncio.gather(*present, return_exceptions=True)
