"""The project's statistics: `[statistics.…]` of `tallymill.toml`, and classes."""

from collections.abc import Mapping
from pathlib import Path

from tallymill.config import TomlFile
from tallymill.kernel.errors import Fault
from tallymill.project.modules import UserModule, import_folder
from tallymill.project.tables import place
from tallymill.statistics.bound import BoundStatistic
from tallymill.statistics.checking import check_statistic
from tallymill.statistics.definitions import parse_definitions
from tallymill.statistics.protocol import Statistic, declared_in
from tallymill.statistics.registry import bind_all


def collect_statistics(
    toml: TomlFile, folder: Path
) -> tuple[tuple[BoundStatistic, ...], list[Fault]]:
    """Return all statistics without fault, shipped ones first, and all faults.

    Args:
        toml: The project's file.
        folder: Of the user's classes.
    """
    tables = toml.table.get("statistics", {})
    if not isinstance(tables, Mapping):
        detail = "is no table; write [statistics.NAME]"
        return (), [place(toml, ("statistics",), detail)]
    definitions, found = parse_definitions(tables)
    modules, faults = import_folder(folder)
    faults = [*(_in_file(toml, fault) for fault in found), *faults]
    classes: list[type[Statistic]] = []
    for module in modules:
        values = list(vars(module.module).values())
        for cls in declared_in(values, module.module.__name__):
            wrong = check_statistic(cls)
            faults += [_in_module(module, fault) for fault in wrong]
            classes += [] if wrong else [cls]
    bound, twice = bind_all(definitions, classes)
    return bound, [*faults, *twice]


def _in_file(toml: TomlFile, fault: Fault) -> Fault:
    keys = fault.pointer.split("/")[1:]
    unescaped = (key.replace("~1", "/").replace("~0", "~") for key in keys)
    return place(toml, tuple(unescaped), fault.detail)


def _in_module(module: UserModule, fault: Fault) -> Fault:
    return Fault(fault.pointer, f"{module.where}: {fault.detail}")
