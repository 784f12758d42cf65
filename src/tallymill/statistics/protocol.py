"""What a statistic is: the base class of the shipped kinds and of the user's own.

A statistic is a state with an identity and three functions over it; the laws that
they keep are in `laws`. How a class is checked when it is loaded is in `checking`.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any, ClassVar


class Statistic:
    """Something that events add up to.

    A subclass names its `stream`, at most one of `field` and `fields`, a `State`
    (a `msgspec.Struct` whose fields all have defaults; the value without arguments is
    the identity of `merge`), and the three functions; `add_batch` is optional. The
    order of events must not matter: shards are folded side by side and then merged.

        class Longest(Statistic):
            stream, field = "picture", "width"

            class State(msgspec.Struct):
                most: float = 0.0

            def add(self, state, width): state.most = max(state.most, width)
            def merge(self, a, b): return self.State(max(a.most, b.most))
            def result(self, state): return state.most
    """

    name: ClassVar[str]  #: the class's name in snake case unless given
    stream: ClassVar[str] = ""
    field: ClassVar[str | None] = None  #: a key of `data`, or a path: "box.width"
    fields: ClassVar[tuple[str, ...] | None] = (
        None  #: several, handed to `add` in order
    )
    State: ClassVar[type[Any]]
    numeric: ClassVar[bool] = False  #: set aside events whose fields are not numbers
    tolerance: ClassVar[float] = 1e-9  #: relative; what the laws forgive a result
    revision: ClassVar[int] = 1  #: raise it to have the past folded anew

    def __init_subclass__(cls, **options: Any) -> None:  # noqa: ANN401 - passed through
        """Give the class its name."""
        super().__init_subclass__(**options)
        if "name" not in cls.__dict__:
            cls.name = snake_case(cls.__name__)

    # `*args: Any` lets a subclass name and type its own arguments (PEP 484 practice).
    def add(self, *args: Any) -> None:  # noqa: ANN401 - see above
        """Put one event's value (one argument for each field) into the state.

        Called as `add(state, value, ...)`, or `add(state, event)` without a field.
        Changes `state`; what it returns is ignored. If it raises, the event is set
        aside with the reason, and the state stays as it was.
        """
        raise NotImplementedError

    add_batch: ClassVar[Callable[..., None] | None] = None
    #: Optional. Called as `add_batch(state, column, ...)` with one read-only NumPy array
    #: for each field (int64, float64 or object), or with the sequence of events; does
    #: what `add` would do for each in turn. A `numeric` statistic with one field is
    #: called once for each kind of array. If it raises, `add` is called instead.

    def merge(self, a: Any, b: Any) -> Any:  # noqa: ANN401 - the subclass's State
        """Return the state of both parts' events; change neither."""
        raise NotImplementedError

    def result(self, state: Any) -> Any:  # noqa: ANN401 - any JSON value
        """Return the answer, a JSON value; `None` where there is none yet."""
        raise NotImplementedError


def snake_case(name: str) -> str:
    """Return a class's name in snake case: RangeOfWeights, range_of_weights."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return parted.lower()


def field_names(statistic: Statistic | type[Statistic]) -> tuple[str, ...]:
    """Return the fields whose values `add` takes; empty if it takes the event."""
    if statistic.fields is not None:
        return tuple(statistic.fields)
    return () if statistic.field is None else (statistic.field,)


def declared_in(namespace: Iterable[object], module: str) -> list[type[Statistic]]:
    """Return the statistics that a module itself defines, in order, each once.

    Args:
        namespace: The module's values, `vars(module).values()`.
        module: Its `__name__`; classes that it imports are left out, as are those
            whose name starts with an underscore.
    """
    found = [
        item
        for item in namespace
        if isinstance(item, type)
        and issubclass(item, Statistic)
        and item.__module__ == module
        and not item.__name__.startswith("_")
    ]
    return list(dict.fromkeys(found))
