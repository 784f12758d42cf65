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
        BaseException: Whatever the work raises, `SystemExit` included; what a coroutine
            cannot raise (`StopIteration`) as `RuntimeError`.
    """
    if not _places.acquire(blocking=False):
        raise Unavailable(
            f"{THREADS_MOST} jobs in Python have not ended, and no more are begun: make "
            "them async, or give what they wait for a time limit."
        )
    loop = asyncio.get_running_loop()
    # Errors travel as values: a future takes not every one, and would never be settled.
    future: asyncio.Future[tuple[list[T], BaseException | None]] = loop.create_future()

    def settle(result: list[T], error: BaseException | None) -> None:
        if not future.done():
            future.set_result((result, error))

    def target() -> None:
        result: list[T] = []
        error: BaseException | None = None
        try:
            result.append(work())
        except BaseException as exc:  # noqa: BLE001 - handed to the waiting caller
            error = exc
        finally:
            _places.release()
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=target, name="tallymill-job", daemon=True).start()
    result, error = await future
    if error is not None:
        raise error
    return result[0]
