"""The room's values: what a definition says, what a fold gives, what a reader sees."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from tallymill.statistics.arrays import Rejection
from tallymill.statistics.columns import Where


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticDefinition:
    """A statistic of a shipped kind, as three lines of `tallymill.toml` give it."""

    name: str
    stream: str
    kind: str  #: a key of `registry.KINDS`
    field: str | None = None  #: a key of `data`, or a path; None only for `count`
    where: Where = ()  #: all must hold, or the event is not taken
    from_now: bool = False  #: do not replay the past


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldOutcome:
    """What a batch did to a statistic."""

    state: Any  #: a new state; the one handed in is as it was
    taken: int  #: events that are in the state now; the statistic's "events"
    rejected: tuple[Rejection, ...] = ()  #: by index in the batch, with the reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A statistic's value, or why its own code could not give one."""

    value: Any  #: a JSON value; None where there is none yet, or on an error
    error: str | None = None


class StatisticView(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `GET /statistics`."""

    name: str
    stream: str
    kind: str
    value: Any
    events: int  #: events taken so far
    updated_at: datetime | None  #: of the last fold that took an event; aware, UTC
    field: str | msgspec.UnsetType = msgspec.UNSET
    error: str | msgspec.UnsetType = msgspec.UNSET  #: why `value` is null
