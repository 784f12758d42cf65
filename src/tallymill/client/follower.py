"""Follows accounts' events from server to server, each event once and in order.

What was shown is known by its position, which goes with every reconnect; so the events
of the time between come first, and none comes twice. What happens is told to an
`Audience`, which shows it.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Protocol

import httpx2
import msgspec

from tallymill.client.catching_up import CatchingUp
from tallymill.client.connection import UnusablePosition, place_of, stream
from tallymill.kernel.backoff import Backoff
from tallymill.kernel.clock import Clock
from tallymill.kernel.errors import Refused, Unavailable
from tallymill.live.frames import SseEvent, SseReader

BACKOFF: Final = Backoff(first_s=0.25, most_s=5.0)
#: A server sends a heartbeat every 15 s.
SILENCE_S: Final = 25.0
#: A line that held for so long was a good one; what fails next is a first failure.
STEADY_S: Final = 2.0
#: The types of events after which the server ends the line, and what they mean.
_LAST_WORDS: Final = {
    "farewell": "the server is shutting down",
    "slow": "this client took the events too slowly",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """That no events come any more."""

    place: str  #: the server's host and port
    why: str  #: a few words
    was_open: bool  #: whether there was a line to it


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """That the events come again."""

    place: str  #: the server's host and port
    away_s: float | None  #: how long they did not; None if this is the first line
    missed: int | None  #: how many came late; None if none were waited for


class Audience(Protocol):
    """Whom a follower tells; a call returns once that is shown."""

    async def listening(self) -> None:
        """Told once, before all else."""
        ...

    async def events(self, events: Sequence[SseEvent]) -> None:
        """Events that were never told before, in order."""
        ...

    async def gap(self, data: str) -> None:
        """The server cannot give what was missed; `data` is the JSON that it sent."""
        ...

    async def lost(self, lost: Lost) -> None:
        """No events come any more; told once until they are back."""
        ...

    async def back(self, back: Back) -> None:
        """They come again, and what was missed has been told."""
        ...

    async def moved(self, position: str) -> None:
        """All up to a position has been told."""
        ...


class Follower:
    """Goes from server to server, for as long as it is not cancelled."""

    def __init__(  # noqa: PLR0913 - what it stands on, and what it shall do
        self,
        urls: Sequence[str],
        accounts: Sequence[int],
        audience: Audience,
        *,
        http: httpx2.AsyncClient,
        clock: Clock,
        random: Random,
        position: str = "",
        silence_s: float = SILENCE_S,
    ) -> None:
        """Make a follower.

        Args:
            urls: One or more servers over one log; it begins with the first.
            accounts: Whose events are wanted, at least one.
            audience: Whom it tells.
            http: What it connects with.
            clock: For its waits.
            random: For their jitter.
            position: Of the last event that was told; "" for what comes from now on.
            silence_s: Seconds without a sign of life after which a line is lost.
        """
        self._urls = urls
        self._accounts = accounts
        self._audience = audience
        self._http = http
        self._clock = clock
        self._random = random
        self._position = position
        self._silence_s = silence_s
        self._has_told = False  #: that it listens
        self._was_served = False  #: by any server, at any time
        self._away_s: float | None = None  #: since when; None while events come
        self._opened_s: float | None = (
            None  #: the present line; None while there is none
        )
        self._missed = 0
        self._retry_ms: int | None = None

    async def follow(self) -> None:
        """Tell the audience what comes, until cancelled.

        Raises:
            Refused: No server takes this client, and none ever did.
        """
        refused: dict[str, str] = {}
        failures = 0
        for turn in itertools.count():
            url = self._urls[turn % len(self._urls)]
            self._opened_s = self._retry_ms = None
            why = await self._until_lost(url, refused)
            if not self._was_served and len(refused) == len(set(self._urls)):
                raise Refused(f"{place_of(url)} cannot be listened to: {why}.")
            failures = 1 if self._was_steady() else failures + 1
            await self._tell_lost(url, why)
            await self._clock.sleep(self._wait_s(failures))

    async def _until_lost(self, url: str, refused: dict[str, str]) -> str:
        """Follow one server; return why no more, and keep in `refused` who refuses."""
        refused.pop(url, None)
        try:
            await self._stay(url)
        except Unavailable as error:
            return error.detail
        except Refused as error:
            refused[url] = error.detail
        return refused.get(url, "")

    async def _stay(self, url: str) -> None:
        """Follow one server for as long as it can be.

        Raises:
            Unavailable: It is gone.
            Refused: It does not serve this client.
        """
        try:
            await self._stay_from(url)
        except UnusablePosition as error:
            await self._tell_listening()
            await self._audience.gap(
                msgspec.json.encode({"reason": error.detail}).decode()
            )
            self._position = ""
            await self._stay_from(url)

    async def _stay_from(self, url: str) -> None:
        head = await self._head(url) if self._position else ""
        catching_up = CatchingUp(head) if head else None
        reader = SseReader(self._position)
        async with stream(
            self._http,
            url,
            accounts=self._accounts,
            position=self._position,
            silence_s=self._silence_s,
        ) as pieces:
            self._opened_s = self._clock.monotonic_s()
            self._was_served = True
            await self._tell_listening()
            async for piece in pieces:
                ended = await self._take(list(reader.feed(piece)), catching_up)
                self._retry_ms = reader.retry_ms
                await self._move(reader.last_event_id, is_idle=not piece)
                # An idle second says that all has come, where no position says it.
                if catching_up is None or not piece or self._is_done(catching_up):
                    await self._tell_back(url, catching_up)
                    catching_up = None
                if ended:
                    raise Unavailable(ended)

    async def _head(self, url: str) -> str:
        """Return the position up to which events are missed by now."""
        reader = SseReader()
        async with stream(
            self._http,
            url,
            accounts=self._accounts[:1],
            position="",
            silence_s=self._silence_s,
        ) as pieces:
            async for piece in pieces:
                for _ in reader.feed(piece):
                    pass
                if reader.last_event_id:
                    break
        return reader.last_event_id

    async def _take(
        self, events: Sequence[SseEvent], catching_up: CatchingUp | None
    ) -> str:
        """Tell what came; return why the server ends the line, or "" if it does not."""
        wanted = []
        ended = ""
        for event in events:
            if event.type == "message":
                wanted.append(event)
                self._missed += catching_up is not None and catching_up.is_missed(
                    event.data
                )
            elif event.type == "gap":
                await self._tell(wanted)
                wanted = []
                await self._audience.gap(event.data)
            else:
                ended = _LAST_WORDS.get(event.type, ended)
        await self._tell(wanted)
        return ended

    def _is_done(self, catching_up: CatchingUp) -> bool:
        return catching_up.is_done(self._position)

    async def _tell(self, events: Sequence[SseEvent]) -> None:
        if events:
            await self._audience.events(events)
            await self._move(events[-1].id)

    async def _move(self, position: str, *, is_idle: bool = False) -> None:
        """Remember a position; an idle moment is a good one to keep it in a file."""
        if position and (is_idle or position != self._position):
            self._position = position
            await self._audience.moved(position)

    async def _tell_listening(self) -> None:
        if not self._has_told:
            self._has_told = True
            await self._audience.listening()

    async def _tell_lost(self, url: str, why: str) -> None:
        await self._tell_listening()
        if self._away_s is None:
            self._away_s = self._clock.monotonic_s()
            was_open = self._opened_s is not None
            await self._audience.lost(
                Lost(place=place_of(url), why=why, was_open=was_open)
            )

    async def _tell_back(self, url: str, catching_up: CatchingUp | None) -> None:
        since_s, missed = self._away_s, self._missed
        self._away_s, self._missed = None, 0
        if since_s is None and not missed:
            return
        await self._audience.back(
            Back(
                place=place_of(url),
                away_s=since_s and self._clock.monotonic_s() - since_s,
                missed=missed if catching_up else None,
            )
        )

    def _was_steady(self) -> bool:
        if self._opened_s is None:
            return False
        return self._clock.monotonic_s() - self._opened_s >= STEADY_S

    def _wait_s(self, failures: int) -> float:
        """Return when to try again: the server's own wish for the first time."""
        if failures == 1 and self._retry_ms is not None:
            return min(BACKOFF.most_s, self._retry_ms / 1000)
        return BACKOFF.wait_s(failures, self._random.random())
