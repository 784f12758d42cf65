"""What waits to be folded: held in order, bounded, and never folded wrongly."""

from datetime import UTC, datetime

import pytest

from tallymill.events.model import Event, ShardId
from tallymill.events.ports import Run
from tallymill.workers.queue import RunQueue, part

AT = datetime(2026, 11, 21, tzinfo=UTC)


def run(first, count, stream="wanted"):
    events = [Event(AT, id=str(first + n)) for n in range(count)]
    return Run(shard=ShardId(0), stream=stream, first=first, count=count, events=events)


def queue(next_offset=0, head=0, events_max=10):
    return RunQueue(next_offset, head, wanted={"wanted"}, events_max=events_max)


def taken(some_queue, length):
    return [(r.first, r.count, r.events) for r in some_queue.take(length)]


def test_what_is_offered_is_taken_in_order_and_cut_to_length():
    it = queue()
    it.offer(run(0, 3))
    it.offer(run(3, 4))

    assert it.waiting == 7
    assert taken(it, 5) == [(0, 3, run(0, 3).events), (3, 2, run(3, 2).events)]
    assert (it.next, it.waiting) == (5, 2)
    assert taken(it, 2) == [(5, 2, run(5, 2).events)]
    assert (it.next, it.waiting, it.behind) == (7, 0, False)


def test_a_run_after_a_hole_is_left_to_the_log():
    it = queue()
    it.offer(run(3, 2))

    assert (it.waiting, it.head, it.behind) == (0, 5, True)
    it.refill([run(0, 3), run(3, 2)])
    assert (it.waiting, it.behind) == (5, False)


def test_a_run_that_comes_twice_is_held_once():
    it = queue()
    it.offer(run(0, 3))
    it.offer(run(0, 3))
    it.offer(run(1, 2))

    assert (it.waiting, it.head) == (3, 3)


def test_what_does_not_fit_is_left_out_and_read_later():
    it = queue(events_max=5)
    it.offer(run(0, 4))
    it.offer(run(4, 2))
    it.offer(run(6, 1))

    assert (it.waiting, it.head, it.behind) == (4, 7, False)
    it.take(4)
    assert it.behind
    it.refill([run(4, 2), run(6, 1)])
    assert it.waiting == 3


def test_room_is_regained_by_taking():
    it = queue(events_max=5)
    it.offer(run(0, 5))
    it.take(3)
    it.offer(run(5, 3))

    assert it.waiting == 5


def test_of_other_streams_only_the_count_is_kept_however_many():
    it = queue(events_max=5)
    for first in range(0, 3_000, 3):
        it.offer(run(first, 3, stream="other"))
    it.offer(run(3_000, 5))

    assert it.waiting == 3_005
    assert taken(it, 2_999) == [(0, 2_999, None)]
    assert taken(it, 6) == [(2_999, 1, None), (3_000, 5, run(3_000, 5).events)]


def test_two_other_streams_are_not_taken_for_one():
    it = queue()
    it.offer(run(0, 2, stream="b"))
    it.offer(run(2, 2, stream="c"))

    assert [(r.stream, r.count) for r in it.take(4)] == [("b", 2), ("c", 2)]


@pytest.mark.parametrize(("next_offset", "behind"), [(0, True), (7, False)])
def test_a_new_queue_is_behind_when_the_log_has_more(next_offset, behind):
    assert queue(next_offset, 7).behind is behind


def test_a_refill_that_goes_beyond_the_head_moves_it():
    it = queue(0, 2)
    it.refill([run(0, 3), run(3, 4)])

    assert (it.head, it.waiting) == (7, 7)


def test_a_refill_that_begins_elsewhere_is_not_held():
    it = queue(0, 9)
    it.refill([run(2, 3)])

    assert (it.waiting, it.behind) == (0, True)


def test_a_run_is_parted_into_its_events():
    first, rest = part(run(4, 5), 2)

    assert (first.first, first.count, first.events) == (4, 2, run(4, 2).events)
    assert (rest.first, rest.count, rest.events) == (6, 3, run(6, 3).events)
