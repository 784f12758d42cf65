"""What the receiver needs of a store. Implemented in `store/results.py`."""

from typing import Protocol

from tallymill.results.model import Posted, Receipt, ResultPage

#: The most results in one page; also the default.
PAGE_MAX = 1000


class ResultStore(Protocol):
    """Durable bodies in the order of their arrival."""

    async def receive(self, posted: Posted) -> Receipt:
        """Store a body once; when this returns, it is durable.

        Body and key are stored in one transaction. A key that was seen before, at any
        time, stores nothing, whatever the body; two callers with one key at the same
        moment: one of them stores.

        Raises:
            Overloaded: Too much waits for the disk already; nothing was stored.
            Unavailable: It could not be written; nothing was stored.
        """
        ...

    async def page(self, *, after: int = 0, limit: int = PAGE_MAX) -> ResultPage:
        """Return results whose position is greater than `after`, oldest first.

        Args:
            after: A position; 0 is the beginning.
            limit: At most so many, 1 to `PAGE_MAX`.
        """
        ...

    async def count(self) -> int:
        """Return how many results there are."""
        ...
