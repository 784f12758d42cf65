"""The one thread that writes: group commit for everything that changes the database.

Whatever waits is written in one transaction with one sync, then answered together.
A lone request waits for nobody. Items of one lane are handed to its handler together,
in the order in which they came; between lanes no order is kept.

While senders wait, a patient lane, that of the fold, goes along only now and then: what
it writes nobody waits for, and a few large commits cost less than many small ones.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import structlog
from sqlalchemy import Connection

from tallymill.kernel.errors import Overloaded, Unavailable

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")
Handler = Callable[[Connection, Sequence[Item]], Sequence[Outcome]]

#: One transaction holds at most this much, so that nobody waits for long.
GROUP_BYTES = 8 * 1024 * 1024
GROUP_ITEMS = 10_000
#: Whatever waits takes at least this much: its object, its future, its caller.
ITEM_BYTES_LEAST = 1024
#: What is in a patient lane waits for senders so long, seconds, and lets so many of
#: their transactions go first, or so many bytes: a request of 12,500 events has more
#: to be folded than eight more of them may bring.
PATIENCE_S = 0.005
PATIENCE = 8
PATIENCE_BYTES = 256 * 1024

log = structlog.get_logger("tallymill.store")


class Transactions(Protocol):
    """What a database must offer to the writer thread; used by that thread alone."""

    def group(self, work: Callable[[Connection], None]) -> None:
        """Run `work` in one transaction and make it durable; roll back if it raises.

        Raises:
            Unavailable: It cannot be written now (disk full, I/O error); nothing of it
                was stored, whatever `work` made of the error.
        """
        ...

    def nested(self) -> AbstractContextManager[None]:
        """Run a block that is undone by itself if it raises, in a group's `work`."""
        ...

    def is_open(self) -> bool:
        """Tell whether the transaction goes on; a full disk may have ended it."""
        ...

    def told(self, error: Exception) -> Exception:
        """Return an error as the caller is to hear it, without the driver's names."""
        ...

    def tend(self, written_bytes: int, *, idle: bool) -> None:
        """Do the housekeeping that is due after a commit (checkpoints)."""
        ...


@dataclass(slots=True)
class _Work:
    lane: "Lane[Any, Any]"
    item: Any
    size_bytes: int
    weight_bytes: int  #: against the bound on what waits
    future: "asyncio.Future[Any]"
    outcome: Any = None
    error: BaseException | None = None


class Lane(Generic[Item, Outcome]):
    """A way into the writer whose waiting items are handled together."""

    def __init__(
        self,
        writer: "Writer",
        handler: Handler[Item, Outcome],
        committed: Callable[[Sequence[Outcome]], None] | None,
        *,
        is_patient: bool,
    ) -> None:
        self._writer = writer
        self.handler = handler
        self.committed = committed
        self.is_patient = is_patient

    def submit(self, item: Item, size_bytes: int = 0) -> "asyncio.Future[Outcome]":
        """Hand an item over; the future is done once it is durable.

        Args:
            item: Passed to the handler as it is.
            size_bytes: What it weighs against the bound on waiting bytes; 1 KiB at
                least.

        Raises:
            Overloaded: Too many bytes wait for the disk already; nothing was taken.
        """
        return self._writer.submit(self, item, size_bytes)


