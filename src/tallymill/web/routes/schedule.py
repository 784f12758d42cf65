"""`POST /schedule/preview`: when a schedule would come due, before it is kept."""

from datetime import datetime
from itertools import islice
from typing import Annotated, Final

import msgspec
from litestar import post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from tallymill.jobs.schedule import Dst, Schedule, parse_cron, parse_schedule
from tallymill.kernel.errors import Fault, Invalid
from tallymill.web.services import Services

_OVER: Final = "There are no more times."


class PreviewAsked(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"from_": "from"},
):
    """A schedule in either form, and how much of it to show."""

    cron_string: str | None = None
    schedule: str | None = None
    timezone: str | None = None  #: IANA name; the setting `timezone` if left out
    dst: Dst = "vixie"
    from_: Annotated[datetime, msgspec.Meta(tz=True)] | None = None  #: now if left out
    count: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 10


class PreviewBody(msgspec.Struct, frozen=True, kw_only=True):
    """The schedule in words, and its next times."""

    words: str
    times: list[str]  #: ISO 8601 with the zone's offset, strictly after `from`
    cron_string: str | None  #: the cron string that says the same, if there is one
    timezone: str
    note: str | msgspec.UnsetType = msgspec.UNSET  #: why there are fewer than asked for


def schedule_routes(services: Services) -> list[HTTPRouteHandler]:
    """Return the route of previews."""

    @post("/schedule/preview", status_code=200, sync_to_thread=True, tags=["jobs"])
    def preview_schedule(data: JSONBody[PreviewAsked]) -> PreviewBody:
        """Return a schedule in words and its next times; keeps nothing."""
        now = services.clock.now()
        schedule = _parsed(data, data.timezone or services.timezone, now)
        upcoming = schedule.upcoming(data.from_ or now)
        times = [moment.isoformat() for moment in islice(upcoming, data.count)]
        return PreviewBody(
            words=schedule.words(),
            times=times,
            cron_string=schedule.cron_string,
            timezone=schedule.timezone,
            note=_OVER if len(times) < data.count else msgspec.UNSET,
        )

    return [preview_schedule]


def _parsed(asked: PreviewAsked, timezone: str, now: datetime) -> Schedule:
    if asked.cron_string is not None and asked.schedule is not None:
        what = "cannot stand beside cron_string: give one"
        raise Invalid(f"The field schedule {what}.", faults=[Fault("/schedule", what)])
    if asked.cron_string is not None:
        return parse_cron(asked.cron_string, timezone=timezone, dst=asked.dst)
    if asked.schedule is not None:
        return parse_schedule(
            asked.schedule, timezone=timezone, dst=asked.dst, now=asked.from_ or now
        )
    what = 'is missing: give it, or schedule; for example "5 4 * * *"'
    raise Invalid(
        f"The field cron_string {what}.", faults=[Fault("/cron_string", what)]
    )
