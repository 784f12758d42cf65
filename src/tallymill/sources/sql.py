"""The SQL sources: each query in a thread and a connection of its own, and bounded.

A source has `PLACES` for queries at once. One that hangs keeps its place until its
driver lets go, and delays no query of another source.
"""

import asyncio
import threading
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import CursorResult, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from tallymill.jobs.answers import plain
from tallymill.jobs.ports import Question, Row
from tallymill.jobs.queries import bind_names
from tallymill.kernel.clock import Clock
from tallymill.kernel.errors import NotFound, QueryFailed, TallymillError, Unavailable
from tallymill.sources.engines import begin_reading, file_told, open_engine
from tallymill.sources.model import Source
from tallymill.sources.times import bound_value

#: Queries at once on one source.
PLACES = 4
ROWS_MOST = 10_000
ANSWER_MOST_BYTES = 8 * 1024 * 1024
_FETCH_ROWS = 500
#: By these words in a driver's message one knows that something was to be written.
_WRITING = ("not authorized", "authorization denied", "readonly", "read-only")


class SqlSources:
    """`Sources` over SQLAlchemy."""

    def __init__(
        self, sources: Collection[Source], *, folder: Path, clock: Clock
    ) -> None:
        """Make the sources; nothing is opened before it is asked.

        Args:
            sources: With different names.
            folder: Relative SQLite paths are relative to it.
            clock: Measures how long a query takes.
        """
        self._sources = {source.name: source for source in sources}
        self._places = {name: asyncio.Semaphore(PLACES) for name in self._sources}
        self._folder = folder
        self._clock = clock

    def names(self) -> Collection[str]:
        """Return the names of all sources."""
        return self._sources.keys()

    async def ask(self, question: Question) -> tuple[Row, ...]:
        """See `Sources.ask`."""
        source = self._sources.get(question.source)
        if source is None:
            there = ", ".join(sorted(self._sources)[:10]) or "none"
            raise NotFound(
                f"There is no source {question.source!r}; there is: {there}."
            )
        deadline_s = self._clock.monotonic_s() + question.timeout_s
        places = self._places[source.name]
        await self._take_place(places, source, question.timeout_s)
        inquiry = _Inquiry(source, question, self._folder, self._clock, deadline_s)
        return await _in_thread(inquiry, places)

    async def _take_place(
        self, places: asyncio.Semaphore, source: Source, timeout_s: float
    ) -> None:
        place = asyncio.ensure_future(places.acquire())
        timer = asyncio.ensure_future(self._clock.sleep(timeout_s))
        try:
            await asyncio.wait({place, timer}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if place.done():
                places.release()
            place.cancel()
            raise
        finally:
            timer.cancel()
        if not place.done():
            place.cancel()
            raise Unavailable(
                f"The source {source.name!r} is busy with {PLACES} other queries."
            )


class _Inquiry:
    """One query; `run` is called in its thread, `cancel` from anywhere."""

    def __init__(
        self,
        source: Source,
        question: Question,
        folder: Path,
        clock: Clock,
        deadline_s: float,
    ) -> None:
        self._source = source
        self._question = question
        self._folder = folder
        self._clock = clock
        self._deadline_s = deadline_s
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Make the query end as soon as it can."""
        self._cancelled.set()

    def run(self) -> tuple[Row, ...]:
        """Return the rows."""
        try:
            return self._ask()
        except DBAPIError as exc:
            raise self._translated(exc) from exc
        except SQLAlchemyError as exc:
            raise QueryFailed(f"The query cannot be asked: {exc}.") from exc

    def _ask(self) -> tuple[Row, ...]:
        left_s = max(0.001, self._deadline_s - self._clock.monotonic_s())
        engine = open_engine(
            self._source,
            folder=self._folder,
            must_stop=self._must_stop,
            timeout_s=left_s,
        )
        try:
            connection = engine.connect()
        except DBAPIError as exc:
            raise Unavailable(
                f"The source {self._source.name!r} cannot be opened: "
                f"{exc.orig}{file_told(self._source, self._folder)}."
            ) from exc
        # Closing rolls back; nothing is ever committed.
        with connection:
            begin_reading(connection, left_s)
            parameters = self._parameters(connection.dialect.name)
            result = connection.execution_options(stream_results=True).execute(
                text(self._question.sql), parameters
            )
            return self._rows(result)

    def _parameters(self, dialect: str) -> dict[str, object]:
        names = bind_names(self._question.sql)
        return {
            name: bound_value(
                value,
                style=self._source.times,
                dialect=dialect,
                timezone=self._question.timezone,
            )
            for name, value in self._question.parameters.items()
            if name in names
        }

    def _rows(self, result: CursorResult[Any]) -> tuple[Row, ...]:
        if not result.returns_rows:
            raise QueryFailed("The query returns no rows: a source is only read.")
        columns = _different(tuple(result.keys()))
        rows: list[Row] = []
        size_bytes = 0
        while some := result.fetchmany(_FETCH_ROWS):
            if len(rows) + len(some) > ROWS_MOST:
                raise QueryFailed(
                    f"The answer has more than {ROWS_MOST:,} rows: ask for less, or "
                    "for a sum of it."
                )
            size_bytes += sum(_size(value) for row in some for value in row)
            if size_bytes > ANSWER_MOST_BYTES:
                raise QueryFailed(
                    f"The answer is over {ANSWER_MOST_BYTES:,} bytes: ask for less, or "
                    "for a sum of it."
                )
            rows += [_row(columns, row) for row in some]
        return tuple(rows)

    def _must_stop(self) -> bool:
        is_late = self._clock.monotonic_s() > self._deadline_s
        return is_late or self._cancelled.is_set()

    def _translated(self, exc: DBAPIError) -> TallymillError:
        name, said = self._source.name, str(exc.orig)
        if self._must_stop():
            return QueryFailed(
                f"The source {name!r} did not answer within "
                f"{self._question.timeout_s:g} seconds: ask for less, or give the job "
                "a longer timeout."
            )
        if any(sign in said for sign in _WRITING):
            return QueryFailed(
                f"The source {name!r} is only read, never written: {said}."
            )
        if exc.connection_invalidated or "locked" in said:
            return Unavailable(f"The source {name!r} is away: {said}.")
        return QueryFailed(f"The source {name!r} refused the query: {said}.")


async def _in_thread(inquiry: _Inquiry, places: asyncio.Semaphore) -> tuple[Row, ...]:
    """Run a query in a daemon thread, which gives its place back when it ends."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[tuple[Row, ...]] = loop.create_future()

    def settle(rows: tuple[Row, ...], error: Exception | None) -> None:
        places.release()
        if future.done():
            return
        if error is None:
            future.set_result(rows)
        else:
            future.set_exception(error)

    def target() -> None:
        rows: tuple[Row, ...] = ()
        error: Exception | None = None
        try:
            rows = inquiry.run()
        except Exception as exc:  # noqa: BLE001 - handed to the waiting caller
            error = exc
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, rows, error)

    threading.Thread(target=target, name="tallymill-source", daemon=True).start()
    try:
        return await future
    finally:
        inquiry.cancel()


def _different(columns: tuple[str, ...]) -> tuple[str, ...]:
    twice = {name for name in columns if columns.count(name) > 1}
    if twice:
        raise QueryFailed(
            f"Two columns are called {min(twice)!r}: name one of them with AS."
        )
    return columns


def _row(columns: Sequence[str], values: Sequence[object]) -> Mapping[str, object]:
    return dict(zip(columns, map(plain, values), strict=True))


def _size(value: object) -> int:
    return len(value) + 8 if isinstance(value, str | bytes) else 16
