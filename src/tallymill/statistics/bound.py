"""A statistic bound to a stream: what the fold loop, the store and the web use.

The user's code is called here and nowhere else, and whatever it raises stays here:
a raising `add` sets its event aside, a raising `merge` or `result` becomes an error
that names the statistic and the method.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np

from tallymill.kernel.errors import Corrupt, Failed
from tallymill.statistics.arrays import Intake, Rejection
from tallymill.statistics.columns import Columns, Where
from tallymill.statistics.model import Answer, FoldOutcome
from tallymill.statistics.protocol import Statistic
from tallymill.statistics.states import dump_state, load_state

REASON_MOST: Final = 500  #: characters of a reason that are kept
FEW: Final = 32  #: below this many values `add` is faster than an array (measured)

# Whatever a user's method raises: `exit()`, KeyboardInterrupt, GeneratorExit or a
# CancelledError that asyncio would take for its own would end the server or stop a
# shard for ever. None of them is meant for us: signals go to the event loop, and no
# task can be cancelled while a method runs.
RAISED: Final = (BaseException,)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundStatistic:
    """A name, a stream, and the functions over a state; pure."""

    name: str
    stream: str
    kind: str  #: a shipped kind, or for a user's class its name
    version: str  #: changes when the meaning does; another version starts a replay
    fields: tuple[str, ...]  #: whose values are added; empty for the event itself
    statistic: Statistic
    where: Where = ()
    from_now: bool = False  #: do not replay the past
    trusted: bool = False  #: shipped: spares the guards against the user's code

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths that a `ColumnReader` has to read for this statistic."""
        return (*self.fields, *(path for path, _ in self.where))

    def new_state(self) -> Any:  # noqa: ANN401 - its State
        """Return the state of no events."""
        return self.statistic.State()

    def fold(self, state: Any, batch: Columns) -> FoldOutcome:  # noqa: ANN401 - its State
        """Add a batch to a state; `state` itself does not change.

        An event that does not meet `where` is neither taken nor rejected. Never
        raises for what an event holds or for what the user's methods do.
        """
        part = batch.narrowed(self.where)
        intake = part.intake(self.fields, numeric=self.statistic.numeric)
        new, failures = self._add(state, intake)
        rejected = intake.rejected
        if failures:
            own = [(intake.rows[index], reason) for index, reason in failures]
            rejected = sorted([*rejected, *own])
        return FoldOutcome(
            state=new,
            taken=len(intake) - len(failures),
            rejected=tuple((part.rows[index], reason) for index, reason in rejected),
        )

    def merge(self, a: Any, b: Any) -> Any:  # noqa: ANN401 - its State
        """Return the state of both parts' events.

        Raises:
            Failed: The statistic's own `merge` raised, or returned no State.
        """
        merged = self._call("merge", self.statistic.merge, a, b)
        if self.trusted:
            return merged
        try:
            return self.load(self.dump(merged))
        except (*RAISED,) as error:
            raise self._failed("merge returned what is no State", error) from error

    def result(self, state: Any) -> Any:  # noqa: ANN401 - any JSON value
        """Return the answer, a JSON value; None for what JSON has no number for.

        Raises:
            Failed: The statistic's own `result` raised, or returned no JSON value.
        """
        value = self._call("result", self.statistic.result, state)
        if self.trusted:
            return value
        try:
            return msgspec.json.decode(msgspec.json.encode(value, enc_hook=_plain))
        except (*RAISED,) as error:
            raise self._failed("result returned no JSON value", error) from error

    def answer(self, states: Iterable[Any]) -> Answer:
        """Merge partial states and read the result; an error is part of the answer."""
        try:
            total = self.new_state()
            for state in states:
                total = self.merge(total, state)
            return Answer(value=self.result(total))
        except (Failed, Corrupt) as error:
            return Answer(value=None, error=error.detail)

    def dump(self, state: Any) -> bytes:  # noqa: ANN401 - its State
        """Return a state as bytes."""
        return dump_state(self.statistic, state)

    def load(self, raw: bytes) -> Any:  # noqa: ANN401 - its State
        """Return the state of the bytes.

        Raises:
            Corrupt: They are no state of this statistic.
        """
        return load_state(self.statistic, raw)

    def _add(self, state: Any, intake: Intake) -> tuple[Any, list[Rejection]]:  # noqa: ANN401 - its State
        if not len(intake):
            return state, []
        if self.trusted:
            return self._add_trusted(state, intake), []
        add_batch = self.statistic.add_batch
        if add_batch is None:
            return self._add_each(state, intake)
        try:
            new = self.load(self.dump(state))
            for arguments in intake.groups:
                add_batch(new, *arguments)
            return self.load(self.dump(new)), []
        except (*RAISED,):  # one by one tells which event it was, with its reason
            return self._add_each(state, intake)

    def _add_trusted(self, state: Any, intake: Intake) -> Any:  # noqa: ANN401 - its State
        new = self.statistic.merge(state, self.new_state())
        add_batch = self.statistic.add_batch
        if add_batch is None or len(intake) < FEW:
            for row in zip(*intake.values, strict=True):
                self.statistic.add(new, *row)
            return new
        for arguments in intake.groups:
            add_batch(new, *arguments)
        return new

    def _add_each(self, state: Any, intake: Intake) -> tuple[Any, list[Rejection]]:  # noqa: ANN401 - its State
        rows = list(zip(*intake.values, strict=True))
        failures: list[Rejection] = []
        raw = self._add_run(self.dump(state), rows, 0, failures)
        return self.load(raw), failures

    def _add_run(
        self,
        raw: bytes,
        rows: Sequence[tuple[Any, ...]],
        first: int,
        failures: list[Rejection],
    ) -> bytes:
        """Add rows to a stored state; halve them where one fails, to find it.

        Each run starts from bytes, so a half-made change is dropped with its run; a
        state that cannot be stored again counts as a failure too.
        """
        doing = "add raised"
        try:
            state = self.load(raw)
            for row in rows:
                self.statistic.add(state, *row)
            doing = "add left a state that cannot be stored,"
            stored = self.dump(state)
            # Load and dump once more: the declared types decide, not the values'.
            return self.dump(self.load(stored))
        except (*RAISED,) as error:
            if len(rows) == 1:
                failures.append((first, f"{doing} {_sentence(error)}"))
                return raw
        middle = len(rows) // 2
        raw = self._add_run(raw, rows[:middle], first, failures)
        return self._add_run(raw, rows[middle:], first + middle, failures)

    def _call(self, method: str, function: Callable[..., Any], *states: Any) -> Any:  # noqa: ANN401 - its State
        try:
            return function(*states)
        except (*RAISED,) as error:
            raise self._failed(f"{method} raised", error) from error

    def _failed(self, doing: str, error: BaseException) -> Failed:
        return Failed(f"statistic '{self.name}': {doing} {_sentence(error)}")


def _sentence(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:REASON_MOST]


def _plain(value: Any) -> Any:  # noqa: ANN401 - msgspec's hook
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} has no form in JSON")
