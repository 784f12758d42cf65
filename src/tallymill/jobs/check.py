"""From what someone wrote to a job, with every fault at its place. Pure.

All ways to add a job (file, code, request, command) come through `check_definition`.
"""

import difflib
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import TypeVar

import msgspec

from tallymill.jobs.fields import READERS
from tallymill.jobs.model import Ask, Job, JobDefinition, Origin
from tallymill.jobs.period import resolve_as_of
from tallymill.jobs.planner import placed
from tallymill.jobs.queries import bind_names
from tallymill.jobs.schedule import Schedule, parse_cron, parse_schedule, timeline_of
from tallymill.kernel.errors import Fault, Invalid, pointer_to
from tallymill.kernel.ids import new_id

T = TypeVar("T")

BINDS = frozenset({"start", "end", "now"})
#: Names that are listed where one is not known; all the fields of a job are fewer.
NAMES_MOST = 24
_PERIOD_BINDS = frozenset({"start", "end"})


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a job may refer to, and what holds where it says nothing."""

    timezone: str = "Asia/Kolkata"  #: the setting of that name
    sources: Collection[str] = ()
    statistics: Collection[str] = ()


class Writing(msgspec.Struct, frozen=True, kw_only=True):
    """Who wrote a definition, and when."""

    origin: Origin
    now: datetime  #: aware, UTC
    function: str | None = None  #: of a job in Python: where it is, for people
    may_be_over: bool = (
        False  #: whether `at …` may lie in the past, as in a file it may
    )


def check_definition(
    definition: JobDefinition | Mapping[str, object],
    *,
    surroundings: Surroundings,
    writing: Writing,
) -> Job:
    """Return the job that a definition describes, as new.

    Args:
        definition: Fields as in `JobDefinition`; None is the same as left out.
        surroundings: Names that it may use.
        writing: By whom and when. A job by request may not begin in the past only;
            one in a file may have had its day.

    Raises:
        Invalid: Every fault, each with the JSON Pointer of its field.
    """
    faults: list[Fault] = []
    fields = _read(_given(definition), faults)
    faults += _cross_faults(fields, surroundings, writing)
    schedule = _schedule(fields, surroundings, writing, faults)
    if faults or schedule is None:
        raise refusal(faults)
    return _job(fields, schedule, writing)


def fields_of(job: Job) -> dict[str, object]:
    """Return the definition of a job as fields, for changing some of them."""
    ask = job.ask
    return {
        "name": job.id,
        "schedule": ask.schedule,
        "timezone": ask.timezone,
        "dst": ask.dst,
        "source": ask.source,
        "query": ask.query,
        "statistic": ask.statistic,
        "period": ask.period,
        "deliver_to": ask.deliver_to,
        "as_of": ask.as_of,
        "paused": job.paused,
        "misfire": ask.misfire,
        "overlap": ask.overlap,
        "timeout": ask.timeout_s,
        "retries": ask.retries,
        "jitter": ask.jitter_s,
    }


def refusal(faults: list[Fault]) -> Invalid:
    """Return the error that tells these faults."""
    first = faults[0]
    place = first.pointer.lstrip("/") or "the job"
    more = f" ({len(faults) - 1} more)" if len(faults) > 1 else ""
    stop = "" if first.detail.endswith(("?", ".")) else "."
    return Invalid(
        f"The job is not valid: {place} {first.detail}{stop}{more}", faults=faults
    )


def nearest(name: str, known: Collection[str]) -> str:
    """Return a sentence part that helps with a name that is not known."""
    if not known:
        return "there is none"
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    if near:
        return f"did you mean {near[0]!r}?"
    names = sorted(known)
    more = len(names) - NAMES_MOST
    listed = ", ".join(names[:NAMES_MOST])
    return f"there are {listed}" + (f", and {more} more" if more > 0 else "")


def _given(definition: JobDefinition | Mapping[str, object]) -> Mapping[str, object]:
    if isinstance(definition, JobDefinition):
        return msgspec.structs.asdict(definition)
    return definition


def _read(given: Mapping[str, object], faults: list[Fault]) -> dict[str, object]:
    fields: dict[str, object] = {}
    for name, value in given.items():
        pointer = pointer_to(name)
        reader = READERS.get(name)
        if reader is None:
            hint = nearest(name, READERS)
            faults.append(Fault(pointer, f"is no field of a job; {hint}"))
        elif value is not None:
            try:
                fields[name] = reader(value)
            except ValueError as exc:
                faults.append(Fault(pointer, str(exc)))
    return fields


def _cross_faults(
    fields: Mapping[str, object], surroundings: Surroundings, writing: Writing
) -> list[Fault]:
    faults = [
        *_source_faults(fields, surroundings),
        *_query_faults(fields),
    ]
    asks = [name for name in ("query", "statistic") if name in fields]
    if len(asks) == 2 or (asks and writing.function):
        asked = "a Python function" if writing.function else "a query"
        faults.append(
            Fault(f"/{asks[-1]}", f"cannot stand beside {asked}: a job asks one thing")
        )
    return faults


def _source_faults(
    fields: Mapping[str, object], surroundings: Surroundings
) -> list[Fault]:
    faults = []
    if "query" in fields and "source" not in fields:
        hint = ", ".join(sorted(surroundings.sources)[:10]) or "none is set up"
        faults.append(Fault("/source", f"is missing: which source is asked? ({hint})"))
    if "source" in fields and "query" not in fields:
        faults.append(Fault("/query", "is missing: what is the source asked?"))
    for name, known in (
        ("source", surroundings.sources),
        ("statistic", surroundings.statistics),
    ):
        value = fields.get(name)
        if value is not None and value not in known:
            hint = nearest(str(value), known)
            faults.append(Fault(f"/{name}", f"{value!r} is not known; {hint}"))
    return faults


def _query_faults(fields: Mapping[str, object]) -> list[Fault]:
    if "query" not in fields:
        return []
    names = bind_names(str(fields["query"]))
    faults = [
        Fault(
            "/query",
            rf"binds :{name}, but there is only :start, :end and :now (write \:{name} for a colon that binds nothing)",
        )
        for name in sorted(names - BINDS)
    ]
    if names & _PERIOD_BINDS and "period" not in fields:
        used = " and ".join(f":{name}" for name in sorted(names & _PERIOD_BINDS))
        faults.append(
            Fault(
                "/period",
                f'is missing: the query uses {used}; set it to "hour", "day", "week" or "month"',
            )
        )
    return faults


def _schedule(
    fields: dict[str, object],
    surroundings: Surroundings,
    writing: Writing,
    faults: list[Fault],
) -> Schedule | None:
    """Return the schedule, and complete and check what depends on the zone."""
    fields.setdefault("timezone", surroundings.timezone)
    if not _collected(lambda: timeline_of(str(fields["timezone"])), faults):
        fields["timezone"] = "UTC"
    if "as_of" in fields:
        as_of, zone = str(fields["as_of"]), str(fields["timezone"])
        _collected(lambda: resolve_as_of(as_of, zone), faults)
    written = [name for name in ("cron_string", "schedule") if name in fields]
    if len(written) == 2:
        faults.append(Fault("/schedule", "cannot stand beside cron_string: give one"))
        return None
    if not written:
        if not any(f.pointer in {"/cron_string", "/schedule"} for f in faults):
            faults.append(
                Fault(
                    "/cron_string",
                    'is missing: when shall it run? For example "5 4 * * *"',
                )
            )
        return None
    return _collected(lambda: _parsed(written[0], fields, writing), faults)


def _parsed(which: str, fields: Mapping[str, object], writing: Writing) -> Schedule:
    text = str(fields[which])
    zone, dst = str(fields["timezone"]), fields.get("dst", "vixie")
    if which == "cron_string":
        return parse_cron(text, timezone=zone, dst=dst)  # type: ignore[arg-type] # read by READERS
    # A file is read again at each start, when its moment may be over.
    may_be_over = writing.may_be_over or writing.origin != "api"
    now = None if may_be_over else writing.now
    return parse_schedule(text, timezone=zone, dst=dst, now=now)  # type: ignore[arg-type] # read by READERS


def _collected(read: Callable[[], T], faults: list[Fault]) -> T | None:
    """Return what `read` returns; if it refuses, keep its faults and return None."""
    try:
        return read()
    except Invalid as exc:
        faults.extend(exc.faults or [Fault("", exc.detail)])
        return None


def _job(fields: Mapping[str, object], schedule: Schedule, writing: Writing) -> Job:
    renamed = {"timeout": "timeout_s", "jitter": "jitter_s"}
    asked = {renamed.get(name, name): value for name, value in fields.items()}
    paused = bool(asked.pop("paused", False))
    name = asked.pop("name", None)
    asked |= {"cron_string": schedule.cron_string, "schedule": schedule.text}
    job = Job(
        id=str(name or new_id()),
        origin=writing.origin,
        ask=msgspec.convert({**asked, "function": writing.function}, Ask),
        paused=paused,
        version=1,
        created_at=writing.now,
        updated_at=writing.now,
        last_nominal=writing.now,
        next_nominal=None,
        next_run=None,
    )
    return placed(job, schedule)
