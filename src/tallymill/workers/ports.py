"""The ledger: how far each shard is folded, and what came of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from tallymill.events.model import ShardId
from tallymill.statistics.ports import Partial
from tallymill.workers.model import FoldCommit, Position, RejectedEvent, Worker


class Ledger(Protocol):
    """Positions, partial states, workers' counts and rejected events, kept together."""

    async def open(
        self, shards: int, statistics: Mapping[str, tuple[str, str, bool]], at: datetime
    ) -> Sequence[Position]:
        """Take every shard over and make the statistics known, in one transaction.

        Each shard's epoch grows by one, so that a commit of whoever held it before
        touches no row. A statistic whose version is new gets, for each shard that has
        events already, a replay from offset 0 to the live position; states of its
        former version, and of statistics no longer defined, are deleted. Workers that
        a crash left unfinished are finished at `at`.

        Args:
            shards: How many shards there are; never fewer than the log has.
            statistics: Name to (version, stream, whether to start from now).
            at: The time of taking over.

        Returns:
            The live position of each shard, and of each replay that has not ended.

        Raises:
            Conflict: The log has more shards than `shards`.
        """
        ...

    async def load(
        self, shard: ShardId, reader: str
    ) -> tuple[Position, Sequence[Partial]]:
        """Return a reader's position and partial states, as of one moment.

        Raises:
            Corrupt: The reader has no position; `open` was not called.
        """
        ...

    async def commit(self, commit: FoldCommit) -> bool:
        """Store a batch's effects and its position together, durably.

        Compare-and-set on `(epoch, next)`: False, and nothing stored, when the shard
        was taken over or the batch was committed before. Commits that are handed in
        one after another are tried in that order.

        Raises:
            Unavailable: It cannot be written now; nothing was stored.
        """
        ...

    async def finish(self, worker: Worker) -> None:
        """Store the end of a worker's life."""
        ...

    async def rejected(
        self, *, stream: str | None, after: int, limit: int
    ) -> Sequence[RejectedEvent]:
        """Return rejected events with an id above `after`, oldest first."""
        ...

    async def rejected_count(self) -> int:
        """Return how many events were set aside, ever."""
        ...