class Writer:
    """Owns the writing thread; made and used from one event loop."""

    def __init__(self, transactions: Transactions, *, waiting_bytes_max: int) -> None:
        self._transactions = transactions
        self._waiting_bytes_max = waiting_bytes_max
        self._waiting: deque[_Work] = deque()
        self._patient: deque[_Work] = deque()
        self._passed_bytes = 0
        self._passed = 0  # transactions since the last that took patient items along
        self._waiting_bytes = 0
        self._wake = threading.Condition()
        self._closing = False
        self._trouble: str | None = None
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="tallymill-writer")

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    async def close(self) -> None:
        """Write what waits, then end the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.to_thread(self._thread.join)

    def lane(
        self,
        handler: Handler[Item, Outcome],
        committed: Callable[[Sequence[Outcome]], None] | None = None,
        *,
        is_patient: bool = False,
    ) -> Lane[Item, Outcome]:
        """Return a lane; `committed` is called in the loop, in order, before answers."""
        return Lane(self, handler, committed, is_patient=is_patient)

    def submit(
        self, lane: Lane[Item, Outcome], item: Item, size_bytes: int
    ) -> "asyncio.Future[Outcome]":
        """See `Lane.submit`."""
        weight_bytes = max(size_bytes, ITEM_BYTES_LEAST)
        if self._waiting_bytes and (
            self._waiting_bytes + weight_bytes > self._waiting_bytes_max
        ):
            raise Overloaded("The disk cannot keep up; try again.", retry_after_s=1.0)
        future: asyncio.Future[Outcome] = self._loop.create_future()
        with self._wake:
            if self._closing:
                raise Unavailable("The server is shutting down.")
            line = self._patient if lane.is_patient else self._waiting
            line.append(_Work(lane, item, size_bytes, weight_bytes, future))
            self._waiting_bytes += weight_bytes
            self._wake.notify()
        return future

    @property
    def trouble(self) -> str | None:
        """Why nothing could be written last; None once something was."""
        return self._trouble

    def _run(self) -> None:
        while self._take_and_write():
            pass

    def _take_and_write(self) -> bool:
        """Write a group and let go of it, so that none is kept while nothing comes."""
        group = self._take()
        if not group:
            return False
        self._write(group)
        size_bytes = sum([work.size_bytes for work in group])
        self._loop.call_soon_threadsafe(self._answer, group)
        del group
        self._tend(size_bytes)
        return True

    def _tend(self, written_bytes: int) -> None:
        """Do the housekeeping; what fails is tried again after the next commit."""
        try:
            self._transactions.tend(written_bytes, idle=not self._waiting)
        except Exception as error:  # noqa: BLE001 - the thread must outlive a full disk
            reason = str(self._transactions.told(error))
            log.warning("store.checkpoint_failed", reason=reason)

    def _take(self) -> list[_Work]:
        """Wait for work and take what one transaction may hold; empty at the end."""
        with self._wake:
            while not self._is_wanted():
                if not self._patient:
                    self._wake.wait()
                elif not self._wake.wait_for(self._is_wanted, PATIENCE_S):
                    break
            self._take_patient_along()
            group: list[_Work] = []
            size_bytes = 0
            while self._waiting and len(group) < GROUP_ITEMS:
                if group and size_bytes + self._waiting[0].size_bytes > GROUP_BYTES:
                    break
                group.append(self._waiting.popleft())
                size_bytes += group[-1].size_bytes
            self._passed_bytes += size_bytes
            return group

    def _is_wanted(self) -> bool:
        return bool(self._waiting or self._closing)

    def _take_patient_along(self) -> None:
        """Have what is patient follow what is not, if it has been passed enough."""
        self._passed += 1
        few = self._passed <= PATIENCE and self._passed_bytes < PATIENCE_BYTES
        if self._waiting and few:
            return
        self._passed = self._passed_bytes = 0
        self._waiting.extend(self._patient)
        self._patient.clear()

    def _write(self, group: list[_Work]) -> None:
        by_lane: dict[int, list[_Work]] = {}
        for work in group:
            by_lane.setdefault(id(work.lane), []).append(work)

        def handle_all(connection: Connection) -> None:
            for works in by_lane.values():
                self._handle(connection, works)

        try:
            self._transactions.group(handle_all)
        except Exception as error:  # noqa: BLE001 - the loop's top: told to every caller
            for work in group:
                work.error = work.error or error
        errors = [work.error for work in group]
        # A full disk may also fail each statement by itself, and nothing is left.
        is_lost = all(isinstance(error, Unavailable) for error in errors)
        self._trouble = str(errors[0]) if is_lost else None

    def _handle(self, connection: Connection, works: list[_Work]) -> None:
        """Run a lane's handler over its items; if that fails, over each item alone.

        Raises:
            Exception: The whole transaction is gone; nobody's work in it is stored.
        """
        try:
            with self._transactions.nested():
                outcomes = works[0].lane.handler(connection, [w.item for w in works])
        except Exception as error:
            if not self._transactions.is_open():
                raise
            if len(works) == 1:
                works[0].error = self._transactions.told(error)
                return
            for work in works:
                self._handle(connection, [work])
            return
        for work, outcome in zip(works, outcomes, strict=True):
            work.outcome = outcome

    def _answer(self, group: list[_Work]) -> None:
        """Tell the lanes, then every caller, in the event loop."""
        self._waiting_bytes -= sum([work.weight_bytes for work in group])
        told: dict[int, tuple[Lane[Any, Any], list[Any]]] = {}
        for work in group:
            # In the order in which their handlers ran: several lanes append to the log.
            outcomes = told.setdefault(id(work.lane), (work.lane, []))[1]
            if work.error is None:
                outcomes.append(work.outcome)
        for lane, outcomes in told.values():
            if outcomes and lane.committed:
                _tell(lane, outcomes)
        for work in group:
            if work.future.done():
                continue
            if work.error is None:
                work.future.set_result(work.outcome)
            else:
                work.future.set_exception(work.error)


def _tell(lane: Lane[Any, Any], outcomes: Sequence[Any]) -> None:
    """Tell a lane what is durable; its fault must not keep the callers waiting."""
    try:
        if lane.committed:
            lane.committed(outcomes)
    except Exception:
        log.exception("store.listener_failed")
