"""Where a reader stands: the database's epoch, and for each shard the next offset.

As text it is `EPOCH-0.17.4.2.9`: the id of every event that is sent, and what a client
hands back to go on. It says for every shard what comes next, so that going on is exact
whatever the order in which shards were read.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tallymill.kernel.errors import Fault, Malformed

_FORM: Final = re.compile(r"([0-9a-f]{4,32})-(\d{1,19}(?:\.\d{1,19}){0,1023})")
_OFFSET_MOST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the log of one database."""

    epoch: str  #: hexadecimal; of the database that gave it
    offsets: tuple[int, ...]  #: by shard: the offset of the next event


def parse_position(text: str, *, named: str) -> Position:
    """Return the position that a text stands for.

    Args:
        text: As `Cursor.text` writes it.
        named: Where it came from, for the refusal.

    Raises:
        Malformed: It is none.
    """
    form = _FORM.fullmatch(text) if text.isascii() else None
    if form is not None:
        offsets = tuple(int(part) for part in form[2].split("."))
        if max(offsets) <= _OFFSET_MOST:
            return Position(form[1], offsets)
    raise Malformed(
        f"{named} is not an id that this server gave: {text[:80]!r}. Send the id of "
        "the last event that you have, or leave it out to begin with what comes now.",
        faults=[Fault(named, "is the id of an event, such as 5f3a9c01b2d4-0.17.4.2.9")],
    )


class Cursor:
    """A position that moves, and knows its text at little cost."""

    __slots__ = ("_prefix", "_texts", "epoch", "offsets")

    def __init__(self, epoch: str, offsets: Sequence[int]) -> None:
        self.epoch = epoch
        self.offsets = list(offsets)
        self._prefix = epoch.encode("ascii") + b"-"
        self._texts = [b"%d" % offset for offset in offsets]

    def move(self, shard: int, offset: int) -> None:
        """Set the next offset of a shard."""
        self.offsets[shard] = offset
        self._texts[shard] = b"%d" % offset

    def text(self) -> bytes:
        """Return the position as text, ASCII."""
        return self._prefix + b".".join(self._texts)
