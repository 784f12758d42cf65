"""From a run to its answer: binds the times, asks what the job asks, within its time."""

import asyncio
import inspect
import traceback
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from tallymill.jobs.answers import (
    answer_of,
    answer_of_nothing,
    answer_of_rows,
    answer_of_statistic,
)
from tallymill.jobs.handle import BlockingJobRun, JobRun
from tallymill.jobs.model import Job, Run
from tallymill.jobs.period import Period, last_complete_period, resolve_as_of
from tallymill.jobs.ports import Question, Row, Sources, StatisticValues
from tallymill.jobs.threads import in_own_loop, in_own_thread
from tallymill.kernel.clock import Clock
from tallymill.kernel.errors import QueryFailed, TallymillError

Function = Callable[..., Any]
T = TypeVar("T")


class Asker:
    """Answers runs. Knows the functions of the jobs in Python by the jobs' ids."""

    def __init__(
        self, *, sources: Sources, statistics: StatisticValues, clock: Clock
    ) -> None:
        self._sources = sources
        self._statistics = statistics
        self._clock = clock
        self._functions: dict[str, Function] = {}

    def know(self, functions: Mapping[str, Function]) -> None:
        """Set the functions of the jobs in Python, by job id; others are forgotten."""
        self._functions = dict(functions)

    async def answer(self, run: Run, job: Job) -> bytes:
        """Return the answer of a run as JSON.

        Raises:
            QueryFailed: The question was refused or failed, or took too long.
            Unavailable: The source is away; asking again may help.
        """
        asking = self._ask(run, job)
        return await within(self._clock, job.ask.timeout_s, asking)

    async def _ask(self, run: Run, job: Job) -> bytes:
        ask = job.ask
        if ask.function:
            return await self._call(run, job)
        if ask.statistic:
            value = await self._statistics.value_of(ask.statistic)
            return answer_of_statistic(ask.statistic, value)
        if ask.source and ask.query:
            return answer_of_rows(await self._query(run, job, ask.source, ask.query))
        return answer_of_nothing(job, run)

    async def _query(
        self,
        run: Run,
        job: Job,
        source: str,
        sql: str,
        parameters: Mapping[str, object] | None = None,
    ) -> tuple[Row, ...]:
        bound: dict[str, object] = {"now": now_of(run, job)}
        if period := period_of(run, job):
            bound |= {"start": period.start, "end": period.end}
        question = Question(
            source=source,
            sql=sql,
            timezone=job.ask.timezone,
            timeout_s=job.ask.timeout_s,
            parameters={**bound, **(parameters or {})},
        )
        return await self._sources.ask(question)

    async def _call(self, run: Run, job: Job) -> bytes:
        function = self._functions.get(job.id)
        if function is None:
            raise QueryFailed(
                f"The job's function is not loaded; is it still in {job.ask.function}?"
            )

        async def ask(
            source: str, sql: str, parameters: dict[str, object]
        ) -> tuple[Row, ...]:
            return await self._query(run, job, source, sql, parameters)

        place: dict[str, Any] = {
            "job_id": job.id,
            "now": now_of(run, job),
            "scheduled_for": run.scheduled_for.astimezone(ZoneInfo(job.ask.timezone)),
            "ask": ask,
            "enclosed": period_of(run, job),
        }
        try:
            # Never in this loop: whatever blocked in there would freeze the server.
            loop = asyncio.get_running_loop()
            if inspect.iscoroutinefunction(function):
                run_of = JobRun(**place, loop=loop)
                return answer_of(await in_own_loop(lambda: function(run_of)))
            handle = BlockingJobRun(**place, loop=loop)
            return answer_of(await in_own_thread(lambda: function(handle)))
        except TallymillError:
            raise
        except asyncio.CancelledError as exc:
            if _is_being_cancelled():
                raise
            raise QueryFailed(_told(exc)) from exc
        except BaseException as exc:
            # `exit()` in a user's function must not end the server.
            raise QueryFailed(_told(exc)) from exc


def now_of(run: Run, job: Job) -> datetime:
    """Return what is "now" for a run; aware, in the job's zone.

    Its own `as_of` (run now, backfill), else the job's, else its due time: a run that
    is late asks about its own day.
    """
    if run.as_of is None and job.ask.as_of is not None:
        return resolve_as_of(job.ask.as_of, job.ask.timezone)
    return (run.as_of or run.scheduled_for).astimezone(ZoneInfo(job.ask.timezone))


def period_of(run: Run, job: Job) -> Period | None:
    """Return what :start and :end are for a run; None if its job has no period."""
    if job.ask.period is None:
        return None
    return last_complete_period(job.ask.period, now_of(run, job), job.ask.timezone)


async def within(clock: Clock, timeout_s: float, asking: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns; cancel it when its time is over.

    Raises:
        QueryFailed: It took longer than `timeout_s` seconds, or cancelled itself.
    """
    question = asyncio.ensure_future(asking)
    timer = asyncio.ensure_future(clock.sleep(timeout_s))
    try:
        await asyncio.wait({question, timer}, return_when=asyncio.FIRST_COMPLETED)
        if question.cancelled():
            raise QueryFailed("The job's function cancelled itself.")
        if question.done():
            return question.result()
        raise QueryFailed(
            f"No answer within {timeout_s:g} seconds: ask for less, or give the job a "
            "longer timeout."
        )
    finally:
        timer.cancel()
        # Not waited for: code that swallows its cancellation must not win time by it.
        question.cancel()
        question.add_done_callback(_forget)


def _forget(question: asyncio.Future[Any]) -> None:
    """Take note of how a question ended that nobody waits for any more."""
    if not question.cancelled():
        question.exception()


def _is_being_cancelled() -> bool:
    """Whether somebody cancels this task, or the function only raised the error."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _told(exc: BaseException) -> str:
    """Return what a user's function raised, and in which line."""
    frames = traceback.extract_tb(exc.__traceback__)
    place = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return f"The job's function raised {type(exc).__name__}: {exc}{place}."
