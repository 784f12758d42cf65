"""The project's statistics: `[statistics.…]` of `tallymill.toml`, and classes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tallymill.config import TomlFile
from tallymill.kernel.errors import Fault, keys_of
from tallymill.project.modules import UserModule, import_folder
from tallymill.project.tables import place
from tallymill.statistics.bound import BoundStatistic
from tallymill.statistics.checking import check_statistic
from tallymill.statistics.definitions import parse_definitions
from tallymill.statistics.protocol import Statistic, declared_in
from tallymill.statistics.registry import SHIPPED, bind_all, bind_definition


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What was found in the file and in the folder."""

    bound: tuple[BoundStatistic, ...] = ()  #: those without fault, shipped ones first
    faults: tuple[Fault, ...] = ()
    notices: tuple[str, ...] = ()  #: sentences without their full stop


def collect_statistics(toml: TomlFile, folder: Path) -> Statistics:
    """Return all statistics, all faults, and what may not be meant so.

    Args:
        toml: The project's file.
        folder: Of the user's classes.
    """
    tables = toml.table.get("statistics", {})
    if not isinstance(tables, Mapping):
        detail = "is no table; write [statistics.NAME]"
        return Statistics(faults=(place(toml, ("statistics",), detail),))
    definitions, found = parse_definitions(tables)
    modules, faults = import_folder(folder)
    faults = [*(_in_file(toml, fault) for fault in found), *faults]
    classes: list[type[Statistic]] = []
    notices: list[str] = []
    for module in modules:
        values = list(vars(module.module).values())
        declared = declared_in(values, module.module.__name__)
        if not declared:
            notices.append(module.without("class of Statistic"))
        for cls in declared:
            wrong = check_statistic(cls)
            faults += [_in_module(module, fault) for fault in wrong]
            classes += [] if wrong else [cls]
    bound, twice = bind_all(definitions, classes)
    return Statistics(
        bound=bound,
        faults=(*faults, *twice),
        notices=(*notices, *_replaced(bound)),
    )


def _replaced(bound: tuple[BoundStatistic, ...]) -> list[str]:
    """Return a notice for each shipped statistic whose name another has taken."""
    shipped = {definition.name: bind_definition(definition) for definition in SHIPPED}
    return [
        f"{each.name} is one of your own, in place of the one that is always there "
        f"({shipped[each.name].kind} of the stream {shipped[each.name].stream})"
        for each in bound
        if each.name in shipped and each.version != shipped[each.name].version
    ]


def _in_file(toml: TomlFile, fault: Fault) -> Fault:
    return place(toml, keys_of(fault.pointer), fault.detail)


def _in_module(module: UserModule, fault: Fault) -> Fault:
    return Fault(fault.pointer, f"{module.where}: {fault.detail}")
