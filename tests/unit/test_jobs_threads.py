"""Blocking work in threads of its own: answers, errors, and a bound on those that hang."""

import asyncio
import threading

import pytest

from tallymill.jobs.threads import THREADS_MOST, in_own_thread
from tallymill.kernel.errors import Unavailable


async def test_what_it_returns_comes_back():
    assert await in_own_thread(lambda: 42) == 42
    assert await in_own_thread(lambda: None) is None


async def test_what_it_raises_comes_back():
    with pytest.raises(ZeroDivisionError):
        await in_own_thread(lambda: 1 // 0)


async def test_it_runs_beside_the_event_loop():
    assert await in_own_thread(threading.get_ident) != threading.get_ident()


async def test_those_that_hang_are_bounded_and_give_their_place_back():
    go_on = threading.Event()
    hanging = [
        asyncio.create_task(in_own_thread(go_on.wait)) for _ in range(THREADS_MOST)
    ]
    await asyncio.sleep(0)

    with pytest.raises(Unavailable, match="have not ended"):
        await in_own_thread(lambda: 1)
    go_on.set()
    await asyncio.gather(*hanging)

    assert await in_own_thread(lambda: 1) == 1


async def test_an_asker_who_has_gone_is_not_missed():
    go_on = threading.Event()
    task = asyncio.create_task(in_own_thread(go_on.wait))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    go_on.set()

    assert await in_own_thread(lambda: 1) == 1


@pytest.mark.parametrize(
    "error",
    [SystemExit(1), KeyboardInterrupt(), asyncio.CancelledError(), GeneratorExit()],
    ids=lambda error: type(error).__name__,
)
async def test_whatever_ends_the_thread_is_told_to_the_asker(error):
    """
    One that was lost left the asker waiting until the job's time was over.
    """

    def work():
        raise error

    with pytest.raises(type(error)):
        await in_own_thread(work)


async def test_a_stop_iteration_is_told_as_of_any_coroutine():
    with pytest.raises(RuntimeError, match="StopIteration"):
        await in_own_thread(lambda: next(iter(())))
