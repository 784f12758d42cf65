"""A thread for each blocking job in Python, and a bound on how many there are.

A thread cannot be stopped from outside. These are daemons and belong to one run each,
so that work that hangs keeps neither the server's end nor other work waiting.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Final, TypeVar

from tallymill.kernel.errors import Unavailable

T = TypeVar("T")

#: Threads at once, those that hang included.
THREADS_MOST: Final = 64
_places: Final = threading.BoundedSemaphore(THREADS_MOST)


async def in_own_thread(work: Callable[[], T]) -> T:
    """Return what blocking work returns.

    Raises:
        Unavailable: `THREADS_MOST` of them have not ended.
    """
    if not _places.acquire(blocking=False):
        raise Unavailable(
            f"{THREADS_MOST} jobs in Python have not ended, and no more are begun: make "
            "them async, or give what they wait for a time limit."
        )
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: list[T], error: Exception | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result[0])

    def target() -> None:
        result: list[T] = []
        error: Exception | None = None
        try:
            result.append(work())
        except Exception as exc:  # noqa: BLE001 - handed to the waiting caller
            error = exc
        finally:
            _places.release()
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=target, name="tallymill-job", daemon=True).start()
    return await future
