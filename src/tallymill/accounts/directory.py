"""Looking accounts up: all ids that wait share one question to the store.

No cache: every look-up is a question that began after it. While a question is on its
way, the ids that come wait for the next one, so there is never more than one.
"""

import asyncio

from tallymill.accounts.model import Account
from tallymill.accounts.ports import AccountStore
from tallymill.kernel.service import cancel_and_wait

Answer = asyncio.Future[Account | None]


class Directory:
    """Finds accounts by id."""

    def __init__(self, store: AccountStore) -> None:
        self._store = store
        self._waiting: dict[int, list[Answer]] = {}
        self._asking: asyncio.Task[None] | None = None

    def find(self, account_id: int) -> Answer:
        """Return a future of the account; of None if there is none.

        It raises Unavailable if the store cannot be read.
        """
        answer: Answer = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(account_id, []).append(answer)
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask(), name="find accounts")
        return answer

    async def stop(self) -> None:
        """Answer nobody any more."""
        await cancel_and_wait(self._asking)

    async def _ask(self) -> None:
        """Ask until nobody waits."""
        try:
            while self._waiting:
                asked, self._waiting = self._waiting, {}
                await self._answer(asked)
        finally:
            self._asking = None

    async def _answer(self, asked: dict[int, list[Answer]]) -> None:
        try:
            found = await self._store.find(asked.keys())
        except Exception as error:  # noqa: BLE001 - told to everybody who asked
            for answers in asked.values():
                for answer in answers:
                    if not answer.done():
                        answer.set_exception(error)
            return
        for account_id, answers in asked.items():
            account = found.get(account_id)
            for answer in answers:
                # Whoever asked may have gone.
                if not answer.done():
                    answer.set_result(account)
