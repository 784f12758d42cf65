"""Empties the outbox: takes what is due, posts it, records what came of it.

What a reply means is `policy.py`'s. Each destination (a URL without its query) has a few
places of its own, so that one that is slow or dead delays nobody else's; those of one
host have more together, and all have `PLACES`.
"""

import asyncio
import random
from collections import Counter
from datetime import datetime, timedelta

import structlog

from tallymill.delivery.model import Attempt, Consignment, Parcel, Reply, destination_of
from tallymill.delivery.policy import Dead, Retry, Verdict, judge
from tallymill.delivery.ports import Outbox, Poster, Room
from tallymill.kernel.clock import Clock, wait_or_timeout
from tallymill.kernel.errors import TallymillError, Unavailable
from tallymill.kernel.ids import new_id
from tallymill.kernel.service import cancel_and_wait

log = structlog.get_logger("tallymill.delivery")

#: Requests at once; each holds its body and a connection.
PLACES = 64
PLACES_A_HOST = 16
PLACES_A_DESTINATION = 4
#: For one request, from connecting to the end of the reply.
TIMEOUT_S = 30.0
#: Longer than a request and its record can take.
LEASE_S = 2 * TIMEOUT_S
_LONGEST_SLEEP_S = 5.0
#: What is due already is looked for at once; never in a tight loop.
_SHORTEST_SLEEP_S = 0.01
_AFTER_FAILURE_S = 1.0


class Courier:
    """Delivers. A service; owns a task for each request that is under way."""

    def __init__(self, *, outbox: Outbox, poster: Poster, clock: Clock) -> None:
        """Make a courier.

        Args:
            outbox: Where deliveries wait. No other process runs on it: whatever seems
                to be under way at the start was cut off.
            poster: Sends requests.
            clock: Whose time is meant.
        """
        self._outbox = outbox
        self._poster = poster
        self._clock = clock
        self._holder = new_id()
        self._wake = asyncio.Event()
        self._under_way: dict[asyncio.Task[None], str] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to deliver."""
        await self._outbox.release(self._holder)
        self._task = asyncio.create_task(self._run(), name="delivery.courier")

    async def stop(self) -> None:
        """Take no more, and cut off what is under way: it is sent again, same key."""
        await cancel_and_wait(self._task)
        self._task = None
        await cancel_and_wait(*self._under_way)

    def wake(self) -> None:
        """Say that something was put into the outbox."""
        self._wake.set()

    async def idle(self) -> None:
        """Wait until no request is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)
            # The tasks' own callbacks, which take them off, come one turn later.
            await asyncio.sleep(0)

    async def claim_once(self) -> datetime | None:
        """Begin to send what is due; returns when to look again, None: when woken."""
        places = PLACES - len(self._under_way)
        if places <= 0:
            return None  # the end of one wakes us
        now = self._clock.now()
        room = Room(
            more=places,
            a_host=PLACES_A_HOST,
            a_destination=PLACES_A_DESTINATION,
            busy=Counter(self._under_way.values()),
        )
        claim = await self._outbox.claim(
            self._holder,
            now=now,
            lease_until=now + timedelta(seconds=LEASE_S),
            room=room,
        )
        for consignment in claim.consignments:
            self._begin(consignment)
        return claim.next_try_at

    def _begin(self, consignment: Consignment) -> None:
        name = f"delivery {consignment.parcel.run_id}"
        task = asyncio.create_task(self._deliver(consignment), name=name)
        self._under_way[task] = destination_of(consignment.parcel.url)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            pause_s = _AFTER_FAILURE_S
            try:
                pause_s = self._pause_s(await self.claim_once())
            except TallymillError as exc:
                log.warning("courier.waits", reason=exc.detail)
            except Exception:
                log.exception("courier.failed")
            await wait_or_timeout(self._wake, self._clock, pause_s)

    def _pause_s(self, next_try_at: datetime | None) -> float:
        if next_try_at is None:
            return _LONGEST_SLEEP_S
        seconds = (next_try_at - self._clock.now()).total_seconds()
        return min(max(seconds, _SHORTEST_SLEEP_S), _LONGEST_SLEEP_S)

    async def _deliver(self, consignment: Consignment) -> None:
        """Make one attempt and record it; the top of its task."""
        try:
            attempt, outcome = await self._attempt(consignment)
            verdict = self._judge(consignment, outcome)
            await self._record(consignment, attempt, verdict)
        except Exception:
            # Its lease ends by itself, and it is sent again with the same key.
            log.exception("delivery.failed", run=consignment.parcel.run_id)

    async def _attempt(self, consignment: Consignment) -> tuple[Attempt, Reply | str]:
        at, began_s = self._clock.now(), self._clock.monotonic_s()
        parcel = consignment.parcel
        outcome: Reply | str
        try:
            outcome = await self._poster.post(
                parcel.url,
                body=consignment.body,
                headers=headers_of(consignment),
                timeout_s=TIMEOUT_S,
            )
        except Unavailable as exc:
            outcome = exc.detail
        reply = outcome if isinstance(outcome, Reply) else None
        attempt = Attempt(
            number=consignment.number,
            at=at,
            duration_s=self._clock.monotonic_s() - began_s,
            status=reply.status if reply else None,
            error=outcome if isinstance(outcome, str) else None,
            reply=reply.body if reply else b"",
        )
        return attempt, outcome

    def _judge(self, consignment: Consignment, outcome: Reply | str) -> Verdict:
        failed = max(1, consignment.parcel.retries - consignment.tries_left + 1)
        return judge(
            outcome,
            number=failed,
            tries_left=consignment.tries_left,
            now=self._clock.now(),
            chance=random.random(),  # noqa: S311 - spreads retries, no secret
        )

    async def _record(
        self, consignment: Consignment, attempt: Attempt, verdict: Verdict
    ) -> None:
        parcel = consignment.parcel
        while True:
            try:
                await self._outbox.record(
                    parcel.run_id, consignment.fence, attempt, verdict
                )
                break
            except TallymillError as exc:
                if not exc.retryable:
                    raise
                log.warning("courier.waits", reason=exc.detail)
            await self._clock.sleep(_AFTER_FAILURE_S)
        self._tell(parcel, attempt, verdict)

    def _tell(self, parcel: Parcel, attempt: Attempt, verdict: Verdict) -> None:
        # Someone must act on what was given up; what is tried again may heal.
        tell, more = log.info, {}
        if isinstance(verdict, Dead):
            tell, more = log.error, {"reason": verdict.reason}
        if isinstance(verdict, Retry):
            next_try_at = verdict.at.isoformat()
            tell, more = log.warning, {"next_try_at": next_try_at}
        tell(
            "delivery.attempted",
            run=parcel.run_id,
            job=parcel.job_id,
            number=attempt.number,
            status=attempt.status,
            outcome=type(verdict).__name__.lower(),
            error=attempt.error,
            **more,
        )


def headers_of(consignment: Consignment) -> dict[str, str]:
    """Return the headers of an attempt; the key is the same in each."""
    parcel = consignment.parcel
    return {
        "Content-Type": "application/json",
        "Idempotency-Key": parcel.key,
        "X-Scheduled-For": parcel.scheduled_for.isoformat(),
        "X-Attempt": str(consignment.number),
    }
