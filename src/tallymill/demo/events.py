"""Small events as a generator of test data makes them: a timestamp and a number."""

from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Final

import msgspec

FIRST: Final = datetime(2014, 1, 1, tzinfo=UTC)
OFFSET: Final = timezone(timedelta(hours=-3))
DATA: Final = 12312
FEWEST, MOST = 10_000, 15_000  # events in a typical request


class SmallEvent(msgspec.Struct, frozen=True):
    """An event with whole seconds and one number."""

    timestamp: str  #: "2019-10-04T01:52:07-03:00"
    data: int = DATA


def small_events(
    seed: int = 0,
    count: int | None = None,
    *,
    until: datetime = datetime(2026, 1, 1, tzinfo=UTC),
) -> list[SmallEvent]:
    """Return events with timestamps between 2014 and `until`, in no order.

    Args:
        seed: The same seed gives the same events.
        count: How many; a random number from 10,000 to 15,000 if left out.
        until: The last instant, excluded; aware.
    """
    random = Random(seed)  # noqa: S311 - made-up data, no secret
    if count is None:
        count = random.randint(FEWEST, MOST)
    span_s = int((until - FIRST).total_seconds())
    return [
        SmallEvent(_local(FIRST + timedelta(seconds=random.randrange(span_s))))
        for _ in range(count)
    ]


def _local(moment: datetime) -> str:
    return moment.astimezone(OFFSET).isoformat(timespec="seconds")
