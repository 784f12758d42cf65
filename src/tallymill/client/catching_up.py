"""Which of the events that come after a reconnect were missed, and when all have come.

Pure. An event was missed if it stands in the log before the place where the server was
live when it was asked.
"""

import msgspec

from tallymill.kernel.errors import Malformed
from tallymill.live.position import Position, parse_position


class _Place(msgspec.Struct, frozen=True, gc=False):
    """Where an event stands."""

    shard_id: int
    offset: int


_decode = msgspec.json.Decoder(_Place).decode


class CatchingUp:
    """What is missing until a position is reached."""

    def __init__(self, head: str) -> None:
        """Expect everything before a position that the server gave.

        Args:
            head: What it gave; where that is no position, nothing is expected.
        """
        self._head = _read(head)

    def is_missed(self, data: str) -> bool:
        """Return whether a received event stands before the position."""
        if self._head is None:
            return False
        try:
            place = _decode(data)
        except msgspec.MsgspecError:
            return False
        if not 0 <= place.shard_id < len(self._head.offsets):
            return False
        return place.offset < self._head.offsets[place.shard_id]

    def is_done(self, position: str) -> bool:
        """Return whether whoever stands at a position has missed nothing more."""
        reached = _read(position)
        if reached is None or self._head is None or reached.epoch != self._head.epoch:
            return True
        pairs = zip(reached.offsets, self._head.offsets)  # noqa: B905 - shards may be added
        return all(offset >= head for offset, head in pairs)


def _read(text: str) -> Position | None:
    try:
        return parse_position(text, named="id")
    except Malformed:
        return None
