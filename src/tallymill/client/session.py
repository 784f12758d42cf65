"""Joins the screens, the person, the servers and the state file."""

import asyncio
import math
from collections.abc import Callable, Sequence

import msgspec

from tallymill.client.dialogue import Dialogue, Step, Wish
from tallymill.client.escapes import escaped
from tallymill.client.follower import Audience, Back, Follower, Lost
from tallymill.client.lines import moment
from tallymill.client.people import Person
from tallymill.client.state import Kept, StateFile
from tallymill.kernel.clock import Clock
from tallymill.kernel.errors import Refused
from tallymill.kernel.service import cancel_and_wait
from tallymill.live.frames import SseEvent

#: Makes a follower of accounts from a position on, which tells an audience.
MakeFollower = Callable[[Sequence[int], Audience, str], Follower]
ShowEvent = Callable[[SseEvent], str]


class _Hole(msgspec.Struct):
    shard_id: int
    first: int
    end: int


class _Gap(msgspec.Struct):
    reason: str = ""
    after: str = ""
    resumed: str = ""
    holes: list[_Hole] = []


class Session:
    """One run of the client; the `Audience` of its followers."""

    def __init__(
        self,
        *,
        person: Person,
        state: StateFile,
        kept: Kept,
        follower: MakeFollower,
        show_event: ShowEvent,
        clock: Clock,
    ) -> None:
        """Make a session.

        Args:
            person: Whom it talks to.
            state: Where it keeps things.
            kept: What was kept there.
            follower: Makes followers.
            show_event: Makes an event's line.
            clock: Tells when the line was lost.
        """
        self._person = person
        self._state = state
        self._follower = follower
        self._show_event = show_event
        self._clock = clock
        self._dialogue = Dialogue(kept.accounts)
        self._position = kept.position or ""

    async def talk(self, *, listens_first: bool) -> None:
        """Go through the screens until the person leaves."""
        if listens_first:
            step = await self._listen()
        else:
            step = self._dialogue.options()
        while step.wish is not Wish.LEAVE:
            await self._person.show(step.lines)
            if step.wish is Wish.LISTEN:
                step = await self._listen()
                continue
            line = await self._person.read(step.prompt)
            if line is None:
                return
            step = self._dialogue.take(line)
            await self._keep()

    async def listen(self) -> None:
        """Follow the accounts until interrupted.

        Raises:
            Refused: No server takes this client.
        """
        follower = self._follower(self._dialogue.accounts, self, self._position)
        following = asyncio.create_task(follower.follow(), name="follower")
        leaving = asyncio.create_task(self._person.interrupted(), name="interrupt")
        try:
            await asyncio.wait(
                {following, leaving}, return_when=asyncio.FIRST_COMPLETED
            )
            for task in (following, leaving):
                if task.done():
                    task.result()
        finally:
            await cancel_and_wait(following, leaving)
            await self.close()

    async def close(self) -> None:
        """Keep what is to be kept at once."""
        await self._keep(now_s=math.inf)

    async def listening(self) -> None:
        """See `Audience.listening`."""
        await self._say(self._dialogue.listening())

    async def events(self, events: Sequence[SseEvent]) -> None:
        """See `Audience.events`."""
        await self._person.show([self._show_event(event) for event in events])

    async def moved(self, position: str) -> None:
        """See `Audience.moved`."""
        self._position = position
        await self._keep()

    async def lost(self, lost: Lost) -> None:
        """See `Audience.lost`."""
        said = "lost the line" if lost.was_open else "no line"
        await self._tell(f"{said} to {lost.place} ({lost.why}); trying again")

    async def back(self, back: Back) -> None:
        """See `Audience.back`."""
        said = "caught up on" if back.away_s is None else "back on"
        since = "" if back.away_s is None else f" after {back.away_s:.1f} s"
        missed = "" if back.missed is None else f"; {_missed(back.missed)}"
        await self._tell(f"{said} {back.place}{since}{missed}")

    async def gap(self, data: str) -> None:
        """See `Audience.gap`."""
        await self._tell(_gap(data))

    async def _listen(self) -> Step:
        try:
            await self.listen()
        except Refused as error:
            return self._dialogue.options(f" {escaped(error.detail)}")
        return self._dialogue.options()

    async def _tell(self, text: str) -> None:
        await self._say(f"<{moment(self._clock.now())}>: {text}")

    async def _say(self, line: str) -> None:
        await self._person.note(line)

    async def _keep(self, now_s: float | None = None) -> None:
        kept = Kept(accounts=self._dialogue.accounts, position=self._position or None)
        complaint = self._state.save(
            kept, self._clock.monotonic_s() if now_s is None else now_s
        )
        if complaint:
            await self._person.note(f" {complaint}")


def _missed(count: int) -> str:
    if not count:
        return "nothing was missed"
    if count == 1:
        return "the 1 event missed is printed above"
    return f"the {count} events missed are printed above"


def _gap(data: str) -> str:
    """Return a gap, with its bounds, in one line."""
    try:
        gap = msgspec.json.decode(data, type=_Gap)
    except msgspec.MsgspecError:
        return f"gap: {data}"
    holes = [_hole(hole) for hole in gap.holes]
    bounds = "; ".join(holes) or (f"after {gap.after}" if gap.after else "")
    resumed = f"; goes on at {gap.resumed}" if gap.resumed else ""
    reason = gap.reason.rstrip(".") or "some events cannot be had any more"
    return f"gap: {reason}{': ' if bounds else ''}{bounds}{resumed}"


def _hole(hole: _Hole) -> str:
    if hole.end < hole.first:
        return f"shard {hole.shard_id} ends before {hole.end}, not {hole.first}"
    return f"shard {hole.shard_id} lacks {hole.first} to {hole.end - 1}"
