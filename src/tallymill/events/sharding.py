"""Which shard an event goes to. Pure, and for ever the same.

A subject's shard is stored by where its events stand, so the function must not change
with the version, the process or the machine: CRC-32 (ISO 3309) of the subject's UTF-8,
modulo the number of shards. It is in every language's library, so that other programs
can tell the shard too; it costs a tenth of a cryptographic hash; and it need not
resist an attacker, who could as well send all events under one subject.
"""

from collections.abc import Sequence
from zlib import crc32

from tallymill.events.model import Event, ShardId

Share = tuple[ShardId, list[Event]]


def shard_of(subject: str, shards: int) -> ShardId:
    """Return the shard of a subject.

    Args:
        subject: What the event is about.
        shards: How many there are, >= 1.
    """
    return ShardId(crc32(subject.encode()) % shards)


def split(
    events: Sequence[Event], shards: int, *, single: ShardId | None, turn: int
) -> list[Share]:
    """Return each shard's share of a request's events.

    Events with a subject go to its shard; the others are spread in runs of equal
    length (give or take one), beginning at shard `turn`. The order of the request is
    kept among a shard's events with a subject, and among those without; the latter
    come first.

    Args:
        events: In their order.
        shards: How many there are, >= 1.
        single: The one shard to which all go, in order; None to spread them.
        turn: Any integer; a caller that adds 1 a request sends lone events round.

    Returns:
        Shards with at least one event, each once.
    """
    if not events:
        return []
    if single is not None:
        return [(single, list(events))]
    about = [event for event in events if event.subject is not None]
    if not about:
        return _spread(events, shards, turn)
    free = [event for event in events if event.subject is None]
    shares = dict(_spread(free, shards, turn))
    known: dict[str, list[Event]] = {}
    for event in about:
        subject = event.subject or ""
        share = known.get(subject)
        if share is None:
            share = known[subject] = shares.setdefault(shard_of(subject, shards), [])
        share.append(event)
    return list(shares.items())


def _spread(events: Sequence[Event], shards: int, turn: int) -> list[Share]:
    each, left = divmod(len(events), shards)
    shares: list[Share] = []
    start = 0
    for step in range(min(shards, len(events))):
        end = start + each + (step < left)
        shares.append((ShardId((turn + step) % shards), list(events[start:end])))
        start = end
    return shares
