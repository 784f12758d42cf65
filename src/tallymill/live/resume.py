"""Where a reader begins, and what it cannot be given. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tallymill.live.model import Gap, Hole
from tallymill.live.position import Cursor, Position

OTHER_DATABASE: Final = (
    "The id is of another database, so what was missed is not known; "
    "it goes on with what comes now."
)
AHEAD: Final = (
    "The id is ahead of the log, as after a restored backup; "
    "it goes on with what comes now."
)
NO_LONGER_KEPT: Final = "The log no longer has all that was missed."


@dataclass(frozen=True, slots=True)
class Start:
    """Where to begin."""

    offsets: tuple[int, ...]  #: by shard
    gap: Gap | None


def resume(
    after: Position, *, epoch: str, floors: Sequence[int], heads: Sequence[int]
) -> Start:
    """Return where a reader goes on that stood at a position.

    Args:
        after: Where it stood. A shard that it does not know was empty for it.
        epoch: This database's.
        floors: By shard, the offset of the oldest event that is kept.
        heads: By shard, the offset that the next event will have.
    """
    if after.epoch != epoch:
        return Start(tuple(heads), _gap(OTHER_DATABASE, after, epoch, heads, ()))
    known = after.offsets + (0,) * (len(heads) - len(after.offsets))
    begin = []
    holes = []
    for shard, (offset, floor, head) in enumerate(zip(known, floors, heads)):  # noqa: B905 - an id from a time of more shards is longer
        at = min(max(offset, floor), head)
        begin.append(at)
        if at != offset:
            holes.append(Hole(shard, offset, at))
    if not holes:
        return Start(tuple(begin), None)
    ahead = any(hole.end < hole.first for hole in holes)
    reason = AHEAD if ahead else NO_LONGER_KEPT
    return Start(tuple(begin), _gap(reason, after, epoch, begin, tuple(holes)))


def _gap(
    reason: str,
    after: Position,
    epoch: str,
    offsets: Sequence[int],
    holes: tuple[Hole, ...],
) -> Gap:
    return Gap(
        reason=reason,
        after=Cursor(after.epoch, after.offsets).text().decode(),
        resumed=Cursor(epoch, offsets).text().decode(),
        holes=holes,
    )
