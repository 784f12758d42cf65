"""The laws of every kind and of the contract's example; and that breakers are caught."""

import itertools
import math
import random
from fractions import Fraction

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallymill.statistics.arrays import Intake
from tallymill.statistics.bound import BoundStatistic
from tallymill.statistics.laws import check_laws
from tallymill.statistics.model import StatisticDefinition
from tallymill.statistics.numbers import exact_sum, steps_of_floats, sum_of_integers
from tallymill.statistics.protocol import Statistic
from tallymill.statistics.registry import KINDS, bind_class, bind_definition

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
INTEGERS = st.integers() | st.integers(-(2**200), 2**200)
NUMBERS = FLOATS | INTEGERS | st.sampled_from([0.0, -0.0, 5e-324, 1, 1.0, 2**63])


class RangeOfWeights(Statistic):
    """Heaviest minus lightest picture, in grams."""

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


def bound(kind: str) -> BoundStatistic:
    return bind_definition(
        StatisticDefinition(name=kind, stream="picture", kind=kind, field="weight")
    )


EVERY = [bound(kind) for kind in KINDS]


@st.composite
def parted(draw, elements, longest=30):
    """Values in a row, and the same values shuffled and cut into parts."""
    values = draw(st.lists(elements, max_size=longest))
    shuffled = draw(st.permutations(values))
    cuts = sorted(draw(st.lists(st.integers(0, len(values)), max_size=4)))
    bounds = [0, *cuts, len(values)]
    return values, [list(shuffled[a:b]) for a, b in itertools.pairwise(bounds)]


def state_of(statistic: BoundStatistic, values):
    state = statistic.new_state()
    for value in values:
        statistic.statistic.add(state, value)
    return state


def batched(statistic: BoundStatistic, values):
    state = statistic.new_state()
    intake = Intake((values,), (), range(len(values)), numeric=True)
    for arguments in intake.groups:
        statistic.statistic.add_batch(state, *arguments)
    return state


@pytest.mark.parametrize("statistic", EVERY, ids=lambda s: s.kind)
@given(case=parted(NUMBERS))
def test_a_kind_answers_alike_in_any_order_split_and_batch(statistic, case):
    """Shards, batches and replays cut the same events in ways nobody controls."""
    values, parts = case
    whole = statistic.dump(state_of(statistic, values))

    merged = statistic.new_state()
    for index, part in enumerate(parts):
        build = batched if index % 2 else state_of
        merged = statistic.merge(
            statistic.load(statistic.dump(build(statistic, part))), merged
        )

    assert statistic.dump(merged) == whole
    assert repr(statistic.result(merged)) == repr(
        statistic.result(statistic.load(whole))
    )


@given(case=parted(NUMBERS.filter(lambda value: abs(value) < 2**1000)))
def test_the_users_example_answers_alike_in_any_order_and_split(case):
    statistic = bind_class(RangeOfWeights)
    values, parts = case

    merged = statistic.new_state()
    for part in parts:
        merged = statistic.merge(merged, state_of(statistic, part))

    whole = statistic.merge(state_of(statistic, values), statistic.new_state())
    assert statistic.result(merged) == statistic.result(whole)


@given(case=parted(FLOATS, longest=60))
def test_a_sum_of_floats_is_fsum_to_the_bit(case):
    values, parts = case
    merged = exact_sum([])
    for part in parts:
        if part:
            merged.add_batch(np.array(part))

    try:
        expected = math.fsum(values)
    except OverflowError:  # fsum gives up on the way; the exact sum may still exist
        return
    if values:
        answer = merged.value()
        assert answer == expected
        assert math.copysign(1, answer) == math.copysign(1, expected) or not answer


@given(values=st.lists(FLOATS | st.integers(-(2**53), 2**53), min_size=1), last=FLOATS)
def test_a_sum_of_floats_and_integers_that_are_floats_is_fsum_too(values, last):
    values.append(last)  # without any float the answer is an int, exact beyond fsum

    total = exact_sum(values).value()

    try:
        expected = math.fsum(values)
    except OverflowError:  # fsum gives up on the way; the exact sum may still exist
        return
    assert total == expected


