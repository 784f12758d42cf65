"""Definitions of `tallymill.toml`: what is read, and how each fault is told."""

import tomllib

import pytest

from tallymill.statistics.definitions import parse_definitions
from tallymill.statistics.model import StatisticDefinition
from tallymill.statistics.registry import KINDS, LATER_KINDS, bind_all, bind_definition


def parse(text: str):
    return parse_definitions(tomllib.loads(text).get("statistics", {}))


def faults_of(text: str) -> dict[str, str]:
    definitions, faults = parse(text)
    assert definitions == ()
    return {fault.pointer: fault.detail for fault in faults}


def test_three_lines_make_a_statistic():
    definitions, faults = parse(
        '[statistics.heaviest]\nstream = "picture"\nkind = "max"\nfield = "weight"'
    )

    assert faults == ()
    assert definitions == (
        StatisticDefinition(
            name="heaviest", stream="picture", kind="max", field="weight"
        ),
    )


def test_where_and_from_are_read_and_dotted_keys_are_paths():
    (definition,), _ = parse(
        "[statistics.parcels]\n"
        'stream = "picture"\nkind = "count"\nfrom = "now"\n'
        'where = { kind = "parcel", box.open = true, size = 2 }'
    )

    assert definition.field is None
    assert definition.from_now
    assert definition.where == (("kind", "parcel"), ("box.open", True), ("size", 2))


def test_every_fault_of_every_definition_is_told_at_once():
    found = faults_of(
        "[statistics.a]\n"
        'kind = "avrage"\nfeild = "weight"\nby = "camera"\nwindow = "1 day"\n'
        '[statistics.b]\nstream = "no spaces"\nkind = "sum"\n'
        '[statistics.live]\nstream = "picture"\nkind = "count"\n'
        "[statistics.c]\nstream = 7\nkind = 1.5\nfield = 3\nfrom = []\nwhere = 1\n"
    )

    assert set(found) == {
        "/statistics/a/kind",
        "/statistics/a/stream",
        "/statistics/a/feild",
        "/statistics/a/by",
        "/statistics/a/window",
        "/statistics/b/stream",
        "/statistics/b/field",
        "/statistics/live",
        "/statistics/c/stream",
        "/statistics/c/kind",
        "/statistics/c/field",
        "/statistics/c/from",
        "/statistics/c/where",
    }
    assert "did you mean 'field'?" in found["/statistics/a/feild"]
    assert "not built yet" in found["/statistics/a/by"]
    assert "needs the field" in found["/statistics/b/field"]


@pytest.mark.parametrize(
    ("kind", "near"), [("maen", "mean"), ("maximum", "max"), ("quantile", "quantiles")]
)
def test_an_unknown_kind_is_answered_with_the_nearest(kind, near):
    found = faults_of(f'[statistics.a]\nstream = "s"\nfield = "f"\nkind = "{kind}"')

    assert f"did you mean '{near}'?" in found["/statistics/a/kind"]


@pytest.mark.parametrize("kind", LATER_KINDS)
def test_a_kind_that_is_promised_for_later_says_so(kind):
    found = faults_of(f'[statistics.a]\nstream = "s"\nfield = "f"\nkind = "{kind}"')

    assert found == {
        "/statistics/a/kind": f"the kind '{kind}' is not built yet; there are "
        + ", ".join(KINDS)
    }


@pytest.mark.parametrize(
    "where",
    [
        'where = { kind = ["a"] }',
        "where = { day = 2026-11-21 }",
        "where = { size = nan }",
        "where = { box = {} }",
        'where = { "a..b" = 1 }',
    ],
)
def test_where_compares_with_single_values_only(where):
    found = faults_of(f'[statistics.a]\nstream = "s"\nkind = "count"\n{where}')

    ((pointer, _),) = found.items()
    assert pointer.startswith("/statistics/a/where/")


@pytest.mark.parametrize("name", ["a/b", "", "-x", "ä", "a b", "x" * 101])
def test_a_name_that_cannot_be_an_address_is_refused(name):
    table = {name: {"stream": "s", "kind": "count"}}

    definitions, faults = parse_definitions(table)

    assert definitions == ()
    assert "cannot be a name" in faults[0].detail


def test_a_definition_that_is_no_table_is_refused():
    _, (fault,) = parse_definitions({"a": "count"})

    assert fault.pointer == "/statistics/a"
    assert "give a table" in fault.detail


def test_the_version_follows_the_meaning_and_nothing_else():
    """A version that moved by itself would replay the past at every start."""
    base = {"name": "a", "stream": "s", "kind": "sum", "field": "f"}
    version = bind_definition(StatisticDefinition(**base)).version

    def changed(**more) -> bool:
        return bind_definition(StatisticDefinition(**base | more)).version != version

    assert version == "b5a1e52c4158c4cc"
    assert not changed(from_now=True)
    assert changed(name="b")  # states are kept by version: no two may share one
    assert changed(stream="t")
    assert changed(kind="mean")
    assert changed(field="g")
    assert changed(where=(("a", 1),))


def test_the_order_of_conditions_means_nothing():
    one, other = (
        bind_definition(
            StatisticDefinition(name="a", stream="s", kind="count", where=where)
        )
        for where in [(("a", 1), ("b", 2)), (("b", 2), ("a", 1))]
    )

    assert one == other or one.version == other.version
    assert one.where == other.where


def test_the_delivered_two_are_there_and_may_be_replaced_by_name():
    mine = StatisticDefinition(
        name="average_weight", stream="scales", kind="mean", field="kg"
    )

    delivered, _ = bind_all([], [])
    replaced, faults = bind_all([mine], [])

    assert [s.name for s in delivered] == ["total_registrations", "average_weight"]
    assert [s.stream for s in replaced] == ["picture", "scales"]
    assert faults == ()
