"""`@job`: a Python function as a job. Nothing is registered; the mark stays on it.

The project's loader looks for marked functions in the modules of `jobs/`. What is wrong
with a mark is kept on it and told by the loader, together with all other faults.
"""

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tallymill.jobs.model import AsOf, Dst, JobDefinition, Misfire, Overlap, PeriodKind

Function = TypeVar("Function", bound=Callable[..., Any])

MARK = "__tallymill_job__"


class MarkedJob(msgspec.Struct, frozen=True, kw_only=True):
    """A function with the definition that its decorator gave it."""

    definition: JobDefinition  #: with a name
    function: Callable[..., Any]  #: takes one argument, the run
    place: str  #: for people: its folder and file, "jobs/report.py"
    unknown: Mapping[str, object] = {}  #: arguments that `job` does not have
    misuse: str = ""  #: how `job` was called wrongly, as a sentence part

    @property
    def fields(self) -> dict[str, object]:
        """Return all that was given, known or not, for `check_definition`."""
        return {**msgspec.structs.asdict(self.definition), **self.unknown}


def job(  # noqa: PLR0913, D417 - one keyword for each field of a definition, told there
    *unnamed: object,
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
    **unknown: object,
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
    del given["unnamed"], given["unknown"]

    def mark(function: Function) -> Function:
        marked = MarkedJob(
            definition=JobDefinition(**{**given, "name": name or _name_of(function)}),
            function=function,
            place=_place_of(function),
            unknown=unknown,
            misuse=_misuse(unnamed),
        )
        setattr(function, MARK, marked)
        return function

    # `@job` without brackets: the function itself is the argument.
    return mark(unnamed[0]) if _is_bare(unnamed) else mark  # type: ignore[return-value, type-var] # a misuse, told by the loader


def signature_fault(function: Callable[..., Any]) -> str:
    """Return what is wrong with a job's parameters as a sentence part, or ""."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some callables do not tell
        return ""
    try:
        signature.bind(object())
    except TypeError:
        return (
            f"is called with one argument, the run, and takes {signature}: "
            f"write `def {_name_of(function)}(run)`"
        )
    return ""


def marked_job(thing: object) -> MarkedJob | None:
    """Return the job that a module's attribute is, or None."""
    marked = inspect.getattr_static(thing, MARK, None)
    return marked if isinstance(marked, MarkedJob) else None


def _name_of(function: object) -> str | None:
    return getattr(function, "__name__", None)


def _place_of(function: Callable[..., Any]) -> str:
    # Of the module and not of the code, which may be that of a decorator below.
    file = getattr(sys.modules.get(function.__module__), "__file__", None)
    if file is None:
        return f"{function.__module__}.{_name_of(function)}"
    path = Path(file)
    return f"{path.parent.name}/{path.name}"


def _is_bare(unnamed: Sequence[object]) -> bool:
    return len(unnamed) == 1 and callable(unnamed[0])


def _misuse(unnamed: Sequence[object]) -> str:
    if not unnamed:
        return ""
    if _is_bare(unnamed):
        return 'says not when: write @job(schedule="each day at 1PM")'
    shown = ", ".join(repr(value)[:60] for value in unnamed)
    return f"has an argument without a name: write @job(schedule={shown})"
