"""Events accepted in the last second."""

from tallymill.events.rate import HISTORY_S, History, Rate


def test_nothing_was_accepted_at_first():
    assert Rate().last_second(5.0) == 0


def test_a_second_slides():
    rate = Rate()
    rate.add(10.0, 5)
    rate.add(10.5, 7)

    assert rate.last_second(10.5) == 12
    assert rate.last_second(10.98) == 12
    assert rate.last_second(11.01) == 7
    assert rate.last_second(11.49) == 7
    assert rate.last_second(11.51) == 0
    assert rate.last_second(99.0) == 0


def test_many_in_one_step_are_added_up():
    rate = Rate()
    for _ in range(1000):
        rate.add(3.001, 12)

    assert rate.last_second(3.009) == 12_000


def test_a_steady_stream_is_told_to_one_percent():
    rate = Rate()
    for step in range(5_000):
        rate.add(step / 1000, 3)

    # A step of 10 ms, and the event on its edge.
    assert abs(rate.last_second(5.0) - 3_000) <= 33


def test_memory_is_bounded_even_when_nobody_asks():
    rate = Rate()
    for step in range(20_000):
        rate.add(step / 100, 1)

    assert len(rate._steps) <= 101


def test_the_rate_is_true_within_two_percent_over_ten_seconds():
    rate = Rate()
    told = []
    for step in range(10_000):
        rate.add(step / 1000, 1)
        if step >= 1_000 and step % 10 == 3:
            told.append(rate.last_second(step / 1000))

    assert abs(sum(told) / len(told) - 1_000) <= 20
    assert rate.last_second(10 + 2) == 0


def test_the_history_has_each_whole_second_oldest_first():
    history = History()
    for second in range(100, 104):
        history.add(second + 0.2, second)
        history.add(second + 0.7, 1)

    counts = history.until(104.5)

    assert len(counts) == HISTORY_S
    assert counts[-5:] == [0, 101, 102, 103, 104]


def test_the_second_that_is_not_over_is_left_out():
    history = History()
    history.add(5.1, 7)

    assert sum(history.until(5.9)) == 0
    assert history.until(6.0)[-1] == 7


def test_seconds_without_events_are_nought_also_after_a_turn_of_the_ring():
    history = History()
    for second in range(1_000):
        history.add(second, 1)

    assert history.until(1_000) == [1] * HISTORY_S
    assert history.until(1_200) == [1] * 100 + [0] * 200
    assert sum(history.until(1_300)) == 0
