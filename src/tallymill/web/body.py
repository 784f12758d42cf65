"""Reading a request's body: within its limit, its time, and a budget over all requests.

Memory stays bounded whatever comes: what is in flight is counted from the first byte
until the request is answered, and decompression stops at the limit.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from tallymill.kernel.clock import Clock
from tallymill.kernel.errors import Malformed, Overloaded, TooLarge
from tallymill.web.asgi import (
    Disconnected,
    Message,
    Receive,
    Scope,
    header,
    header_values,
)
from tallymill.web.encoding import decompress, encoding_of
from tallymill.web.problems import TooSlow

#: All bodies in flight, as sent and decompressed; beyond it senders come back later.
BUDGET_BYTES: Final = 32 * 1024 * 1024
#: Bodies whose events are decoded and not stored yet: 59 bytes become about 200, so
#: that two of the largest would take more than a quarter of 256 MB.
DECODED_BYTES: Final = 20 * 1024 * 1024
#: Counted for a compressed body until it is known what it holds.
UNPACKING_BYTES: Final = BUDGET_BYTES // 2
#: A body may take so long in any case, and beyond it must have come this fast. A
#: sender that says nothing at all is `protocol`'s.
GRACE_S: Final = 30.0
SLOWEST_BYTES_PER_S: Final = 4096
#: Compressed bodies beyond this are decompressed beside the event loop.
_IN_LOOP_BYTES: Final = 64 * 1024


class Budget:
    """Bytes that may be in flight over all requests of this process."""

    def __init__(self, most_bytes: int = BUDGET_BYTES) -> None:
        self._most_bytes = most_bytes
        self.used_bytes = 0

    def share(self) -> "Share":
        """Return a request's part of the budget, empty at first."""
        return Share(self)

    def take(self, size_bytes: int) -> None:
        """Take a part.

        Raises:
            Overloaded: It is not there. Whoever is alone always gets it.
        """
        if self.used_bytes and self.used_bytes + size_bytes > self._most_bytes:
            raise Overloaded(
                "Too many large requests at once; try again.", retry_after_s=1.0
            )
        self.used_bytes += size_bytes

    def would_fit(self, size_bytes: int) -> bool:
        """Say whether a part could be taken now."""
        return not self.used_bytes or self.used_bytes + size_bytes <= self._most_bytes


