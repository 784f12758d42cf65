"""`GET /events` and `GET /events/rejected`: what is stored, a page at a time."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import Parameter

from tallymill.events.model import DEFAULT_STREAM, check_stream
from tallymill.events.ports import StoredEvent
from tallymill.web.services import Services
from tallymill.workers.model import RejectedEvent

Limit = Annotated[
    int, Parameter(ge=1, le=1000, description="At most so many in a page.")
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
        stream: str = DEFAULT_STREAM,
        subject: str | None = None,
        after: Annotated[
            str | None, Parameter(description="From the Link of the page before.")
        ] = None,
        limit: Limit = 100,
    ) -> Response[EventsBody]:
        """Return stored events, oldest first; `Link` leads to the next page.

        A page may have fewer events than `limit`, even none, and a next page.
        """
        page = await services.log.page(
            stream=check_stream(stream), subject=subject, after=after, limit=limit
        )
        asked = {"stream": stream, "subject": subject, "limit": limit}
        body = EventsBody([_event(each) for each in page.events])
        return Response(body, headers=next_link("/events", asked, page.after))

    @get("/events/rejected", tags=["events"])
    async def list_rejected(
        stream: str | None = None,
        after: Annotated[
            int, Parameter(ge=0, description="From the Link of the page before.")
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
