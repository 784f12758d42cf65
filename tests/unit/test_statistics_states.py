"""States as bytes: the same bytes for the same state, integers of any size."""

from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest

from tallymill.kernel.errors import Corrupt
from tallymill.statistics.builtin import Mean, Min, Sum
from tallymill.statistics.numbers import ExactSum
from tallymill.statistics.protocol import Statistic
from tallymill.statistics.states import dump_state, load_state


class Wide(Statistic):
    class State(msgspec.Struct):
        total: int = 0
        by: dict[str, int] = {}
        seen: set[int] = set()
        any: object = None
        raw: bytes = b""
        last: datetime | None = None
        low: float = float("inf")
        exact: ExactSum = msgspec.field(default_factory=ExactSum)


@pytest.mark.parametrize(
    "number", [0, -1, 2**63, 2**64, -(2**63) - 1, 2**2000, -(3**500)]
)
def test_an_integer_of_any_size_comes_back(number):
    for statistic, state in [
        (Sum(), Sum.State(ExactSum(number, -number, 3))),
        (Mean(), Mean.State(ExactSum(number), 7)),
        (Min(), Min.State(number)),
        (Wide(), Wide.State(total=number)),
    ]:
        raw = dump_state(statistic, state)

        assert load_state(statistic, raw) == state
        assert dump_state(statistic, load_state(statistic, raw)) == raw


def test_a_users_large_integer_does_not_disturb_its_neighbours():
    state = Wide.State(
        total=2**70,
        by={"b": 2**80, "a": 1},
        seen={3, 2**90},
        any=[1.5, 2**65, "x", None],
        raw=b"\x00\xff",
        last=datetime(2026, 11, 21, tzinfo=UTC),
        exact=ExactSum(2**70, 5, 1),
    )

    raw = dump_state(Wide(), state)

    assert load_state(Wide(), raw) == state
    assert dump_state(Wide(), load_state(Wide(), raw)) == raw


def test_the_order_in_which_a_dict_was_filled_does_not_show():
    one, other = Wide.State(by={"a": 1, "b": 2}), Wide.State(by={"b": 2, "a": 1})

    assert dump_state(Wide(), one) == dump_state(Wide(), other)


def test_a_numpy_scalar_is_stored_as_the_number_that_it_is():
    state = Wide.State(total=np.int64(7), low=np.float64(1.5))

    assert load_state(Wide(), dump_state(Wide(), state)) == Wide.State(total=7, low=1.5)


def test_what_cannot_be_stored_is_refused_by_name():
    with pytest.raises(TypeError, match="a complex cannot be stored in a state"):
        dump_state(Wide(), Wide.State(any=1j))


@pytest.mark.parametrize(
    "raw", [b"", b"\xc1", b"\xc7\x01\x07\x00", msgspec.msgpack.encode({"total": "x"})]
)
def test_bytes_of_another_state_are_refused_and_never_misread(raw):
    with pytest.raises(Corrupt, match="statistic 'wide' does not fit its State"):
        load_state(Wide(), raw)