class Share:
    """What one request holds of the budget; given back at the end of `with`."""

    __slots__ = ("_budget", "_held_bytes")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._held_bytes = 0

    def grow(self, size_bytes: int) -> None:
        """Hold so many bytes more.

        Raises:
            Overloaded: The budget is used up.
        """
        self._budget.used_bytes -= self._held_bytes
        try:
            self._budget.take(self._held_bytes + size_bytes)
        except Overloaded:
            self._budget.used_bytes += self._held_bytes
            raise
        self._held_bytes += size_bytes

    def shrink(self, size_bytes: int) -> None:
        """Give so many bytes back."""
        self._budget.used_bytes -= size_bytes
        self._held_bytes -= size_bytes

    def check(self, size_bytes: int) -> None:
        """Refuse now what could not be held later.

        Raises:
            Overloaded: The budget has no room for so many bytes.
        """
        if not self._budget.would_fit(size_bytes):
            raise Overloaded(
                "Too many large requests at once; try again.", retry_after_s=1.0
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._budget.used_bytes -= self._held_bytes
        self._held_bytes = 0


class DecodeGate:
    """Lets bodies be decoded while there is room, in the order of their coming.

    Whoever waits holds its body only, which the budget counts.
    """

    def __init__(self, most_bytes: int = DECODED_BYTES) -> None:
        self._most_bytes = most_bytes
        self._used_bytes = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def room(self, size_bytes: int) -> AsyncIterator[None]:
        """Wait for room for a body, and keep it until the end of the block."""
        if self._waiting or not self._fits(size_bytes):
            await self._wait(size_bytes)
        else:
            self._used_bytes += size_bytes
        try:
            yield
        finally:
            self._used_bytes -= size_bytes
            self._admit()

    def _fits(self, size_bytes: int) -> bool:
        used_bytes = self._used_bytes
        return not used_bytes or used_bytes + size_bytes <= self._most_bytes

    async def _wait(self, size_bytes: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size_bytes, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._used_bytes -= size_bytes
                self._admit()
            raise

    def _admit(self) -> None:
        while self._waiting:
            size_bytes, turn = self._waiting[0]
            if not turn.cancelled():
                if not self._fits(size_bytes):
                    return
                self._used_bytes += size_bytes
                turn.set_result(None)
            self._waiting.popleft()


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyReader:
    """Reads bodies under one set of limits."""

    clock: Clock
    budget: Budget
    gate: DecodeGate
    limit_bytes: int  #: of a body, as sent and decompressed
    #: What is unpacked now is not counted to the byte: one at a time.
    unpacking: asyncio.Lock = field(default_factory=asyncio.Lock)

    def share(self) -> Share:
        """Return a request's part of the budget, empty at first."""
        return self.budget.share()

    async def read(
        self, scope: Scope, receive: Receive, share: Share
    ) -> bytes | bytearray:
        """Return the body, decompressed.

        Raises:
            UnsupportedMedia: Its encoding is not taken.
            TooLarge: It is over the limit; nothing is read of one that says so itself.
            Malformed: It ends too early, or is not what its encoding says.
            TooSlow: It trickles.
            Overloaded: Too many bytes are in flight.
            Disconnected: The client went away.
        """
        encoding = encoding_of(scope)
        share.check(self._announced(scope))
        body = await self._receive(receive, share)
        if encoding is None:
            return body
        if len(body) <= _IN_LOOP_BYTES:
            plain = decompress(body, encoding, self.limit_bytes)
            share.grow(len(plain))
            return plain
        async with self.unpacking:
            reserve_bytes = min(self.limit_bytes, UNPACKING_BYTES)
            share.grow(reserve_bytes)
            plain = await asyncio.to_thread(
                decompress, body, encoding, self.limit_bytes
            )
            share.shrink(reserve_bytes)
            share.grow(len(plain))
        return plain

    def _announced(self, scope: Scope) -> int:
        """Return `Content-Length`, 0 without one."""
        values = header_values(scope, b"content-length")
        if not values:
            return 0
        if len(set(values)) > 1 or not values[0].isdigit():
            raise Malformed("The header Content-Length must be one whole number.")
        # Beyond 20 digits it is too large anyway, and int() would take its time.
        size = int(values[0][:20])
        if size > self.limit_bytes:
            raise self._too_large(size)
        return size

    async def _receive(self, receive: Receive, share: Share) -> bytes | bytearray:
        message = await _next(receive)
        first: bytes = message.get("body", b"")
        share.grow(len(first))
        if len(first) > self.limit_bytes:
            raise self._too_large(len(first))
        if not message.get("more_body", False):
            return first
        return await self._rest(receive, share, bytearray(first))

    async def _rest(self, receive: Receive, share: Share, body: bytearray) -> bytearray:
        began_s = self.clock.monotonic_s()
        more = True
        while more:
            message = await _next(receive)
            piece: bytes = message.get("body", b"")
            more = message.get("more_body", False)
            share.grow(len(piece))
            body += piece
            if len(body) > self.limit_bytes:
                raise self._too_large(len(body))
            _check_pace(len(body), self.clock.monotonic_s() - began_s)
        return body

    def _too_large(self, size_bytes: int) -> TooLarge:
        return TooLarge(
            f"The body has {size_bytes} bytes or more; the limit is "
            f"{self.limit_bytes}. Send it in parts."
        )


def has_body(scope: Scope) -> bool:
    """Say whether a request announces a body."""
    if header(scope, b"transfer-encoding") is not None:
        return True
    return header(scope, b"content-length") not in {None, b"0"}


async def _next(receive: Receive) -> Message:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    return message


def _check_pace(size_bytes: int, elapsed_s: float) -> None:
    if elapsed_s <= GRACE_S:
        return
    if size_bytes < (elapsed_s - GRACE_S) * SLOWEST_BYTES_PER_S:
        raise TooSlow(
            f"Only {size_bytes} bytes of the body came in {elapsed_s:.0f} seconds; "
            "send it in smaller parts."
        )
