"""One heavy step a turn of the loop."""

import asyncio

from tallymill.kernel.turnstile import Turnstile


async def counted_turns(turns):
    """Count the loop's turns, one callback each."""
    while True:
        turns.append(len(turns))
        await asyncio.sleep(0)


async def test_heavy_steps_fall_into_different_turns():
    """
    Two in one turn would make everybody else wait for both.
    """
    turnstile, turns, passed_at = Turnstile(), [], []

    async def heavy(name):
        await turnstile.turn()
        passed_at.append((name, len(turns)))

    counting = asyncio.create_task(counted_turns(turns))
    await asyncio.gather(*(heavy(name) for name in range(5)))
    counting.cancel()

    assert [name for name, _ in passed_at] == [0, 1, 2, 3, 4]
    assert len({turn for _, turn in passed_at}) == 5


async def test_a_lone_step_does_not_wait():
    """
    A request that is alone must not pay for the order of many.
    """
    turnstile = Turnstile()

    passing = turnstile.turn()

    assert next(iter(passing.__await__()), "passed") == "passed"


async def test_one_that_gave_up_keeps_nobody():
    """
    A client that goes away while it waits must not stop the queue.
    """
    turnstile, passed = Turnstile(), []

    async def heavy(name):
        await turnstile.turn()
        passed.append(name)

    tasks = [asyncio.create_task(heavy(name)) for name in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert passed == [0, 2]
