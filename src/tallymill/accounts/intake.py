"""Events for accounts: those of one turn of the event loop are handed over together."""

import asyncio
from collections.abc import Callable

from tallymill.accounts.model import AccountEvent, Verdict
from tallymill.accounts.ports import AccountStore

Waiting = list[tuple[AccountEvent, "asyncio.Future[Verdict]"]]


class Intake:
    """Takes events one by one, and has the store take them together."""

    def __init__(self, store: AccountStore, admit: Callable[[], None]) -> None:
        """Make an intake.

        Args:
            store: Where they go.
            admit: Raises Overloaded while too much waits to be folded.
        """
        self._store = store
        self._admit = admit
        self._waiting: Waiting = []
        self._taking: set[asyncio.Task[None]] = set()

    def put(self, event: AccountEvent) -> "asyncio.Future[Verdict]":
        """Return a future of what becomes of an event; done once that is durable.

        It raises Overloaded or Unavailable if the event could not be stored.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Verdict] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._hand_over)
        self._waiting.append((event, answer))
        return answer

    def _hand_over(self) -> None:
        waiting, self._waiting = self._waiting, []
        task = asyncio.get_running_loop().create_task(self._take(waiting))
        self._taking.add(task)
        task.add_done_callback(self._taking.discard)

    async def _take(self, waiting: Waiting) -> None:
        try:
            self._admit()
            verdicts = await self._store.take([event for event, _ in waiting])
        except Exception as error:  # noqa: BLE001 - told to everybody who waits
            for _, answer in waiting:
                if not answer.done():
                    answer.set_exception(error)
            return
        for (_, answer), verdict in zip(waiting, verdicts, strict=True):
            if not answer.done():
                answer.set_result(verdict)