@given(values=st.lists(NUMBERS, min_size=1))
def test_sum_and_mean_are_the_exact_values_rounded_once(values):
    total = exact_sum(values)
    exact = sum(map(Fraction, values), Fraction(0))

    if all(isinstance(value, int) for value in values):
        assert total.value() == exact
        assert type(total.value()) is int
    for answer, wanted in [
        (total.over(1), exact),
        (total.over(len(values)), exact / len(values)),
    ]:
        try:
            assert answer == float(wanted)
        except OverflowError:
            assert answer is None


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 5000), wide=st.booleans())
def test_the_short_cut_for_columns_drops_no_bit(seed, count, wide):
    rng = np.random.default_rng(seed)
    bits = rng.integers(-(2**63), 2**63 - 1, size=count, dtype=np.int64)
    floats = bits.view(np.float64) if wide else rng.normal(1700, 300, size=count)
    floats = floats[np.isfinite(floats)]

    assert sum_of_integers(bits) == sum(bits.tolist())
    exact = sum(map(Fraction, floats.tolist()), Fraction(0))
    assert Fraction(steps_of_floats(floats), 2**1074) == exact


@pytest.mark.parametrize("statistic", EVERY, ids=lambda s: s.kind)
def test_the_checker_passes_every_kind(statistic):
    assert check_laws(statistic) == ()


def test_the_checker_passes_the_users_example_and_the_count_of_events():
    events = StatisticDefinition(name="n", stream="picture", kind="count")

    assert check_laws(bind_class(RangeOfWeights)) == ()
    assert check_laws(bind_definition(events)) == ()


class Right(Statistic):
    """A mean as a user would write it; the planted bugs are made of it."""

    stream, field = "picture", "weight"

    class State(msgspec.Struct):
        total: float = 0.0
        count: int = 0

    def add(self, state, value):
        state.total += value
        state.count += 1

    def merge(self, a, b):
        return self.State(a.total + b.total, a.count + b.count)

    def result(self, state):
        return state.total / state.count if state.count else None


class MeanOfMeans(Right):
    def merge(self, a, b):
        if not a.count or not b.count:
            return self.State(a.total + b.total, a.count + b.count)
        return self.State((a.total / a.count + b.total / b.count) / 2, 1)


class Last(Right):
    def add(self, state, value):
        state.total, state.count = value, 1

    def merge(self, a, b):
        return self.State(b.total, 1) if b.count else self.State(a.total, a.count)


class MergeMutates(Right):
    def merge(self, a, b):
        a.total += b.total
        a.count += b.count
        return a


class MergeShares(Statistic):
    """Returns one of its states when the other is empty."""

    stream, field = "picture", "weight"

    class State(msgspec.Struct):
        seen: list[float] = []

    def add(self, state, value):
        state.seen.append(value)

    def merge(self, a, b):
        return b if not a.seen else self.State(sorted(a.seen + b.seen))

    def result(self, state):
        return sorted(state.seen)


class WrongIdentity(Right):
    class State(msgspec.Struct):
        total: float = 1.0
        count: int = 0


class BatchForgets(Right):
    def add_batch(self, state, values):
        state.total += values[1:].sum()
        state.count += len(values)


class EmptyRaises(Right):
    def result(self, state):
        return state.total / state.count


class ResultSpends(Right):
    def result(self, state):
        state.count += 1
        return state.total


class AddReturns(Right):
    def add(self, state, value):
        return self.State(state.total + value, state.count + 1)


class MergeForgetsCount(Right):
    def merge(self, a, b):
        return self.State(a.total + b.total, max(a.count, b.count))


class Alternates(Right):
    def merge(self, a, b):
        return self.State(a.total - b.total, a.count + b.count)


class RandomResult(Right):
    def result(self, state):
        return random.random()


@pytest.mark.parametrize(
    ("bug", "laws"),
    [
        (MeanOfMeans, {"associativity", "split invariance"}),
        (Last, {"commutativity", "order invariance"}),
        (MergeMutates, {"merge is pure"}),
        (MergeShares, {"merge is pure"}),
        (WrongIdentity, {"identity", "split invariance"}),
        (BatchForgets, {"add_batch equals add"}),
        (EmptyRaises, {"result is pure"}),
        (ResultSpends, {"result is pure"}),
        (AddReturns, {"add changes its state"}),
        (MergeForgetsCount, {"split invariance"}),
        (Alternates, {"commutativity", "split invariance"}),
        (RandomResult, {"result is pure"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_checker_rejects_a_planted_bug(bug, laws):
    """A harness that finds nothing proves nothing."""
    broken = {found.law for found in check_laws(bind_class(bug))}

    assert laws <= broken


def test_the_checker_passes_the_same_statistic_without_a_bug():
    assert check_laws(bind_class(Right)) == ()


def test_the_checker_says_when_it_could_add_nothing():
    class Refuses(Right):
        def add(self, state, value):
            raise ValueError("never")

    (broken,) = check_laws(bind_class(Refuses))

    assert broken.law == "add"
    assert "raised for every number" in broken.detail
