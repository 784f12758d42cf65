"""A user's class is looked over before it is bound: every fault names its mend."""

import msgspec
import pytest

from tallymill.statistics.checking import check_statistic
from tallymill.statistics.model import StatisticDefinition
from tallymill.statistics.protocol import Statistic, declared_in, snake_case
from tallymill.statistics.registry import bind_all, bind_class


class Good(Statistic):
    stream, field = "picture", "weight"

    class State(msgspec.Struct):
        total: float = 0.0

    def add(self, state, weight):
        state.total += weight

    def merge(self, a, b):
        return self.State(a.total + b.total)

    def result(self, state):
        return state.total


class Empty(Statistic):
    pass


class Needs(msgspec.Struct):
    total: float


class Frozen(msgspec.Struct, frozen=True):
    total: float = 0.0


class Unstorable(msgspec.Struct):
    total: object = msgspec.field(default_factory=object)


def faults_of(cls) -> dict[str, str]:
    return {
        fault.pointer.rpartition("/")[2]: fault.detail for fault in check_statistic(cls)
    }


def variant(**attributes):
    return type("Variant", (Good,), attributes)


def test_a_right_class_has_no_fault():
    assert check_statistic(Good) == ()


def test_an_empty_class_hears_of_everything_it_lacks_at_once():
    found = faults_of(Empty)

    assert set(found) == {"stream", "State", "add", "merge", "result"}
    assert all(detail.startswith("class Empty: ") for detail in found.values())
    assert "add def add(self, state, event)" in found["add"]
    assert "class State(msgspec.Struct)" in found["State"]


@pytest.mark.parametrize(
    ("attributes", "where", "word"),
    [
        ({"State": Needs}, "State", "Missing required argument 'total'"),
        ({"State": Frozen}, "State", "frozen"),
        ({"State": dict}, "State", "no State"),
        ({"State": Unstorable}, "State", "cannot be stored"),
        ({"fields": ("a", "b")}, "fields", "both `field` and `fields`"),
        ({"field": None, "fields": "weight"}, "fields", "tuple of names"),
        ({"field": None, "fields": ()}, "fields", "tuple of names"),
        ({"field": "a..b"}, "field", "is not empty"),
        ({"field": 7}, "field", "give a key of data"),
        ({"stream": "a b"}, "stream", "character"),
        ({"stream": ""}, "stream", "names no stream"),
        ({"name": "live"}, "name", "choose another name"),
        ({"name": "a/b"}, "name", "cannot be a name"),
        ({"add": lambda self, state: None}, "add", "def add(self, state, weight)"),
        ({"merge": lambda self, a: a}, "merge", "def merge(self, a, b)"),
        ({"result": 7}, "result", "def result(self, state)"),
        (
            {"add_batch": lambda self: None},
            "add_batch",
            "def add_batch(self, state, weight)",
        ),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_fault_names_its_place_and_its_mend(attributes, where, word):
    found = faults_of(variant(**attributes))

    assert set(found) == {where}
    assert word in found[where]


def test_a_state_with_an_annotation_that_means_nothing_is_a_fault():
    namespace = {"msgspec": msgspec, "__name__": "nowhere"}
    exec("class State(msgspec.Struct):\n    total: 'Unknown' = 0", namespace)

    found = faults_of(variant(State=namespace["State"]))

    assert "cannot be stored" in found["State"]


def test_a_class_that_needs_arguments_is_a_fault():
    def needs(self, argument):
        pass

    assert "cannot be made" in faults_of(variant(__init__=needs))["State"]


def test_an_add_that_must_be_awaited_is_refused():
    async def add(self, state, weight):
        state.total += weight

    assert set(faults_of(variant(add=add))) == {"add"}


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("RangeOfWeights", "range_of_weights"),
        ("P99", "p99"),
        ("HTTPErrors", "http_errors"),
        ("Sum2Fields", "sum2_fields"),
        ("plain", "plain"),
    ],
)
def test_a_name_is_the_class_in_snake_case(name, snake):
    assert snake_case(name) == snake


def test_a_name_of_its_own_is_kept_and_not_inherited():
    class Named(Good):
        name = "weights"

    class Heir(Named):
        pass

    assert (Named.name, Heir.name) == ("weights", "heir")


def test_a_module_offers_the_statistics_that_it_defines():
    found = declared_in([Good, Statistic, StatisticDefinition, 7, Good], __name__)

    assert found == [Good]


def test_editing_a_class_or_its_base_changes_its_version(tmp_path):
    """The past must be folded anew when the meaning changes, and only then."""
    text = (
        "import msgspec\n"
        "from tallymill.statistics.protocol import Statistic\n"
        "class Most(Statistic):\n"
        "    stream, field = 'picture', 'weight'\n"
        "    class State(msgspec.Struct):\n"
        "        most: float = 0.0\n"
        "    def add(self, state, x): state.most = max(state.most, x)\n"
        "    def merge(self, a, b): return self.State(max(a.most, b.most))\n"
        "    def result(self, state): return state.most\n"
    )

    def version(name: str, source: str) -> str:
        path = tmp_path / f"{name}.py"
        path.write_text(source)
        namespace = {"__name__": f"statistics_of_{name}"}
        exec(compile(source, str(path), "exec"), namespace)
        return bind_class(namespace["Most"]).version

    first = version("first", text)

    assert version("copied", text) == first
    assert version("edited", text.replace("0.0", "1.0")) != first


def test_two_statistics_of_one_name_are_a_fault():
    mine = StatisticDefinition(name="good", stream="picture", kind="count")

    bound, faults = bind_all([mine], [Good])

    assert [s.name for s in bound][-1] == "good"
    assert faults[0].pointer == "/statistics/good"
    assert "set its `name` to another" in faults[0].detail
