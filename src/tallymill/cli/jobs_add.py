"""`tallymill jobs add`: a job for a running server, from options."""

from typing import Annotated, Final

import typer

from tallymill.cli.connection import connected
from tallymill.cli.options import Json, Url
from tallymill.cli.terminal import say, say_json

#: Options that are fields of a job, by the same names.
FIELDS: Final = (
    "name", "schedule", "source", "query", "statistic", "period", "deliver_to",
    "as_of", "timezone", "dst", "misfire", "overlap", "timeout", "retries", "jitter",
    "paused",
)  # fmt: skip

Text = str | None
Name = Annotated[Text, typer.Argument(help="Its id.", show_default="a random one")]
Schedule = Annotated[
    str, typer.Option(help='"each day at 1PM", "0 13 * * *", "every 15 minutes" ...')
]
Source = Annotated[Text, typer.Option(help="The source that is asked.")]
Query = Annotated[Text, typer.Option(help="SQL; :start, :end and :now are bound.")]
Statistic = Annotated[
    Text, typer.Option(help="A statistic, in place of source and query.")
]
Period = Annotated[Text, typer.Option(help="hour, day, week or month.")]
DeliverTo = Annotated[Text, typer.Option(help="URL to post the result to.")]
AsOf = Annotated[Text, typer.Option(help="Pretend that this is now.")]
Timezone = Annotated[
    Text, typer.Option(help="IANA name.", show_default="the server's setting")
]
Dst = Annotated[Text, typer.Option(help="vixie, skip or literal.")]
Misfire = Annotated[Text, typer.Option(help="latest, all or skip.")]
Overlap = Annotated[Text, typer.Option(help="skip, queue or allow.")]
Timeout = Annotated[Text, typer.Option(help='Of the question, such as "2 minutes".')]
Retries = Annotated[int | None, typer.Option(help="Of the delivery.")]
Jitter = Annotated[
    Text, typer.Option(help='Start up to so much late, such as "30 seconds".')
]
Paused = Annotated[bool, typer.Option("--paused", help="Add it paused.")]


def add(  # noqa: PLR0913 - one parameter an option
    name: Name = None,
    *,
    schedule: Schedule,
    source: Source = None,
    query: Query = None,
    statistic: Statistic = None,
    period: Period = None,
    deliver_to: DeliverTo = None,
    as_of: AsOf = None,
    timezone: Timezone = None,
    dst: Dst = None,
    misfire: Misfire = None,
    overlap: Overlap = None,
    timeout: Timeout = None,
    retries: Retries = None,
    jitter: Jitter = None,
    paused: Paused = False,
    url: Url = None,
    json: Json = False,
) -> None:
    """Add a job to a running server; it stays through restarts."""
    given = locals()
    fields = {name: given[name] for name in FIELDS if given[name] not in (None, False)}
    with connected(url) as server:
        job = server.post("/jobs", fields)
    if json:
        say_json(job)
        return
    say(f"Added {job['id']}; it runs next at {job.get('next_run')}.")
