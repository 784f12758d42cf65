"""What a job in Python is given: its place in time, and a way to ask the sources."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from tallymill.jobs.period import Period
from tallymill.jobs.ports import Row
from tallymill.kernel.errors import QueryFailed

AskSource = Callable[[str, str, dict[str, object]], Awaitable[tuple[Row, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Occurrence:
    job_id: str
    now: datetime  #: aware, in the job's zone; `as_of`, else the due time
    scheduled_for: datetime  #: the due time; aware, in the job's zone
    ask: AskSource  #: to be called in `loop`
    enclosed: Period | None
    loop: asyncio.AbstractEventLoop  #: the server's, beside the job's own thread

    @property
    def period(self) -> Period:
        """Return the last complete period, with `start` and `end`.

        Raises:
            QueryFailed: The job has none.
        """
        if self.enclosed is None:
            raise QueryFailed(
                f'The job {self.job_id!r} has no period: give it one, such as "day".'
            )
        return self.enclosed


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRun(_Occurrence):
    """The argument of an `async def` job, which runs in a loop of its own thread."""

    async def query(
        self, source: str, sql: str, **parameters: object
    ) -> tuple[Row, ...]:
        """Return the rows of a query; :start, :end and :now are bound unless given.

        Raises:
            QueryFailed: The source refused it, it took too long, or it said too much.
        """
        asked = asyncio.run_coroutine_threadsafe(
            _answer(self.ask, source, sql, parameters), self.loop
        )
        return await asyncio.wrap_future(asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockingJobRun(_Occurrence):
    """The argument of a plain `def` job, which runs in a thread of its own."""

    def query(self, source: str, sql: str, **parameters: object) -> tuple[Row, ...]:
        """Return the rows of a query; :start, :end and :now are bound unless given.

        Raises:
            QueryFailed: The source refused it, it took too long, or it said too much.
        """
        return asyncio.run_coroutine_threadsafe(
            _answer(self.ask, source, sql, parameters), self.loop
        ).result()


async def _answer(
    ask: AskSource, source: str, sql: str, parameters: dict[str, object]
) -> tuple[Row, ...]:
    return await ask(source, sql, parameters)
