"""Durations are read alike wherever they stand: in a setting and in a job."""

import pytest

from tallymill.config.values import duration_s
from tallymill.jobs.fields import LONGEST_S, READERS
from tallymill.kernel.durations import read_duration_s


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2 minutes", 120.0),
        ("90s", 90.0),
        ("1.5 h", 5400.0),
        ("1h 30m", 5400.0),
        ("1 hour and 30 minutes", 5400.0),
        ("500 ms", 0.5),
        ("500ms", 0.5),
        ("2 mins, 5 secs", 125.0),
        ("1 Day", 86400.0),
        ("45", 45.0),
        (90, 90.0),
        (0.5, 0.5),
    ],
)
def test_a_duration_means_the_same_to_a_setting_and_to_a_job(written, seconds):
    assert read_duration_s(written) == pytest.approx(seconds)
    assert duration_s(written) == pytest.approx(seconds)
    assert READERS["timeout"](written) == pytest.approx(seconds)
    assert READERS["jitter"](written) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "written",
    [
        "", "soon", "two minutes", "1 week", "2 moons", "-2", "1e9", "1 h x", "٣ s",
        True, None, [], 10**400, "9" * 5000 + "x",
    ],
    ids=lambda value: repr(value)[:10],
)  # fmt: skip
def test_what_is_no_duration_is_refused(written):
    for read in (read_duration_s, duration_s, READERS["timeout"], READERS["jitter"]):
        with pytest.raises(ValueError, match="must be a duration such as") as refusal:
            read(written)
        assert len(str(refusal.value)) < 200


@pytest.mark.parametrize("written", [-1, float("inf"), float("nan"), "9" * 400])
def test_each_reader_has_bounds_of_its_own(written):
    for read in (duration_s, READERS["timeout"], READERS["jitter"]):
        with pytest.raises(ValueError, match="must be"):
            read(written)


def test_a_setting_and_a_timeout_are_more_than_nothing_and_a_jitter_may_be():
    for read in (duration_s, READERS["timeout"]):
        with pytest.raises(ValueError, match="more than"):
            read(0)
    assert READERS["jitter"]("0 s") == 0


def test_a_job_waits_a_day_at_most():
    assert READERS["timeout"]("24 hours") == LONGEST_S
    with pytest.raises(ValueError, match="one day"):
        READERS["timeout"]("24 hours 1 ms")
