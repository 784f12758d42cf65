"""A shard's pool of workers: who takes the next batch, and who has idled too long.

Pure but for the ids and times handed in. Workers are made on demand; the one that
was busy last is taken first, so that those not needed fall idle and finish.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from tallymill.events.model import ShardId
from tallymill.workers.model import Worker


class Pool:
    """At most `workers_max` workers of one shard, who take `batch_size` at a time."""

    def __init__(
        self,
        shard: ShardId,
        *,
        workers_max: int,
        batch_size: int,
        new_id: Callable[[], int],
    ) -> None:
        self.shard = shard
        self.batch_size = batch_size
        self._workers_max = workers_max
        self._new_id = new_id
        self._busy: set[int] = set()
        self._idle: list[tuple[Worker, float]] = []  #: with the time it fell idle
        self.history: list[Worker] = []  #: every worker ever made, oldest first

    @property
    def free(self) -> int:
        """How many batches could be taken now."""
        return self._workers_max - len(self._busy)

    def take(self, at: datetime) -> Worker | None:
        """Return a worker for a batch, a new one if need be; None when all are busy."""
        if not self.free:
            return None
        if self._idle:
            worker, _ = self._idle.pop()
        else:
            worker = Worker(id=self._new_id(), shard_id=self.shard, created_at=at)
            self.history.append(worker)
        self._busy.add(worker.id)
        return worker

    def give_back(self, worker: Worker, now_s: float) -> None:
        """Let a worker wait for its next batch."""
        self._busy.discard(worker.id)
        self._idle.append((worker, now_s))

    def retire(self, now_s: float, at: datetime, timeout_s: float) -> Sequence[Worker]:
        """Finish the workers that have idled for `timeout_s` or longer."""
        ended = [w for w, since_s in self._idle if now_s - since_s >= timeout_s]
        self._idle = [
            (w, since_s) for w, since_s in self._idle if now_s - since_s < timeout_s
        ]
        for worker in ended:
            worker.finished_at = at
        return ended


def batch_length(waiting: int, *, batch_size: int, free: int, events_max: int) -> int:
    """Return how many of the waiting events the next batch takes.

    Never waits to fill a batch: fewer than `batch_size` are taken as they are. More
    are taken in a multiple of it; when very many wait, each free worker gets its part.

    Args:
        waiting: Events that wait, >= 1.
        batch_size: The contract's 5.
        free: Workers that could take a batch now, >= 1.
        events_max: No batch is longer, >= `batch_size`.
    """
    if waiting <= batch_size:
        return waiting
    share = max(-(-waiting // free), SHARE_LEAST, batch_size)
    length = min(waiting, share, events_max)
    return length - length % batch_size


#: Below this a batch is not worth being parted: each costs a commit of its own.
SHARE_LEAST = 2_000
