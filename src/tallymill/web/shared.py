"""One read for all who wait for the same: the answer of none is older than its question.

A read that has begun may have missed what was stored since, so whoever comes while it
goes on waits for the next one, together with all others who do.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key")
Answer = TypeVar("Answer")


@dataclass(slots=True)
class _Turn(Generic[Answer]):
    current: "asyncio.Task[Answer]"
    following: "asyncio.Task[Answer] | None" = None


class SharedReads(Generic[Key, Answer]):
    """Reads by key, at most one at a time for each."""

    def __init__(self, read: Callable[[Key], Awaitable[Answer]]) -> None:
        self._read = read
        self._turns: dict[Key, _Turn[Answer]] = {}

    async def get(self, key: Key) -> Answer:
        """Return an answer that was read after this call."""
        turn = self._turns.get(key)
        if turn is None:
            task = asyncio.create_task(self._run(key, None), name="shared read")
            self._turns[key] = _Turn(task)
        elif turn.following is None:
            task = asyncio.create_task(self._run(key, turn.current), name="shared read")
            turn.following = task
        else:
            task = turn.following
        # Whoever gives up must not take the others' answer away.
        return await asyncio.shield(task)

    async def _run(self, key: Key, before: "asyncio.Task[Answer] | None") -> Answer:
        if before is not None:
            await asyncio.wait([before])
        try:
            return await self._read(key)
        finally:
            self._pass_on(key)

    def _pass_on(self, key: Key) -> None:
        turn = self._turns.pop(key)
        if turn.following is not None:
            self._turns[key] = _Turn(turn.following)
