"""`GET /statistics/live`: each statistic when it has changed, as server-sent events.

One task asks for all readers together, at most ten times a second, and only while
there are any. A reader that is slow gets the latest value of what it missed: what
waits for it is one frame for each statistic, never a queue.
"""

import asyncio
from typing import Any, Final

import msgspec
import structlog

from tallymill.kernel.clock import Clock, wait_or_timeout
from tallymill.kernel.errors import Overloaded, TallymillError
from tallymill.kernel.service import cancel_and_wait
from tallymill.statistics.answers import Answers, View
from tallymill.web.asgi import SAFE_HEADERS, Receive, Scope, Send
from tallymill.web.drain import Drain
from tallymill.web.query import read_query
from tallymill.web.services import Services

log = structlog.get_logger("tallymill.web")

#: Between two looks at the statistics.
STEP_S: Final = 0.1
HEARTBEAT_S: Final = 15.0
#: A reader that takes nothing for so long is gone.
STUCK_S: Final = 30.0
READERS_MOST: Final = 1000
_RETRY_MS: Final = 1000
_NO_QUERY: Final[frozenset[str]] = frozenset()
_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"x-accel-buffering", b"no"),
    *SAFE_HEADERS,
]


class Reader:
    """What waits for one client."""

    __slots__ = ("frames", "is_gone", "wake")

    def __init__(self, frames: dict[str, bytes]) -> None:
        self.frames = frames
        self.wake = asyncio.Event()
        self.is_gone = False
        if frames:
            self.wake.set()

    def offer(self, frames: dict[str, bytes]) -> None:
        """Put frames in place of older ones of the same statistics."""
        self.frames.update(frames)
        self.wake.set()

    def take(self) -> bytes:
        """Return what waits as one piece."""
        piece = b"".join(self.frames.values())
        self.frames.clear()
        self.wake.clear()
        return piece

    def leave(self) -> None:
        """Say that the client is gone, or that the server goes."""
        self.is_gone = True
        self.wake.set()


class StatisticsFeed:
    """Looks at the statistics while anybody reads, and tells what has changed."""

    def __init__(self, answers: Answers, clock: Clock, drain: Drain) -> None:
        self._answers = answers
        self._clock = clock
        self._drain = drain
        self._readers: set[Reader] = set()
        self._seen: dict[str, tuple[Any, ...]] = {}
        self._frames: dict[str, bytes] = {}
        self._task: asyncio.Task[None] | None = None

    def join(self) -> Reader:
        """Return a reader that has every statistic waiting for it.

        Raises:
            Overloaded: Too many read already.
        """
        if len(self._readers) >= READERS_MOST:
            raise Overloaded(
                f"{READERS_MOST} clients follow the statistics, which is the most.",
                retry_after_s=5.0,
            )
        if self._task is None:
            self._seen.clear()
            self._frames.clear()
            self._task = asyncio.create_task(self._follow(), name="statistics feed")
        reader = Reader(dict(self._frames))
        self._readers.add(reader)
        return reader

    async def leave(self, reader: Reader) -> None:
        """Forget a reader; the last one ends the task."""
        self._readers.discard(reader)
        if self._readers or self._task is None:
            return
        task, self._task = self._task, None
        await cancel_and_wait(task)

    async def _follow(self) -> None:
        while not self._drain.has_begun:
            await self._look()
            await self._clock.sleep(STEP_S)
        for reader in self._readers:
            reader.leave()

    async def _look(self) -> None:
        try:
            views = await self._answers.all()
        except TallymillError as error:
            log.warning("feed.cannot_read", reason=error.detail)
            return
        changed = {}
        for view in views:
            mark = (view.value, view.events, view.error, view.replaying)
            if self._seen.get(view.name) != mark:
                self._seen[view.name] = mark
                changed[view.name] = frame("statistic", view)
        self._frames |= changed
        if changed:
            for reader in self._readers:
                reader.offer(changed)


class GetLive:
    """The stream of one client."""

    def __init__(self, services: Services, drain: Drain) -> None:
        self._clock = services.clock
        self._feed = StatisticsFeed(services.answers, services.clock, drain)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send frames until the client or the server goes."""
        read_query(scope["query_string"], _NO_QUERY)
        reader = self._feed.join()
        watch = asyncio.create_task(_watch(receive, reader), name="statistics reader")
        try:
            await send(
                {"type": "http.response.start", "status": 200, "headers": _HEADERS}
            )
            await _send(send, b"retry: %d\n\n" % _RETRY_MS)
            await self._pass_on(reader, send)
            await _send(send, _FAREWELL, more=False)
        except TimeoutError:
            log.info("feed.reader_stuck", silent_s=STUCK_S)
        finally:
            await cancel_and_wait(watch)
            await self._feed.leave(reader)

    async def _pass_on(self, reader: Reader, send: Send) -> None:
        while True:
            woken = await wait_or_timeout(reader.wake, self._clock, HEARTBEAT_S)
            piece = reader.take() if woken else b": still here\n\n"
            if piece:
                await _send(send, piece)
            if reader.is_gone:
                return


def frame(event: str, value: View | dict[str, str]) -> bytes:
    """Return a value as one server-sent event; JSON has no line breaks in it."""
    data = msgspec.json.encode(value)
    return b"event: %s\ndata: %s\n\n" % (event.encode("ascii"), data)


_FAREWELL: Final = frame("farewell", {"reason": "The server is shutting down."})


async def _watch(receive: Receive, reader: Reader) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    reader.leave()


async def _send(send: Send, piece: bytes, *, more: bool = True) -> None:
    async with asyncio.timeout(STUCK_S):
        await send({"type": "http.response.body", "body": piece, "more_body": more})
