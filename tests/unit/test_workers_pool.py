"""A pool: who takes the next batch, how long it is, and who has idled too long."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from tallymill.events.model import ShardId
from tallymill.workers.pool import SHARE_LEAST, Pool, batch_length

AT = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def pool():
    return Pool(ShardId(2), workers_max=3, batch_size=5, new_id=count(1).__next__)


def test_workers_are_made_on_demand_and_never_more_than_may_be(pool):
    assert pool.history == []

    taken = [pool.take(AT) for _ in range(5)]

    assert [worker and worker.id for worker in taken] == [1, 2, 3, None, None]
    assert pool.free == 0
    assert [(w.shard_id, w.created_at, w.events_count) for w in pool.history] == [
        (2, AT, 0)
    ] * 3


def test_who_was_busy_last_is_taken_first_so_that_the_others_fall_idle(pool):
    one, two = pool.take(AT), pool.take(AT)
    pool.give_back(two, 1.0)
    pool.give_back(one, 2.0)

    assert pool.take(AT) is one
    pool.give_back(one, 3.0)
    assert pool.take(AT) is one
    assert len(pool.history) == 2


def test_who_has_idled_for_the_timeout_is_finished(pool):
    one, two = pool.take(AT), pool.take(AT)
    pool.give_back(one, 10.0)
    pool.give_back(two, 11.0)
    end = AT + timedelta(minutes=2)

    assert pool.retire(129.9, end, 120.0) == []
    assert pool.retire(130.0, end, 120.0) == [one]
    assert pool.retire(130.5, end, 120.0) == []
    assert (one.finished_at, two.finished_at) == (end, None)


def test_a_busy_worker_is_never_finished(pool):
    one = pool.take(AT)
    pool.give_back(one, 0.0)
    pool.take(AT)

    assert pool.retire(1_000.0, AT, 120.0) == []
    assert one.finished_at is None


def test_a_finished_worker_is_replaced_when_there_is_work(pool):
    one = pool.take(AT)
    pool.give_back(one, 0.0)
    pool.retire(120.0, AT, 120.0)

    two = pool.take(AT)

    assert two is not one
    assert pool.history == [one, two]
    assert pool.free == 2


def length(waiting, *, batch_size=5, free=3, events_max=5_000):
    return batch_length(
        waiting, batch_size=batch_size, free=free, events_max=events_max
    )


@pytest.mark.parametrize("waiting", [1, 2, 3, 4, 5])
def test_a_batch_is_never_waited_for_to_fill(waiting):
    assert length(waiting) == waiting


@pytest.mark.parametrize(
    ("waiting", "taken"), [(6, 5), (9, 5), (10, 10), (14, 10), (1999, 1995)]
)
def test_more_are_taken_in_a_multiple_of_five(waiting, taken):
    assert length(waiting) == taken


def test_very_many_are_parted_among_the_free_workers():
    assert length(9_000, free=3) == 3_000
    assert length(9_000, free=1) == 5_000
    assert length(SHARE_LEAST + 1, free=3) == SHARE_LEAST


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 5_000, 8_000, 100_000])
@pytest.mark.parametrize("free", [1, 2, 3, 64])
@pytest.mark.parametrize("waiting", [1, 4, 5, 4_999, 5_001, 9_000, 250_000])
def test_a_batch_is_never_empty_whatever_the_settings(batch_size, free, waiting):
    """
    An empty batch would be committed for ever, and nothing would be folded.
    """
    most = max(5_000, batch_size)

    taken = length(waiting, batch_size=batch_size, free=free, events_max=most)

    assert 0 < taken <= waiting
    assert taken <= most
    assert taken % batch_size == 0 or taken < batch_size
