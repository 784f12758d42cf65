"""`/jobs/{id}` with all that can be done to a job, and `/runs/{id}`."""

from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody, QueryParameter

from tallymill.jobs.model import Job
from tallymill.jobs.period import resolve_as_of
from tallymill.jobs.schedule import timeline_of
from tallymill.web.job_bodies import (
    BackfillBody,
    JobBody,
    ProgressBody,
    RunBody,
    TrialBody,
    backfill_body,
    job_body,
    progress_body,
    queued_body,
    run_body,
    trial_body,
)
from tallymill.web.services import JobServices

AsOf = Annotated[
    str | None,
    QueryParameter(description="Pretend that this is now; a date or a time."),
]
From = Annotated[str, QueryParameter(name="from", description="A date or a time.")]
To = Annotated[str, QueryParameter(name="to", description="Not included.")]


class BackfillAsked(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"from_": "from"},
):
    """A range of the past: dates in the job's zone, or times."""

    from_: str
    to: str  #: not included
    dry_run: bool = False  #: only count


def job_routes(services: JobServices) -> list[HTTPRouteHandler]:
    """Return the routes of single jobs, their runs and backfills."""
    return [
        *_of_a_job(services),
        *_of_its_runs(services),
        *_of_backfills(services),
    ]


def _of_a_job(services: JobServices) -> list[HTTPRouteHandler]:
    jobs = services.jobs

    @get("/jobs/{job_id:str}", tags=["jobs"])
    async def get_job(job_id: FromPath[str]) -> JobBody:
        """Return a job."""
        return job_body(await jobs.get(job_id))

    @patch("/jobs/{job_id:str}", tags=["jobs"])
    async def patch_job(
        job_id: FromPath[str], data: JSONBody[dict[str, Any]]
    ) -> JobBody:
        """Change some fields of a job; null gives a field its default again."""
        return job_body(await jobs.patch(job_id, data))

    @delete("/jobs/{job_id:str}", tags=["jobs"])
    async def delete_job(job_id: FromPath[str]) -> None:
        """Delete a job; what is queued of it is cancelled, its history stays."""
        await jobs.remove(job_id)

    @post("/jobs/{job_id:str}/pause", status_code=200, tags=["jobs"])
    async def pause_job(job_id: FromPath[str]) -> JobBody:
        """Let a job's due times pass until it is resumed."""
        return job_body(await jobs.pause(job_id))

    @post("/jobs/{job_id:str}/resume", status_code=200, tags=["jobs"])
    async def resume_job(job_id: FromPath[str]) -> JobBody:
        """Let a paused job run again."""
        return job_body(await jobs.resume(job_id))

    @post("/jobs/{job_id:str}/try", status_code=200, tags=["jobs"])
    async def try_job(job_id: FromPath[str], as_of: AsOf = None) -> TrialBody:
        """Show a job's next times, its answer now and its request; sends nothing."""
        job = _pretending(await jobs.get(job_id), as_of)
        return trial_body(await services.trials.try_out(job))

    return [get_job, patch_job, delete_job, pause_job, resume_job, try_job]


def _of_its_runs(services: JobServices) -> list[HTTPRouteHandler]:
    jobs, runs = services.jobs, services.runs

    @post("/jobs/{job_id:str}/run", status_code=202, tags=["runs"])
    async def run_job(job_id: FromPath[str], as_of: AsOf = None) -> Response[RunBody]:
        """Run a job now, whatever its schedule says; `Location` is its run."""
        job = await jobs.get(job_id)
        run = await runs.run_now(job_id, as_of)
        body = queued_body(run, timeline_of(job.ask.timezone).zone)
        return Response(body, status_code=202, headers={"Location": f"/runs/{run.id}"})

    @get("/jobs/{job_id:str}/runs", tags=["runs"])
    async def list_runs(
        job_id: FromPath[str],
        limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 100,
        before: Annotated[
            int | None, QueryParameter(description="From the Link of the page before.")
        ] = None,
    ) -> Response[list[RunBody]]:
        """Return a job's runs with their deliveries, newest first; deleted or not."""
        page = await runs.of_job(job_id, limit=limit, before=before)
        headers = {}
        if page.next_before is not None:
            query = urlencode({"limit": limit, "before": page.next_before})
            headers["Link"] = f'</jobs/{job_id}/runs?{query}>; rel="next"'
        return Response([run_body(each) for each in page.records], headers=headers)

    @get("/runs/{run_id:str}", tags=["runs"])
    async def get_run(run_id: FromPath[str]) -> RunBody:
        """Return a run with its delivery and each attempt at it."""
        return run_body(await runs.get(run_id))

    @post("/runs/{run_id:str}/redeliver", status_code=202, tags=["runs"])
    async def redeliver_run(run_id: FromPath[str]) -> RunBody:
        """Send a run's result again, with the same key and all retries anew."""
        return run_body(await runs.redeliver(run_id))

    return [run_job, list_runs, get_run, redeliver_run]


def _of_backfills(services: JobServices) -> list[HTTPRouteHandler]:
    backfills = services.backfills

    @post("/jobs/{job_id:str}/backfill", status_code=200, tags=["runs"])
    async def start_backfill(
        job_id: FromPath[str], data: JSONBody[BackfillAsked]
    ) -> BackfillBody:
        """Queue a run for every due time in [from, to) that has none yet."""
        planned = await backfills.plan(
            job_id, data.from_, data.to, dry_run=data.dry_run
        )
        return backfill_body(planned)

    @get("/jobs/{job_id:str}/backfill", tags=["runs"])
    async def get_backfill(job_id: FromPath[str], start: From, end: To) -> ProgressBody:
        """Return how far the backfill of [from, to) is."""
        planned = await backfills.plan(job_id, start, end, dry_run=True)
        return progress_body(planned, await backfills.progress(planned))

    return [start_backfill, get_backfill]


def _pretending(job: Job, as_of: str | None) -> Job:
    """Return a job as if its `as_of` were another."""
    if as_of is None:
        return job
    resolve_as_of(as_of, job.ask.timezone)
    ask = msgspec.structs.replace(job.ask, as_of=as_of)
    return msgspec.structs.replace(job, ask=ask)
