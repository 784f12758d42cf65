"""However a stream is cut into batches, the same is taken, set aside and answered."""

import itertools
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallymill.events.model import Event
from tallymill.statistics.columns import ColumnReader
from tallymill.statistics.model import StatisticDefinition
from tallymill.statistics.protocol import Statistic
from tallymill.statistics.registry import KINDS, bind_class, bind_definition

NOW = datetime(2026, 11, 21, tzinfo=UTC)


class Halves(Statistic):
    """A user's own with both ways in; refuses odd numbers after changing its state."""

    stream, field = "picture", "weight"

    class State(msgspec.Struct):
        total: int = 0

    def add(self, state, weight):
        state.total += 1000
        if weight % 2:
            raise ValueError("odd")
        state.total += int(weight) // 2 - 1000

    def add_batch(self, state, weights):
        state.total += 1000
        if (weights % 2).any():
            raise ValueError("odd")
        state.total += sum(int(weight) // 2 for weight in weights) - 1000

    def merge(self, a, b):
        return self.State(a.total + b.total)

    def result(self, state):
        return state.total


VALUES = (
    st.integers(-10, 10)
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["12", True, None, [1], {"a": 1}])
)
MESSAGES = (
    st.builds(lambda value: msgspec.json.encode({"weight": value}), VALUES)
    | st.builds(
        lambda value, kind: msgspec.json.encode({"kind": kind, "weight": value}),
        VALUES,
        st.sampled_from(["parcel", "letter"]),
    )
    | st.sampled_from([b"{}", b"1", b"null", b'{"weight":1', b"", b'{"weight":1e999}'])
    | st.binary(max_size=8)
)
DATA = st.none() | MESSAGES

STATISTICS = [
    *(
        bind_definition(
            StatisticDefinition(
                name=f"{kind} where {where}",
                stream="picture",
                kind=kind,
                field="weight",
                where=where,
            )
        )
        for kind in KINDS
        for where in [(), (("kind", "parcel"),)]
    ),
    bind_class(Halves),
]


def folded(statistic, batches):
    """Fold batches one after the other, each from the stored state of the last."""
    reader = ColumnReader(statistic.paths)
    raw, taken, rejected, first = statistic.dump(statistic.new_state()), 0, [], 0
    for batch in batches:
        outcome = statistic.fold(statistic.load(raw), reader.read(batch))
        raw = statistic.dump(outcome.state)
        taken += outcome.taken
        rejected += [(first + index, reason) for index, reason in outcome.rejected]
        first += len(batch)
    return raw, taken, rejected


@pytest.mark.parametrize("statistic", STATISTICS, ids=lambda s: s.name)
@given(datas=st.lists(DATA, max_size=60), data=st.data())
def test_batches_of_any_size_come_to_the_same(statistic, datas, data):
    """Crashes and catching up cut the log elsewhere each time."""
    events = [
        Event(NOW, msgspec.UNSET if each is None else msgspec.Raw(each))
        for each in datas
    ]
    cuts = data.draw(st.lists(st.integers(0, len(events)), max_size=5))
    bounds = [0, *sorted(cuts), len(events)]

    whole = folded(statistic, [events])
    parts = folded(statistic, [events[a:b] for a, b in itertools.pairwise(bounds)])
    single = folded(statistic, [[event] for event in events])

    assert whole == parts == single
    _, taken, rejected = whole
    assert taken + len(rejected) <= len(events)
    if not statistic.where:
        assert taken + len(rejected) == len(events)
