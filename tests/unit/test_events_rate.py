"""Events accepted in the last second."""

from tallymill.events.rate import Rate


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
