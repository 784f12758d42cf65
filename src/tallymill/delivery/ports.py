"""What the courier needs: an outbox (in `store/outbox.py`) and a poster (`outbound/`)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from tallymill.delivery.model import Attempt, Consignment, DeliveryRecord, Reply
from tallymill.delivery.policy import Verdict


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """How many deliveries may be under way, and how many are."""

    more: int  #: how many more in all, >= 1
    a_host: int  #: the most to one host
    a_destination: int  #: the most to one destination of a host
    busy: Mapping[str, int] = {}  #: under way, by destination


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be sent now, and when to look again."""

    consignments: tuple[Consignment, ...]
    next_try_at: datetime | None  #: the least where room is left; None: none waits


class Outbox(Protocol):
    """Durable deliveries. They are put in by the transaction that finishes a run."""

    async def claim(
        self,
        holder: str,
        *,
        now: datetime,
        lease_until: datetime,
        room: Room,
    ) -> Claim:
        """Hand over deliveries whose time has come, oldest first by destination.

        Destinations take turns, those with the most room and then those that wait
        longest first. Cheap when nothing is due, however much waits.

        Each goes to one holder until `lease_until`; then it is handed out again (its
        attempt may have happened: delivery is at least once, with the same key). Each
        hand-over raises the fence by one.

        Args:
            holder: The caller.
            now: Aware, UTC.
            lease_until: When others may take over; later than any attempt can last.
            room: For how many; a destination without room is left out, of
                `next_try_at` too: the end of what is under way makes room.
        """
        ...

    async def record(
        self, run_id: str, fence: int, attempt: Attempt, verdict: Verdict
    ) -> bool:
        """Store an attempt and what follows from it, in one transaction.

        Returns:
            False, and nothing is stored, if another holder has it by now.
        """
        ...

    async def release(self, holder: str) -> int:
        """Make due at once whatever other holders have; for the only process there is.

        Returns:
            How many there were.
        """
        ...

    async def redeliver(self, run_id: str, now: datetime) -> bool:
        """Make an undelivered (or delivered) one due now, with its retries anew.

        Returns:
            False if the run has no delivery.
        """
        ...

    async def history(self, run_ids: Sequence[str]) -> Mapping[str, DeliveryRecord]:
        """Return the deliveries of those of the runs that have one, by run."""
        ...


class Poster(Protocol):
    """Sends one request."""

    async def post(
        self, url: str, *, body: bytes, headers: Mapping[str, str], timeout_s: float
    ) -> Reply:
        """POST a body; redirects are not followed.

        Args:
            url: http or https.
            body: Sent as it is.
            headers: In addition to the client's own.
            timeout_s: For the whole of it: connecting, sending, reading the reply.

        Raises:
            Unavailable: No reply came; the sentence says why.
        """
        ...
