"""The schedule engine beside cronsim and croniter, in one run on one core.

    python benchmarks/bench_schedule.py [--seconds 0.5]

cold: parse and first time, which is what a start with many jobs costs. Each
expression is tried in 1,440 variants, so that no cache of whole strings helps.
warm: `next_after` of a schedule that is already there.
iterate: one time after the other, `between`.
"""

import argparse
import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from croniter import croniter
from cronsim import CronSim

from tallymill.jobs.schedule import parse_cron
from tallymill.jobs.schedule.cron import parse_fields
from tallymill.jobs.schedule.engine import CronTimes
from tallymill.jobs.schedule.zones import Timeline, seconds_of

ZONE = "Europe/Amsterdam"
START = datetime(2026, 11, 21, 12, tzinfo=ZoneInfo(ZONE))
END = datetime(9999, 1, 1, tzinfo=UTC)
SHAPES = {
    "* * * * *": "* * * * *",
    "5 4 * * *": "{m} {h} * * *",
    "*/5 * * * *": "{m}-59/5 * * * *",
    "0 13 * * MON-FRI": "{m} {h} * * MON-FRI",
    "30 2 L * *": "{m} {h} L * *",
}


def rate(step: Callable[[], object], seconds: float) -> float:
    """Return how often `step` ran in a second."""
    done, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds:
        for _ in range(20):
            step()
        done += 20
    return done / spent


def variants(shape: str) -> Callable[[], str]:
    texts = [shape.format(m=m, h=h) for m in range(60) for h in range(24)]
    return itertools.cycle(texts).__next__


def measure(name: str, shape: str, seconds: float) -> list[float]:
    text = variants(shape)
    ours = parse_cron(name, timezone=ZONE)
    sim, cro = CronSim(name, START), croniter(name, START)
    return [
        rate(lambda: parse_cron(text(), timezone=ZONE).next_after(START), seconds),
        rate(lambda: next(CronSim(text(), START)), seconds),
        rate(lambda: croniter(text(), START).get_next(datetime), seconds),
        rate(lambda: ours.next_after(START), seconds),
        rate(ours.between(START, END).__next__, seconds),
        rate(sim.__next__, seconds),
        rate(lambda: cro.get_next(datetime), seconds),
    ]


def slowest_ms() -> tuple[float, str]:
    """Return the longest of many searches for rare times, zones not yet looked at."""
    hard = ["0 0 29 2 *", "0 0 29 2 */7", "30 2 29 3 *", "0 0 31W 12 *", "0 0 * 2 4#5"]
    worst = (0.0, "")
    for text, name, year in itertools.product(
        hard, ["Europe/Amsterdam", "Africa/Casablanca"], range(2020, 2100, 3)
    ):
        times = CronTimes(parse_fields(text), Timeline(ZoneInfo(name)), "skip")
        start = seconds_of(datetime(year, 3, 1, tzinfo=UTC))
        began = time.perf_counter()
        times.next_after(start)
        spent_ms = (time.perf_counter() - began) * 1e3
        worst = max(worst, (spent_ms, f"{text} in {name} from {year}"))
    return worst


def catch_up_ms() -> float:
    """Return how long it takes to find the latest of ten years of minutes, and count."""
    minutes = parse_cron("* * * * *", timezone=ZONE)
    began = time.perf_counter()
    minutes.latest_at_or_before(START)
    minutes.count_between(datetime(2016, 11, 21, tzinfo=UTC), START)
    return (time.perf_counter() - began) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=0.3)
    seconds = parser.parse_args().seconds
    print(f"{'per second':18}{'cold':^30}{'warm':^10}{'iterate':^30}")
    print(f"{'':18}{'ours':>10}{'cronsim':>10}{'croniter':>10}{'ours':>10}", end="")
    print(f"{'ours':>10}{'cronsim':>10}{'croniter':>10}")
    for name, shape in SHAPES.items():
        figures = measure(name, shape, seconds)
        print(f"{name:18}" + "".join(f"{figure:10,.0f}" for figure in figures))
    spent_ms, which = slowest_ms()
    print(f"slowest next: {spent_ms:.2f} ms ({which})")
    print(f"ten years of minutes, latest and count: {catch_up_ms():.2f} ms")


if __name__ == "__main__":
    main()
