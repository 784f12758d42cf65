"""`/events/live` as OpenAPI describes it."""

from typing import Any, Final

from tallymill.web.events_live import AskedBody
from tallymill.web.operations import JSON, Operation, Parameter, Reply

_TEXT: Final[dict[str, Any]] = {"type": "string"}
_SEVERAL: Final[dict[str, Any]] = {"type": "array", "items": _TEXT}
_WORDS: Final = (
    "Events as soon as they are durable, as server-sent events: each with an `id`, its "
    "`data` one JSON object. Reconnecting with `Last-Event-ID` gives what was missed "
    "first, in order, without a gap and without a repeat. Other types: `gap` (what was "
    "missed and is no longer kept), `slow` (the reader took nothing and is cut off), "
    "`farewell` (the server ends). `Accept: application/x-ndjson` gets lines, a "
    "WebSocket on the same path gets messages."
)
_REPLIES: Final = {"200": Reply("A stream.", _TEXT, "text/event-stream")}

LIVE_OPERATIONS: Final = (
    Operation(
        method="get",
        path="/events/live",
        id="GetEventsLive",
        tag="events",
        summary="Follow events as they come",
        description=_WORDS,
        parameters=(
            Parameter("stream", "May come again; `events` if left out.", _SEVERAL),
            Parameter("subject", "Only about this; may come again.", _SEVERAL),
            Parameter("subjects", "Several, with commas between; 10,000 at most."),
            Parameter("after", "An event's id, or `start` for all that is kept."),
            Parameter(
                "Last-Event-ID", "The same as `after`, and before it.", place="header"
            ),
        ),
        replies=_REPLIES,
    ),
    Operation(
        method="post",
        path="/events/live",
        id="PostEventsLive",
        tag="events",
        summary="Follow events of very many subjects",
        description=f"As GET, for what is too long for a query. {_WORDS}",
        bodies={JSON: AskedBody},
        replies=_REPLIES,
    ),
)
