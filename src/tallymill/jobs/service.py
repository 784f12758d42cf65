"""The jobs as the web, the command line and the project's loader use them.

Every change goes through `check.py` and is one compare-and-set transaction; the agenda
is woken after it. Jobs of the project's files and code are changed there; here they can
only be paused and resumed.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from tallymill.jobs.asking import Asker
from tallymill.jobs.changes import changed, fitted, paused_or_resumed
from tallymill.jobs.check import (
    Surroundings,
    Writing,
    check_definition,
    fields_of,
    refusal,
)
from tallymill.jobs.model import Job, JobDefinition, JobPage, Origin
from tallymill.jobs.ports import Change, JobStore
from tallymill.kernel.clock import Clock
from tallymill.kernel.errors import (
    Conflict,
    Fault,
    Invalid,
    NotAllowed,
    NotFound,
    pointer_to,
)

#: The most jobs in one page.
PAGE_MOST = 1000
_REDO_MOST = 10


class ProjectJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that the project's folder holds."""

    fields: JobDefinition | Mapping[str, object]  #: with a name
    origin: Origin  #: "file" or "code"
    function: Callable[..., Any] | None = None  #: of a job in Python
    place: str | None = None  #: of the function: where it is, for people


class Reconciled(msgspec.Struct, frozen=True, kw_only=True):
    """What reconciling the project's jobs with the stored ones did, by job id."""

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()


