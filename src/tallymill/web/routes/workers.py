"""`GET /workers` and `/workers/{id}`: who added up what."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter

from tallymill.kernel.errors import NotFound
from tallymill.web.services import Services
from tallymill.workers.model import Worker


class WorkerBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """A worker's history."""

    id: int
    shard_id: int
    events_count: int
    created_at: str  #: UTC, to the millisecond: 2023-07-20T17:06:14.831Z
    finished_at: str | None = None  #: left out while it works


class WorkersBody(msgspec.Struct, frozen=True):
    """Every worker since the start, oldest first."""

    workers: list[WorkerBody]


class WorkerDataBody(msgspec.Struct, frozen=True, rename="camel"):
    """One worker."""

    worker_data: WorkerBody


def worker_routes(services: Services) -> list[HTTPRouteHandler]:
    """Return the routes of the workers."""
    workforce = services.workforce

    @get("/workers", sync_to_thread=False, tags=["workers"])
    def list_workers(
        shard_id: Annotated[
            int | None, QueryParameter(description="Only this shard's.")
        ] = None,
        active: Annotated[
            bool | None,
            QueryParameter(description="Only those that work, or that do not."),
        ] = None,
    ) -> WorkersBody:
        """Return every worker created since this instance started, oldest first."""
        found = workforce.workers(shard_id=shard_id, active=active)
        return WorkersBody([body_of(worker) for worker in found])

    @get("/workers/{worker_id:str}", sync_to_thread=False, tags=["workers"])
    def get_worker(worker_id: FromPath[str]) -> WorkerDataBody:
        """Return one worker."""
        found = workforce.worker(int(worker_id)) if _is_id(worker_id) else None
        if found is None:
            raise NotFound(f"There is no worker {worker_id[:80]!r}.")
        return WorkerDataBody(body_of(found))

    return [list_workers, get_worker]


def body_of(worker: Worker) -> WorkerBody:
    """Return a worker as it is shown."""
    return WorkerBody(
        id=worker.id,
        shard_id=worker.shard_id,
        events_count=worker.events_count,
        created_at=to_the_millisecond(worker.created_at),
        finished_at=(
            None
            if worker.finished_at is None
            else to_the_millisecond(worker.finished_at)
        ),
    )


def to_the_millisecond(at: datetime) -> str:
    """Return an aware time as `2023-07-20T17:06:14.831Z`."""
    text = at.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


def _is_id(text: str) -> bool:
    return len(text) <= 19 and text.isascii() and text.isdigit()
