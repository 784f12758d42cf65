"""How fast events are folded, for an honest Retry-After."""

import pytest

from tallymill.workers.pace import SMOOTHING, Pace


def test_nothing_is_known_before_anything_was_folded():
    pace = Pace()
    pace.observe(0.0, 0)
    pace.observe(1.0, 0)

    assert pace.per_s == 0.0


def test_the_first_growth_is_taken_as_it_is():
    pace = Pace()
    pace.observe(10.0, 100)
    pace.observe(10.5, 600)

    assert pace.per_s == 1000.0


def test_later_growth_moves_it_by_a_part():
    pace = Pace()
    for now_s, count in ((0.0, 0), (1.0, 1000), (2.0, 3000)):
        pace.observe(now_s, count)

    assert pace.per_s == pytest.approx(1000 + SMOOTHING * 1000)


def test_idle_time_does_not_slow_it_down():
    pace = Pace()
    for now_s, count in ((0.0, 0), (1.0, 1000), (500.0, 1000), (501.0, 2000)):
        pace.observe(now_s, count)

    assert pace.per_s == pytest.approx(1000.0)


def test_a_clock_that_stands_still_is_no_speed():
    pace = Pace()
    pace.observe(1.0, 0)
    pace.observe(1.0, 50)

    assert pace.per_s == 0.0
