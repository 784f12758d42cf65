"""A batch of events as columns: the needed fields decoded once, message by message.

Messages are never joined into one array: three malformed ones can join into three
valid ones. A generated `msgspec` struct reads only the fields that somebody needs; a
message that it cannot read is looked at again alone, by `reading`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from tallymill.events.model import Event
from tallymill.statistics.arrays import Intake, intake_of_events, intake_of_values
from tallymill.statistics.reading import Problem, cells_alone, walk

Condition = tuple[str, str | int | float | bool]  #: a path and what it must equal
Where = tuple[Condition, ...]

UNREADABLE: Final = (ValueError, TypeError, RecursionError)  #: what msgspec raises


class Columns:
    """The events of one batch, and the values at some paths of their `data`.

    What is computed is kept, so that five statistics over one field share one array.
    """

    def __init__(
        self,
        events: Sequence[Event],
        cells: Mapping[str, list[Any]],
        rows: Sequence[int] | None = None,
    ) -> None:
        self.events = events
        self.rows = range(len(events)) if rows is None else rows
        self._cells = cells
        self._narrowed: dict[object, Columns] = {}
        self._intakes: dict[tuple[tuple[str, ...], bool], Intake] = {}

    def __len__(self) -> int:
        return len(self.events)

    def narrowed(self, where: Where) -> "Columns":
        """Return the columns of those events that meet all conditions.

        `rows` of the answer says where each stands in the batch.
        """
        if not where:
            return self
        # With its type, as true and 1 are the same key of a dict.
        key = tuple((path, type(wanted), wanted) for path, wanted in where)
        if key not in self._narrowed:
            self._narrowed[key] = self._narrow(where)
        return self._narrowed[key]

    def intake(self, fields: tuple[str, ...], *, numeric: bool) -> Intake:
        """Return what a statistic over these fields can take, and what it cannot.

        Args:
            fields: Paths; none for the event itself.
            numeric: Whether values that are not numbers are set aside.
        """
        key = (fields, numeric)
        if key not in self._intakes:
            self._intakes[key] = self._take(fields, numeric=numeric)
        return self._intakes[key]

    def _take(self, fields: tuple[str, ...], *, numeric: bool) -> Intake:
        if not fields:
            return intake_of_events(self.events)
        return intake_of_values(
            fields, tuple(self._cells[path] for path in fields), numeric=numeric
        )

    def _narrow(self, where: Where) -> "Columns":
        kept: Sequence[int] = range(len(self.events))
        for path, wanted in where:
            cells = self._cells[path]
            kept = [index for index in kept if _equals(cells[index], wanted)]
        return Columns(
            [self.events[index] for index in kept],
            {path: [c[index] for index in kept] for path, c in self._cells.items()},
            [self.rows[index] for index in kept],
        )


class ColumnReader:
    """Decodes the union of the fields that a stream's statistics need.

    Args:
        paths: Keys of `data`, or paths such as "box.width"; doubles are welcome.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths = tuple(sorted(set(paths)))
        tree = _tree(self.paths)
        row_type, names = _row_type(tree)
        self._decode: Callable[[Any], Any] = msgspec.json.Decoder(row_type).decode
        self._blank = row_type()
        self._pick = {path: _picker(path, names) for path in self.paths}

    def read(self, events: Sequence[Event]) -> Columns:
        """Return the columns of a batch; never raises for what an event holds."""
        if not self.paths:
            return Columns(events, {})
        rows, alone = self._rows([event.data for event in events])
        cells = {path: self._pick[path](rows) for path in self.paths}
        for index, data in alone:
            for path, cell in cells_alone(data, self.paths).items():
                cells[path][index] = cell
        return Columns(events, cells)

    def _rows(self, datas: list[Any]) -> tuple[list[Any], list[tuple[int, Any]]]:
        decode, blank = self._decode, self._blank
        rows: list[Any] = []
        alone: list[tuple[int, Any]] = []
        append = rows.append
        for data in datas:
            try:
                append(decode(data))
            except UNREADABLE:
                alone.append((len(rows), data))
                append(blank)
        return rows, alone


def _equals(cell: object, wanted: object) -> bool:
    """Compare as JSON does: true is not 1, and 1 is 1.0."""
    if isinstance(cell, bool) or isinstance(wanted, bool):
        return cell is wanted
    return cell == wanted


class Tree(dict[str, "Tree | None"]):
    """Keys and what is wanted below them; None is a value that is wanted whole."""


def _tree(paths: Sequence[str]) -> Tree:
    tree = Tree()
    for path in paths:  # sorted, so that "box" comes before "box.width"
        *parents, last = path.split(".")
        node: Tree | None = tree
        for key in parents:
            node = node.setdefault(key, Tree()) if node is not None else None
        if node is not None:  # else a parent is wanted whole, and read from there
            node[last] = None
    return tree


def _row_type(tree: Tree, prefix: str = "") -> tuple[type[Any], dict[str, str]]:
    """Return a struct for a tree of keys, and the attribute of each path in it."""
    fields: list[tuple[str, Any, Any]] = []
    keys: dict[str, str] = {}
    names: dict[str, str] = {}
    for number, (key, below) in enumerate(tree.items()):
        attribute = f"f{number}"
        annotation: Any = Any
        if below is not None:
            inner, inner_names = _row_type(below, f"{prefix}{key}.")
            annotation = inner | msgspec.UnsetType | None
            names |= {p: f"{attribute}.{name}" for p, name in inner_names.items()}
        names[prefix + key] = attribute
        fields.append((attribute, annotation, msgspec.UNSET))
        keys[attribute] = key
    return msgspec.defstruct("Row", fields, rename=keys, gc=False), names


def _picker(path: str, names: Mapping[str, str]) -> Callable[[list[Any]], list[Any]]:
    """Return a function from rows to the path's cells."""
    known = path
    while known not in names:  # the rest is read from a parent that is wanted whole
        known = known.rpartition(".")[0]
    attributes = names[known].split(".")
    rest = path[len(known) + 1 :].split(".") if known != path else []
    if not rest and len(attributes) == 1:
        return _plain_picker(attributes[0])

    def pick(rows: list[Any]) -> list[Any]:
        return [_descend(row, attributes, rest, path) for row in rows]

    return pick


def _plain_picker(attribute: str) -> Callable[[list[Any]], list[Any]]:
    def pick(rows: list[Any]) -> list[Any]:
        return [getattr(row, attribute) for row in rows]

    return pick


def _descend(row: Any, attributes: list[str], rest: list[str], path: str) -> Any:  # noqa: ANN401 - any JSON value
    value = row
    for depth, attribute in enumerate(attributes):
        if value is None:
            parent = ".".join(path.split(".")[:depth])
            return Problem(f"field '{parent}' is null, not an object")
        value = getattr(value, attribute)
        if value is msgspec.UNSET:
            return value
    return walk(value, rest, path) if rest else value
