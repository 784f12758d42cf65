"""`POST /events`: the hot way in. Raw ASGI; nothing is made for an event here."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import msgspec

from tallymill.events.model import DEFAULT_STREAM, check_stream
from tallymill.events.ports import Receipt
from tallymill.events.sifting import Rejected
from tallymill.web.asgi import Receive, Scope, Send, answer
from tallymill.web.body import BodyReader
from tallymill.web.formats import Read, reader_of
from tallymill.web.keys import idempotency_key
from tallymill.web.metrics import Metrics
from tallymill.web.query import read_query, read_truth
from tallymill.web.services import Services

_KNOWN: Final = frozenset({"stream", "single_shard", "partial"})
#: Bad events that a partial answer lists; all of them are counted.
_LISTED: Final = 10_000
#: Decoding more than this is not done twice in one turn of the loop: 0.2 ms.
_HEAVY_BYTES: Final = 64 * 1024
_REPLAYED: Final = ((b"idempotency-replayed", b"true"),)


class BadEvent(msgspec.Struct, frozen=True):
    """An event that was not stored, and why."""

    index: int  #: its place in the request, from 0; for NDJSON its line
    pointer: str
    detail: str


class Rejection(msgspec.Struct, frozen=True):
    """What a partial answer says of the events that were not stored."""

    rejected: int
    errors: list[BadEvent]  #: those of the first 10,000 rejected events


class Accepted(msgspec.Struct, frozen=True, omit_defaults=True):
    """`202`: every event is durable."""

    accepted: int
    duplicates: int = 0  #: left out because their `id` is stored already


class PartlyAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """`207`: the good events are durable, the bad ones are listed."""

    accepted: int
    duplicates: int | msgspec.UnsetType = msgspec.UNSET
    rejected: int
    errors: list[BadEvent]


@dataclass(frozen=True, slots=True)
class _Request:
    """What the head of a request says."""

    stream: str
    single_shard: bool
    read: Read
    key: str | None


class PostEvents:
    """Stores the events of a request and answers once they are durable."""

    def __init__(
        self, services: Services, reader: BodyReader, metrics: Metrics
    ) -> None:
        self._ingest = services.ingest
        self._clock = services.clock
        self._limits = services.limits
        self._turnstile = services.turnstile
        self._reader = reader
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = _read_head(scope)
        self._ingest.admit()
        with self._reader.share() as share:
            body = await self._reader.read(scope, receive, share)
            async with self._reader.gate.room(len(body)):
                receipt, rejected = await self._store(request, body)
        self._count(receipt, rejected)
        await _respond(send, receipt)

    async def _store(
        self, request: _Request, body: bytes | bytearray
    ) -> tuple[Receipt, int]:
        if len(body) > _HEAVY_BYTES:
            await self._turnstile.turn()
        events, rejected = request.read(body, self._clock.now(), self._limits)
        receipt = await self._ingest.accept(
            events,
            stream=request.stream,
            size_bytes=len(body),
            single_shard=request.single_shard,
            key=request.key,
            note=_note(rejected),
        )
        return receipt, len(rejected)

    def _count(self, receipt: Receipt, rejected: int) -> None:
        if receipt.replayed:
            return
        if receipt.duplicates:
            self._metrics.duplicates.inc(receipt.duplicates)
        if rejected:
            self._metrics.rejected.inc(rejected)


def _read_head(scope: Scope) -> _Request:
    query = read_query(scope["query_string"], _KNOWN)
    return _Request(
        stream=check_stream(query.get("stream", DEFAULT_STREAM)),
        single_shard=read_truth(query, "single_shard"),
        read=reader_of(scope, partial=read_truth(query, "partial")),
        key=idempotency_key(scope),
    )


def _note(rejected: Sequence[Rejected]) -> bytes:
    """Return what is kept with the key, so that a repeat is answered alike."""
    if not rejected:
        return b""
    errors = [
        BadEvent(one.index, fault.pointer, fault.detail)
        for one in islice(rejected, _LISTED)
        for fault in one.faults
    ]
    return msgspec.json.encode(Rejection(len(rejected), errors))


async def _respond(send: Send, receipt: Receipt) -> None:
    headers = _REPLAYED if receipt.replayed else ()
    if not receipt.note:
        body = msgspec.json.encode(Accepted(receipt.accepted, receipt.duplicates))
        await answer(send, 202, body, headers=headers)
        return
    rejection = msgspec.json.decode(receipt.note, type=Rejection)
    partly = PartlyAccepted(
        accepted=receipt.accepted,
        duplicates=receipt.duplicates or msgspec.UNSET,
        rejected=rejection.rejected,
        errors=rejection.errors,
    )
    await answer(send, 207, msgspec.json.encode(partly), headers=headers)
