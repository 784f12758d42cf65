"""One heavy step a turn of the event loop, so that light requests get in between.

Decoding a request of 12,500 events or folding a batch takes one to two milliseconds of
the loop. Several in one turn add up, and whoever asks for a page waits for all of them;
one a turn, it waits for one.
"""

import asyncio
from collections import deque


class Turnstile:
    """Lets those who have something heavy to do pass one by one, in order."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_taken = False

    async def turn(self) -> None:
        """Wait for a turn of the loop in which nothing heavy was done yet.

        Whoever comes when none waits passes at once. Do the step right after; the
        next one passes in the loop's next turn.
        """
        loop = asyncio.get_running_loop()
        if not self._is_taken:
            self._is_taken = True
            loop.call_soon(self._let_pass)
            return
        passed: asyncio.Future[None] = loop.create_future()
        self._waiting.append(passed)
        await passed

    def _let_pass(self) -> None:
        while self._waiting:
            passed = self._waiting.popleft()
            if not passed.done():
                passed.set_result(None)
                # After the step that this wakes: both stand in the loop's queue.
                asyncio.get_running_loop().call_soon(self._let_pass)
                return
        self._is_taken = False
