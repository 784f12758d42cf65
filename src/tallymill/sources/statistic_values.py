"""The statistics as something that a job may ask for."""

from collections.abc import Collection

import msgspec

from tallymill.kernel.errors import QueryFailed
from tallymill.statistics.answers import Answers


class AnsweredStatistics:
    """`StatisticValues` over the answers of `GET /statistics`."""

    def __init__(self, answers: Answers, names: Collection[str]) -> None:
        self._answers = answers
        self._names = frozenset(names)

    def names(self) -> Collection[str]:
        """Return the names of all statistics."""
        return self._names

    async def value_of(self, name: str) -> object:
        """Return the current value; see `StatisticValues.value_of`.

        Raises:
            NotFound: There is no such statistic.
            QueryFailed: It has no value, because its code failed.
        """
        view = await self._answers.one(name)
        if view.error is not msgspec.UNSET:
            raise QueryFailed(f"The statistic {name!r} has no value: {view.error}")
        value: object = view.value
        return value
