"""Blocking work in threads of its own: answers, errors, and a bound on those that hang."""

import asyncio
import threading

import pytest
from structlog.testing import capture_logs

from tallymill.jobs.threads import THREADS_MOST, in_own_loop, in_own_thread
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


async def test_a_coroutine_runs_beside_the_server_in_a_loop_of_its_own():
    """
    One that blocks (`time.sleep`, a synchronous client) must freeze its own loop only.
    """
    go_on = threading.Event()

    async def blocking():
        await asyncio.sleep(0)
        go_on.wait()
        return threading.get_ident()

    task = asyncio.create_task(in_own_loop(blocking))
    await asyncio.sleep(0)  # would never come back
    go_on.set()

    assert await task != threading.get_ident()


async def test_a_coroutine_that_is_given_up_is_cancelled_and_gives_its_place_back():
    begun, ended = threading.Event(), threading.Event()

    async def waiting():
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.create_task(in_own_loop(waiting))
    await asyncio.to_thread(begun.wait)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert task.cancelled()
    assert await asyncio.to_thread(ended.wait, 5)


@pytest.mark.parametrize(
    "error",
    [SystemExit(1), KeyboardInterrupt(), asyncio.CancelledError(), ValueError("x")],
    ids=lambda error: type(error).__name__,
)
async def test_whatever_a_coroutine_raises_is_told_to_the_asker(error):
    async def work():
        raise error

    with pytest.raises(type(error)):
        await in_own_loop(work)


async def test_a_thread_that_was_left_behind_is_told(monkeypatch):
    monkeypatch.setattr("tallymill.jobs.threads.PATIENCE_S", 0.0)
    go_on = threading.Event()
    with capture_logs() as told:
        task = asyncio.create_task(in_own_thread(go_on.wait))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        while not told:  # noqa: ASYNC110 - the loop's own timer
            await asyncio.sleep(0)
    go_on.set()

    assert told[0]["event"] == "job.thread_left"
    assert told[0]["log_level"] == "warning"
