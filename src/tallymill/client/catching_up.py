"""Which of the events that come after a reconnect were missed, and when all have come.

Pure. An event was missed if it stands in the log before the place where the server was
live when it was asked.
"""

import msgspec

from tallymill.kernel.errors import Malformed
from tallymill.live.position import Position, parse_position


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where an event stands, and whom it is about."""

    shard_id: int
    offset: int
    subject: str | None = None


_decode = msgspec.json.Decoder(Place).decode


def place_in(data: str) -> Place | None:
    """Return where a received event stands; None if it does not say."""
    try:
        return _decode(data)
    except msgspec.MsgspecError:
        return None


class CatchingUp:
    """What is missing until a position is reached."""

    def __init__(self, head: str) -> None:
        """Expect everything before a position that the server gave.

        Args:
            head: What it gave; where that is no position, nothing is expected.
        """
        self._head = _read(head)

    def is_missed(self, place: Place) -> bool:
        """Return whether an event stands before the position."""
        if self._head is None or place.shard_id >= len(self._head.offsets):
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
