"""`GET /events` and `GET /events/rejected`: what is stored, a page at a time."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Annotated, Final
from urllib.parse import urlencode

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, QueryParameter

from tallymill.events.model import DEFAULT_STREAM, check_stream
from tallymill.events.ports import Page, StoredEvent
from tallymill.web.services import Services
from tallymill.workers.model import RejectedEvent

#: Events of 256 KiB may stand in the log: a thousand would not fit into memory.
_STEP: Final = 100
_PAGE_BYTES: Final = 4 * 1024 * 1024

Limit = Annotated[
    int, QueryParameter(ge=1, le=1000, description="At most so many in a page.")
]


class EventBody(msgspec.Struct, frozen=True, kw_only=True):
    """A stored event: what was sent, and where it stands."""

    timestamp: datetime
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    id: str | msgspec.UnsetType = msgspec.UNSET
    subject: str | msgspec.UnsetType = msgspec.UNSET
    shard_id: int
    offset: int  #: its number in the shard, from 0
    accepted_at: datetime
    instance: str  #: host name of the instance that accepted it


class EventsBody(msgspec.Struct, frozen=True):
    """Some stored events, oldest first."""

    events: list[EventBody]


class RejectedBody(msgspec.Struct, frozen=True, kw_only=True):
    """An event that did not fit a statistic."""

    id: int
    stream: str
    statistic: str
    reason: str
    rejected_at: datetime
    shard_id: int
    offset: int  #: where the event stands in the shard


class RejectedPageBody(msgspec.Struct, frozen=True):
    """Some events that did not fit, oldest first."""

    rejected: list[RejectedBody]
    total: int  #: ever set aside


def event_routes(services: Services) -> list[HTTPRouteHandler]:
    """Return the routes that read events."""

    @get("/events", tags=["events"])
    async def list_events(
        stream: FromQuery[str] = DEFAULT_STREAM,
        subject: FromQuery[str | None] = None,
        after: Annotated[
            str | None, QueryParameter(description="From the Link of the page before.")
        ] = None,
        limit: Limit = 100,
    ) -> Response[EventsBody]:
        """Return stored events, oldest first; `Link` leads to the next page.

        A page may have fewer events than `limit`, even none, and a next page.
        """
        find = partial(services.log.page, stream=check_stream(stream), subject=subject)
        page = await _page(find, after, limit)
        asked = {"stream": stream, "subject": subject, "limit": limit}
        body = EventsBody([_event(each) for each in page.events])
        return Response(body, headers=next_link("/events", asked, page.after))

    @get("/events/rejected", tags=["events"])
    async def list_rejected(
        stream: FromQuery[str | None] = None,
        after: Annotated[
            int, QueryParameter(ge=0, description="From the Link of the page before.")
        ] = 0,
        limit: Limit = 100,
    ) -> Response[RejectedPageBody]:
        """Return events that did not fit a statistic, and why, oldest first."""
        found = await services.ledger.rejected(stream=stream, after=after, limit=limit)
        body = RejectedPageBody(
            [_rejected(each) for each in found], await services.ledger.rejected_count()
        )
        following = str(found[-1].id) if len(found) == limit else None
        asked = {"stream": stream, "limit": limit}
        return Response(body, headers=next_link("/events/rejected", asked, following))

    return [list_events, list_rejected]


async def _page(
    find: Callable[..., Awaitable[Page]], after: str | None, limit: int
) -> Page:
    """Collect a page in steps, and end it early where it grows large."""
    events: list[StoredEvent] = []
    size_bytes = 0
    while True:
        step = min(_STEP, limit - len(events))
        found = await find(after=after, limit=step)
        events += found.events
        after = found.after
        size_bytes += sum(_size_bytes(each) for each in found.events)
        is_done = after is None or len(found.events) < step or len(events) >= limit
        if is_done or size_bytes >= _PAGE_BYTES:
            return Page(events=events, after=after)


def _size_bytes(stored: StoredEvent) -> int:
    data = stored.event.data
    return 0 if isinstance(data, msgspec.UnsetType) else len(data)


def next_link(
    path: str, asked: Mapping[str, object], after: str | None
) -> dict[str, str]:
    """Return the header that leads to the next page; none at the end."""
    if after is None:
        return {}
    given = {name: value for name, value in asked.items() if value is not None}
    return {"Link": f'<{path}?{urlencode({**given, "after": after})}>; rel="next"'}


def _event(stored: StoredEvent) -> EventBody:
    event = stored.event
    return EventBody(
        timestamp=event.timestamp,
        data=event.data,
        id=msgspec.UNSET if event.id is None else event.id,
        subject=msgspec.UNSET if event.subject is None else event.subject,
        shard_id=stored.shard,
        offset=stored.offset,
        accepted_at=stored.accepted_at,
        instance=stored.instance,
    )


def _rejected(row: RejectedEvent) -> RejectedBody:
    return RejectedBody(
        id=row.id,
        stream=row.stream,
        statistic=row.statistic,
        reason=row.reason,
        rejected_at=row.rejected_at,
        shard_id=row.shard,
        offset=row.offset,
    )
