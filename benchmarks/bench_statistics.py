"""How fast a batch is decoded and added up, beside bare ceilings in the same run.

    python benchmarks/bench_statistics.py

Prints million messages a second on one core: median and range of the rounds.
"""

import statistics
import time
from datetime import UTC, datetime

import msgspec
import numpy as np

from tallymill.events.model import Event
from tallymill.statistics.bound import BoundStatistic
from tallymill.statistics.columns import ColumnReader
from tallymill.statistics.model import StatisticDefinition
from tallymill.statistics.protocol import Statistic
from tallymill.statistics.registry import KINDS, bind_class, bind_definition

BATCH = 12_500
ROUNDS = 41


class RangeOfWeights(Statistic):
    """The user's own, of the contract: plain `add`, no `add_batch`."""

    stream, field = "picture", "weight"

    class State(msgspec.Struct):
        low: float = float("inf")
        high: float = float("-inf")

    def add(self, state, weight):
        state.low, state.high = min(state.low, weight), max(state.high, weight)

    def merge(self, a, b):
        return self.State(min(a.low, b.low), max(a.high, b.high))

    def result(self, state):
        return state.high - state.low if state.high >= state.low else None


class Weight(msgspec.Struct, gc=False):
    """What a hand-written decoder for this one field would fill."""

    weight: int


def messages(*, floats: bool, broken: int = 0) -> list[Event]:
    """Return a batch of pictures of 45 to 50 bytes; the first `broken` malformed."""
    rng = np.random.default_rng(7)
    drawn = rng.normal(1700, 300, BATCH)
    weights = (drawn if floats else drawn.astype(int)).tolist()
    now = datetime.now(UTC)
    return [
        Event(now, msgspec.Raw(b'{"picture_id":"%012d","weight":%s}' % (index, text)))
        if index >= broken
        else Event(now, msgspec.Raw(b'{"weight":"heavy"'))
        for index, text in enumerate(map(msgspec.json.encode, weights))
    ]


def builtin(kind: str) -> BoundStatistic:
    return bind_definition(
        StatisticDefinition(
            name=kind,
            stream="picture",
            kind=kind,
            field=None if kind == "count" else "weight",
        )
    )


def report(label, work, size=BATCH, rounds=ROUNDS):
    """Run the work, after one round to warm up, and print its rates."""
    work()
    rates = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        rates.append(size / (time.perf_counter() - start) / 1e6)
    print(
        f"{label:<58} {statistics.median(rates):7.2f}"
        f"   ({min(rates):.2f} to {max(rates):.2f})"
    )


def fold(bound, events, size=BATCH):
    """Return work that decodes the events in batches and folds each statistic."""
    reader = ColumnReader(path for statistic in bound for path in statistic.paths)
    batches = [events[at : at + size] for at in range(0, len(events), size)]

    def work():
        states = [statistic.new_state() for statistic in bound]
        for batch in batches:
            columns = reader.read(batch)
            states = [
                statistic.fold(state, columns).state
                for statistic, state in zip(bound, states, strict=True)
            ]
        return states

    return work


def add_batch(bound, column):
    def work():
        bound.statistic.add_batch(bound.new_state(), column)

    return work


def main():
    integers, floats = messages(floats=False), messages(floats=True)
    raws = [event.data for event in integers]
    bare = msgspec.json.Decoder(Weight).decode
    reader = ColumnReader(["weight"])
    five = [builtin(kind) for kind in KINDS]
    shipped = [builtin("count"), builtin("mean")]
    own = bind_class(RangeOfWeights)
    print(f"million messages a second, one core, batches of {BATCH}: median (range)")
    report(
        "ceiling: bare msgspec decode of one typed field",
        lambda: [bare(r) for r in raws],
    )
    report("decode one field into a column", lambda: reader.read(integers))
    report("decode + count, mean (as delivered)", fold(shipped, integers))
    report("decode + count, sum, mean, min, max: integers", fold(five, integers))
    report("decode + count, sum, mean, min, max: floats", fold(five, floats))
    broken = messages(floats=False, broken=BATCH // 100)
    report("the same, 1 in 100 malformed", fold(five, broken))
    report("decode + the user's own, add by add", fold([own], integers))
    for size in (5, 50, 500):
        report(
            f"decode + five kinds, batches of {size}",
            fold(five, integers, size),
            rounds=11,
        )
        report(
            f"decode + as delivered, batches of {size}",
            fold(shipped, integers, size),
            rounds=11,
        )
    numbers = np.random.default_rng(7).normal(1700, 300, 1_000_000)
    print("million values a second, add_batch alone, columns of a million")
    for kind in ("sum", "mean", "min"):
        report(f"{kind} of float64", add_batch(builtin(kind), numbers), len(numbers), 7)
        whole = numbers.astype(np.int64)
        report(f"{kind} of int64", add_batch(builtin(kind), whole), len(whole), 7)


if __name__ == "__main__":
    main()
