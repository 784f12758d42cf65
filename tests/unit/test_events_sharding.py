"""Where events go: always the same for a subject, evenly for the rest."""

from datetime import UTC, datetime

import pytest

from tallymill.events.model import Event, ShardId
from tallymill.events.sharding import shard_of, split

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def events(*subjects: str | None) -> list[Event]:
    return [
        Event(timestamp=NOW, id=str(number), subject=subject)
        for number, subject in enumerate(subjects)
    ]


def numbers(share: list[Event]) -> list[int]:
    return [int(event.id) for event in share]


@pytest.mark.parametrize(
    ("subject", "shard"),
    [("123456789", 0xCBF43926 % 5), ("1000", 0), ("1001", 3), ("é", 1)],
)
def test_a_subjects_shard_never_changes(subject, shard):
    """
    Stored positions depend on it: another function is another log. The first is the
    check value that CRC-32's definition gives.
    """
    assert shard_of(subject, 5) == shard


def test_subjects_spread_over_all_shards():
    counts = [0] * 5
    for account in range(10_000):
        counts[shard_of(str(account), 5)] += 1

    assert min(counts) > 1900


def test_a_request_without_subjects_is_cut_into_equal_runs():
    shares = split(events(*[None] * 12_500), 5, single=None, turn=0)

    assert [shard for shard, _ in shares] == [0, 1, 2, 3, 4]
    assert [len(share) for _, share in shares] == [2_500] * 5
    assert [n for _, share in shares for n in numbers(share)] == list(range(12_500))


def test_what_does_not_divide_differs_by_one_at_most():
    shares = split(events(*[None] * 13), 5, single=None, turn=4)

    assert [(shard, len(share)) for shard, share in shares] == [
        (4, 3), (0, 3), (1, 3), (2, 2), (3, 2),
    ]  # fmt: skip


def test_lone_events_go_round():
    shards = [split(events(None), 5, single=None, turn=turn)[0][0] for turn in range(7)]

    assert shards == [0, 1, 2, 3, 4, 0, 1]


def test_a_single_shard_takes_all_in_order():
    ((shard, share),) = split(
        events(None, "a", "b", None), 5, single=ShardId(2), turn=1
    )

    assert shard == 2
    assert numbers(share) == [0, 1, 2, 3]


def test_a_subjects_events_stay_together_and_in_order():
    given = events("a", None, "b", "a", None, "b", "a")

    shares = dict(split(given, 5, single=None, turn=3))

    of_a = [event.id for event in shares[shard_of("a", 5)] if event.subject == "a"]
    assert of_a == ["0", "3", "6"]
    assert sorted(n for share in shares.values() for n in numbers(share)) == list(
        range(7)
    )
    assert numbers(shares[ShardId(3)])[:1] == [1]


def test_no_events_make_no_shares():
    assert split([], 5, single=None, turn=0) == []
    assert split([], 5, single=ShardId(1), turn=0) == []
