"""The shipped kinds and statistics, and how a definition or a class is bound.

A literal dict, no import magic. Reading the definitions out of `tallymill.toml` is in
`definitions`; finding the user's classes in the project folder is not of this room.
"""

import hashlib
import linecache
from collections.abc import Iterable
from typing import Final

import msgspec

from tallymill.kernel.errors import Fault, pointer_to
from tallymill.statistics.bound import BoundStatistic
from tallymill.statistics.builtin import Count, Max, Mean, Min, Sum
from tallymill.statistics.columns import Where
from tallymill.statistics.model import StatisticDefinition
from tallymill.statistics.protocol import Statistic, field_names

KINDS: Final[dict[str, type[Statistic]]] = {
    "count": Count,
    "sum": Sum,
    "mean": Mean,
    "min": Min,
    "max": Max,
}

#: promised by the contract, and still to come
LATER_KINDS: Final = (
    "variance",
    "stddev",
    "quantiles",
    "distinct",
    "top",
    "rate",
    "last",
)

#: there from the start; a definition or a class of the same name takes its place
SHIPPED: Final = (
    StatisticDefinition(name="total_registrations", stream="picture", kind="count"),
    StatisticDefinition(
        name="average_weight", stream="picture", kind="mean", field="weight"
    ),
)


def bind_definition(definition: StatisticDefinition) -> BoundStatistic:
    """Return the statistic of a definition that `parse_definitions` has passed."""
    statistic = KINDS[definition.kind]()
    fields = () if definition.field is None else (definition.field,)
    where = tuple(sorted(definition.where, key=lambda condition: condition[0]))
    return BoundStatistic(
        name=definition.name,
        stream=definition.stream,
        kind=definition.kind,
        version=_version(
            [definition.name, definition.kind, str(statistic.revision)],
            definition.stream,
            fields,
            where,
        ),
        fields=fields,
        statistic=statistic,
        where=where,
        from_now=definition.from_now,
        trusted=True,
    )


def bind_class(cls: type[Statistic]) -> BoundStatistic:
    """Return the statistic of a user's class that `check_statistic` has passed."""
    fields = field_names(cls)
    return BoundStatistic(
        name=cls.name,
        stream=cls.stream,
        kind=cls.__name__,
        version=_version(
            [cls.name, str(cls.revision), *_sources(cls)], cls.stream, fields, ()
        ),
        fields=fields,
        statistic=cls(),
    )


def bind_all(
    definitions: Iterable[StatisticDefinition], classes: Iterable[type[Statistic]]
) -> tuple[tuple[BoundStatistic, ...], tuple[Fault, ...]]:
    """Bind what is shipped, what is defined and what is written, by name.

    Returns:
        The statistics, shipped ones first, and a fault for each name that is given
        twice; a shipped name may be taken once.
    """
    bound: dict[str, BoundStatistic] = {}
    faults: list[Fault] = []
    for definition in definitions:
        bound[definition.name] = bind_definition(definition)
    for cls in classes:
        if cls.name in bound:
            faults.append(_taken_twice(cls, bound[cls.name]))
            continue
        bound[cls.name] = bind_class(cls)
    shipped = {d.name: bind_definition(d) for d in SHIPPED}
    return tuple((shipped | bound).values()), tuple(faults)


def _taken_twice(cls: type[Statistic], other: BoundStatistic) -> Fault:
    return Fault(
        pointer_to("statistics", cls.name),
        f"class {cls.__name__} has the name of another statistic ('{other.kind}' on "
        f"the stream '{other.stream}'); set its `name` to another",
    )


def _version(
    meaning: list[str], stream: str, fields: tuple[str, ...], where: Where
) -> str:
    """Return 16 hexadecimal digits that change when any part of the meaning does.

    The name is a part of it: states are kept by version, and two statistics of the
    same meaning must not share one.
    """
    parts = msgspec.json.encode([meaning, stream, fields, where])
    return hashlib.sha256(parts).hexdigest()[:16]


def _sources(cls: type[Statistic]) -> list[str]:
    """Return the text of the files that a class and the user's bases stand in.

    Of the whole files, because a State or a function beside the class is part of what
    it means; an edit too many only costs a replay.
    """
    mine = [base for base in cls.__mro__ if base not in Statistic.__mro__]
    codes = [
        code
        for base in mine
        for member in vars(base).values()
        if (code := getattr(member, "__code__", None))
    ]
    files = sorted({code.co_filename for code in codes})
    texts = ["".join(linecache.getlines(file)) for file in files]
    # Typed in at a prompt, there is no file; then the compiled code has to do.
    return texts if all(texts) else [code.co_code.hex() for code in codes]
