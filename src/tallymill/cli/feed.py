"""`tallymill feed`: made-up pictures to a server, one at a time, as a test feed does."""

import time
from random import Random
from typing import Annotated, Final
from uuid import uuid4

import msgspec
import typer

from tallymill.cli.connection import Call, Server, connected
from tallymill.cli.options import Url
from tallymill.cli.terminal import say
from tallymill.demo.events import small_events
from tallymill.demo.pictures import pictures
from tallymill.kernel.clock import SystemClock

WAITS_S: Final = (1, 2, 3, 4, 5)  #: between messages, when no rate is asked for


def feed(
    *,
    url: Url = None,
    rate: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            max=10_000,
            help="Messages a second.",
            show_default="one every 1 to 5 seconds",
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(min=1, help="Stop after so many.", show_default="go on for ever"),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="The same seed sends the same.", show_default="random"),
    ] = None,
    events: Annotated[
        bool,
        typer.Option(
            "--events",
            help="Send requests of 10,000 to 15,000 small events in place of pictures.",
        ),
    ] = False,
) -> None:
    """Feed a server: pictures out of a set of 100, on the stream `picture`."""
    random = Random(seed)  # noqa: S311 - made-up data, no secret
    chosen = random.randrange(2**32)
    messages = pictures(chosen)
    with connected(url) as server:
        number = 0
        while True:
            number += 1
            say("Sending random message...")
            if events:
                _send_events(server, chosen + number)
            else:
                _send_picture(server, next(messages))
            if number == count:
                return
            wait_s = 1 / rate if rate else random.choice(WAITS_S)
            say(f"Waiting {wait_s:g} seconds...")
            time.sleep(wait_s)


def _send_picture(server: Server, picture: object) -> None:
    event = {"timestamp": SystemClock().now(), "data": picture}
    _send(server, msgspec.json.encode([event]), "picture")


def _send_events(server: Server, seed: int) -> None:
    batch = small_events(seed, until=SystemClock().now())
    _send(server, msgspec.json.encode(batch), "events")
    say(f"Sent {len(batch)} events.")


def _send(server: Server, body: bytes, stream: str) -> None:
    server.send_until_taken(
        Call(
            method="POST",
            path="/events",
            content=body,
            params={"stream": stream},
            headers={"Idempotency-Key": uuid4().hex},
        )
    )
