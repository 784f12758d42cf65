"""Whether a user's class is a statistic: every fault at once, each with its mend.

Asked when the project folder is loaded; the laws, which take longer, are in `laws`.
"""

import inspect
import types
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from tallymill.events.model import check_stream
from tallymill.kernel.errors import Fault, Invalid, pointer_to
from tallymill.statistics.definitions import field_fault, name_fault
from tallymill.statistics.protocol import Statistic, field_names
from tallymill.statistics.states import dump_state, load_state

ARGUMENTS: Final = {"merge": ("a", "b"), "result": ("state",)}


def check_statistic(cls: type[Statistic]) -> tuple[Fault, ...]:
    """Return what is wrong with a user's class; empty if it can be bound.

    Pointers are `/statistics/NAME/ATTRIBUTE`; details name the class and the mend.
    """
    fields = list(_fields(cls))
    takes = () if fields else field_names(cls) or ("event",)
    found = [*_placement(cls), *fields, *_state(cls), *_methods(cls, takes)]
    return tuple(
        Fault(
            pointer_to("statistics", cls.name, attribute),
            f"class {cls.__name__}: {detail}",
        )
        for attribute, detail in found
    )


Found = Iterator[tuple[str, str]]  #: attribute and what is wrong


def _placement(cls: type[Statistic]) -> Found:
    wrong = name_fault(cls.name)
    if wrong is not None:
        yield "name", f"its name {wrong}"
    if not cls.stream:
        yield "stream", 'names no stream; add a line such as stream = "picture"'
        return
    try:
        check_stream(str(cls.stream))
    except Invalid as error:
        yield "stream", error.detail


def _fields(cls: type[Statistic]) -> Found:
    if cls.field is not None and cls.fields is not None:
        yield "fields", "has both `field` and `fields`; keep the one that `add` takes"
        return
    declared: object = cls.fields  # whatever the user wrote there
    if declared == () or not isinstance(declared, tuple | list | types.NoneType):
        yield "fields", 'takes a tuple of names: fields = ("width", "height")'
        return
    for field in field_names(cls):
        wrong = field_fault(field)
        if wrong is not None:
            yield "fields" if cls.fields else "field", f"a field {wrong}"


def _state(cls: type[Statistic]) -> Found:
    state_type = getattr(cls, "State", None)
    if not (isinstance(state_type, type) and issubclass(state_type, msgspec.Struct)):
        yield "State", "has no State; add a `class State(msgspec.Struct)` inside it"
        return
    if state_type.__struct_config__.frozen:
        yield "State", "its State is frozen, but `add` changes it; drop frozen=True"
    try:
        statistic = cls()
        state = statistic.State()
    except Exception as error:  # noqa: BLE001 - whatever the user's class raises
        yield "State", f"it or its State() cannot be made ({error}); {_DEFAULTS}"
        return
    try:
        load_state(statistic, dump_state(statistic, state))
    except Exception as error:  # noqa: BLE001 - whatever the user's types raise
        yield "State", f"its State cannot be stored ({error}); use msgspec's types"


_DEFAULTS: Final = "give each of its fields the value that adds nothing"


def _methods(cls: type[Statistic], takes: tuple[str, ...]) -> Found:
    """Look at the methods; with `takes` empty, `add` has to wait for its fields."""
    expected = dict(ARGUMENTS)
    if takes:
        expected["add"] = ("state", *takes)
    if takes and cls.add_batch is not None:
        expected["add_batch"] = ("state", *takes)
    for method, arguments in expected.items():
        if getattr(cls, method) is getattr(Statistic, method, None):
            yield method, f"has no `{method}`; add def {_line(method, arguments)}"
        elif not _takes(getattr(cls, method), len(arguments)):
            yield (
                method,
                f"its `{method}` takes other arguments; write def {_line(method, arguments)}",
            )


def _line(method: str, arguments: tuple[str, ...]) -> str:
    plain = (argument.rpartition(".")[2] for argument in arguments)
    return f"{method}(self, {', '.join(plain)})"


def _takes(method: Any, count: int) -> bool:  # noqa: ANN401 - whatever stands there
    if not callable(method) or inspect.iscoroutinefunction(method):
        return False
    try:
        inspect.signature(method).bind(None, *range(count))
    except (TypeError, ValueError):
        return False
    return True
