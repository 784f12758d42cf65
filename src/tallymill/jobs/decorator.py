"""`@job`: a Python function as a job. Nothing is registered; the mark stays on it.

The project's loader looks for marked functions in the modules of `jobs/`.
"""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from tallymill.jobs.model import AsOf, Dst, JobDefinition, Misfire, Overlap, PeriodKind

Function = TypeVar("Function", bound=Callable[..., Any])

MARK = "__tallymill_job__"


class MarkedJob(msgspec.Struct, frozen=True, kw_only=True):
    """A function with the definition that its decorator gave it."""

    definition: JobDefinition  #: with a name
    function: Callable[..., Any]  #: takes one argument, the run
    place: str  #: module and name, for people


def job(  # noqa: PLR0913, D417 - one keyword for each field of a definition, told there
    *,
    schedule: str | None = None,
    cron_string: str | None = None,
    name: str | None = None,
    timezone: str | None = None,
    dst: Dst = "vixie",
    period: PeriodKind | None = None,
    deliver_to: str | None = None,
    as_of: AsOf | None = None,
    paused: bool = False,
    misfire: Misfire = "latest",
    overlap: Overlap = "skip",
    timeout: float | str = 60.0,
    retries: int = 16,
    jitter: float | str = 0.0,
) -> Callable[[Function], Function]:
    """Make a function a job, named as the function unless `name` says otherwise.

    The function gets the run (`run.now`, `run.scheduled_for`, `run.period`,
    `run.query(source, sql, **parameters)`) and returns any value that JSON can hold. It
    may be `async def` or, for whatever blocks, a plain `def`, which runs in a thread.

    Args:
        schedule: Any form, such as "each day at 1PM"; or give `cron_string`.
        cron_string: 5 or 6 fields, or "@daily" and its kin.
        name: The job's id.

    The other arguments mean what the fields of `JobDefinition` mean.
    """
    given = locals()

    def mark(function: Function) -> Function:
        fields = {**given, "name": name or getattr(function, "__name__", None)}
        marked = MarkedJob(
            definition=JobDefinition(**fields),
            function=function,
            place=f"{function.__module__}.{getattr(function, '__qualname__', name)}",
        )
        setattr(function, MARK, marked)
        return function

    return mark


def marked_job(thing: object) -> MarkedJob | None:
    """Return the job that a module's attribute is, or None."""
    marked = inspect.getattr_static(thing, MARK, None)
    return marked if isinstance(marked, MarkedJob) else None