class Jobs:
    """All that can be done with jobs themselves; their runs are `Runs`'."""

    def __init__(
        self,
        *,
        store: JobStore,
        asker: Asker,
        surroundings: Surroundings,
        clock: Clock,
        edited: Callable[[datetime | None], None],
    ) -> None:
        """Make the service.

        Args:
            store: Where jobs are kept.
            asker: Is told the functions of the jobs in Python.
            surroundings: What jobs may refer to.
            clock: Whose time is meant.
            edited: Called after each change with the job's next run; wakes the agenda.
        """
        self._store = store
        self._asker = asker
        self._surroundings = surroundings
        self._clock = clock
        self._edited = edited

    async def add(self, fields: JobDefinition | Mapping[str, object]) -> Job:
        """Add a job by request.

        Raises:
            Invalid: Every fault by its pointer.
            Conflict: There is a job with this name.
        """
        job = self.checked(fields)
        if not await self._store.add(job):
            raise Conflict(
                f"There is a job {job.id!r} already: change it, or choose another name.",
                faults=[Fault("/name", "is taken")],
            )
        self._edited(job.next_run)
        return job

    def checked(self, fields: JobDefinition | Mapping[str, object]) -> Job:
        """Return the job that a definition would make; stores nothing.

        Raises:
            Invalid: Every fault by its pointer.
        """
        writing = Writing(origin="api", now=self._clock.now())
        return check_definition(
            fields, surroundings=self._surroundings, writing=writing
        )

    async def get(self, job_id: str) -> Job:
        """Return a job.

        Raises:
            NotFound: There is none with this id.
        """
        job = await self._store.get(job_id)
        if job is None:
            raise NotFound(f"There is no job {job_id[:100]!r}.")
        return job

    async def page(self, *, skip: int = 0, limit: int = 100) -> JobPage:
        """Return jobs in the order of their creation.

        Raises:
            Invalid: `skip` is negative, or `limit` is not in 1 to `PAGE_MOST`.
        """
        faults = []
        if not 0 <= skip < 2**63:
            faults.append(Fault("/skip", "must be 0 or more"))
        if not 1 <= limit <= PAGE_MOST:
            faults.append(Fault("/limit", f"must be from 1 to {PAGE_MOST}"))
        if faults:
            raise Invalid(f"{faults[0].pointer[1:]} {faults[0].detail}.", faults=faults)
        return await self._store.page(skip=skip, limit=limit)

    async def patch(self, job_id: str, fields: Mapping[str, object]) -> Job:
        """Change some fields of a job; a field that is None gets its default again.

        Due times up to now go by the old definition, those after it by the new one.

        Raises:
            NotFound: There is none with this id.
            Invalid: Every fault by its pointer.
            NotAllowed: It is the project's, and something else than `paused` is named.
        """
        return await self._redo(job_id, lambda job: self._patched(job, fields))

    async def pause(self, job_id: str) -> Job:
        """Let a job's due times pass until it is resumed; idempotent.

        Raises:
            NotFound: There is none with this id.
        """
        return await self.patch(job_id, {"paused": True})

    async def resume(self, job_id: str) -> Job:
        """Let a job run again; what came due meanwhile is one row of the history.

        Raises:
            NotFound: There is none with this id.
        """
        return await self.patch(job_id, {"paused": False})

    async def remove(self, job_id: str) -> None:
        """Delete a job; what is queued of it is cancelled, its history stays.

        Raises:
            NotFound: There is none with this id.
            NotAllowed: It is the project's: take it out of the file.
        """
        job = await self.get(job_id)
        if job.origin != "api":
            raise _not_here(job, "deleted")
        if not await self._store.remove(job_id, self._clock.now()):
            raise NotFound(f"There is no job {job_id[:100]!r}.")

    async def reconcile(self, project: Sequence[ProjectJob]) -> Reconciled:
        """Make the stored jobs of file and code equal to the project's; idempotent.

        New ones are created, changed ones changed as by `patch`, those that are gone
        removed. A job that was paused by hand stays paused; one whose definition says
        `paused` is paused at each start. Jobs added by request are left alone, and
        their names are not taken.

        Raises:
            Invalid: Every fault of every job; nothing was changed.
            Conflict: A name is a job's that was added by request.
        """
        jobs = self._checked_project(project)
        self._asker.know(
            {
                job.id: each.function
                for each, job in zip(project, jobs, strict=True)
                if each.function is not None
            }
        )
        stored = {job.id: job for job in await self._store.of_origin(("file", "code"))}
        created, updated, unchanged = [], [], []
        for job in jobs:
            if job.id not in stored:
                await self._create(job)
                created.append(job.id)
            elif fitted(stored[job.id], job, self._clock.now()) is None:
                unchanged.append(job.id)
            else:
                await self._fit(job)
                updated.append(job.id)
        removed = [job_id for job_id in stored if job_id not in {j.id for j in jobs}]
        for job_id in removed:
            await self._store.remove(job_id, self._clock.now())
        for job in jobs:
            self._edited(job.next_run)
        return Reconciled(
            created=tuple(created),
            updated=tuple(updated),
            removed=tuple(removed),
            unchanged=tuple(unchanged),
        )

    def _checked_project(self, project: Sequence[ProjectJob]) -> list[Job]:
        jobs: dict[str, Job] = {}
        faults: list[Fault] = []
        for each in project:
            writing = Writing(
                origin=each.origin, now=self._clock.now(), function=each.place
            )
            try:
                job = check_definition(
                    each.fields, surroundings=self._surroundings, writing=writing
                )
            except Invalid as exc:
                place = pointer_to("jobs", _name_of(each))
                faults += [Fault(place + f.pointer, f.detail) for f in exc.faults]
                continue
            if job.id in jobs:
                faults.append(Fault(pointer_to("jobs", job.id), "is there twice"))
            jobs[job.id] = job
        if faults:
            raise refusal(faults)
        return list(jobs.values())

    async def _create(self, job: Job) -> None:
        if not await self._store.add(job):
            raise Conflict(
                f"The project's job {job.id!r} has the name of a job that was added by "
                "request: give it another name, or delete that one."
            )

    async def _fit(self, job: Job) -> None:
        def step(stored: Job) -> Change:
            unchanged = Change(job=stored)
            return fitted(stored, job, self._clock.now()) or unchanged

        await self._redo(job.id, step)

    async def _redo(self, job_id: str, step: Callable[[Job], Change]) -> Job:
        """Change a job; anew if somebody else changed it in between."""
        for _ in range(_REDO_MOST):
            stored = await self.get(job_id)
            change = step(stored)
            if change.job == stored:
                return stored
            if await self._store.change(change):
                self._edited(change.job.next_run)
                return change.job
        raise Conflict(f"The job {job_id!r} is being changed by others: try again.")

    def _patched(self, job: Job, fields: Mapping[str, object]) -> Change:
        now = self._clock.now()
        if set(fields) == {"paused"} and isinstance(fields["paused"], bool):
            return paused_or_resumed(job, now, paused=fields["paused"])
        if job.origin != "api":
            raise _not_here(job, "changed")
        if "name" in fields and fields["name"] != job.id:
            raise refusal([Fault("/name", "is the job's id and cannot be changed")])
        merged = _merged(fields_of(job), fields)
        # A schedule that stays may be one that has had its day.
        stays = merged["schedule"] == job.ask.schedule
        writing = Writing(origin=job.origin, now=now, may_be_over=stays)
        wanted = check_definition(
            merged, surroundings=self._surroundings, writing=writing
        )
        return changed(job, wanted, now)


def _merged(
    stored: dict[str, object], fields: Mapping[str, object]
) -> dict[str, object]:
    merged = {**stored, **fields}
    if fields.get("cron_string") is not None and "schedule" not in fields:
        merged["schedule"] = None
    return merged


def _name_of(each: ProjectJob) -> object:
    if isinstance(each.fields, JobDefinition):
        return each.fields.name
    return each.fields.get("name")


def _not_here(job: Job, verb: str) -> NotAllowed:
    place = "tallymill.toml" if job.origin == "file" else job.ask.function
    return NotAllowed(
        f"The job {job.id!r} is {verb} where it is written ({place}), not here; it can "
        "be paused and resumed."
    )
