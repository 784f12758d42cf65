"""A thread for each job in Python, and a bound on how many there are.

A thread cannot be stopped from outside. These are daemons and belong to one run each,
so that work that hangs keeps neither the server's end nor other work waiting. A
coroutine has an event loop of its own there: what blocks it blocks nobody else.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

import structlog

from tallymill.kernel.errors import Unavailable

log = structlog.get_logger("tallymill.jobs")

T = TypeVar("T")

#: Threads at once, those that hang included.
THREADS_MOST: Final = 64
#: So long a thread whose run is over may take to end before it is told of, seconds.
PATIENCE_S = 5.0
_places: Final = threading.BoundedSemaphore(THREADS_MOST)
# Errors travel as values: a future takes not every one, and would never be settled.
_Outcome = tuple[list[T], BaseException | None]


async def in_own_thread(work: Callable[[], T]) -> T:
    """Return what blocking work returns.

    Raises:
        Unavailable: `THREADS_MOST` of them have not ended.
        BaseException: Whatever the work raises, `SystemExit` included; what a coroutine
            cannot raise (`StopIteration`) as `RuntimeError`.
    """
    if not _places.acquire(blocking=False):
        raise Unavailable(
            f"{THREADS_MOST} jobs in Python have not ended, and no more are begun: give "
            "what they wait for a time limit."
        )
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_Outcome[T]] = loop.create_future()
    thread = threading.Thread(
        target=_carry_out, args=(work, loop, future), name="tallymill-job", daemon=True
    )
    thread.start()
    try:
        result, error = await future
    except asyncio.CancelledError:
        loop.call_later(PATIENCE_S, _tell_if_alive, thread)
        raise
    if error is not None:
        raise error
    return result[0]


async def in_own_loop(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Return what a coroutine returns that runs in an event loop of its own thread.

    If the caller is cancelled, so is the coroutine; it is not waited for.

    Raises:
        Unavailable: `THREADS_MOST` of them have not ended.
        BaseException: Whatever the coroutine raises, as with `in_own_thread`.
    """
    tether = _Tether()
    try:
        return await in_own_thread(lambda: asyncio.run(tether.hold(work)))
    except asyncio.CancelledError:
        tether.cancel()
        raise


class _Tether:
    """Cancels, from another thread, a coroutine that may not have begun or be over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._task: asyncio.Task[Any] | None = None
        self._is_cancelled = False

    async def hold(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return what the coroutine returns, unless it is cancelled before it begins."""
        with self._lock:
            if self._is_cancelled:
                raise asyncio.CancelledError
            self._task = asyncio.current_task()
        try:
            return await work()
        finally:
            with self._lock:
                self._task = None

    def cancel(self) -> None:
        """Cancel the coroutine."""
        with self._lock:
            self._is_cancelled = True
            if self._task is not None:
                # Under the lock its loop cannot have been closed yet.
                self._task.get_loop().call_soon_threadsafe(self._task.cancel)


def _carry_out(
    work: Callable[[], T],
    loop: asyncio.AbstractEventLoop,
    future: asyncio.Future[_Outcome[T]],
) -> None:
    """Do the work and tell the loop what came of it; the top of its thread."""
    result: list[T] = []
    error: BaseException | None = None
    try:
        result.append(work())
    except BaseException as exc:  # noqa: BLE001 - handed to the waiting caller
        error = exc
    finally:
        _places.release()
    if not loop.is_closed():
        loop.call_soon_threadsafe(_settle, future, (result, error))


def _settle(future: asyncio.Future[_Outcome[T]], outcome: _Outcome[T]) -> None:
    if not future.done():
        future.set_result(outcome)


def _tell_if_alive(thread: threading.Thread) -> None:
    if thread.is_alive():
        log.warning("job.thread_left", most=THREADS_MOST)
