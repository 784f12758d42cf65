"""What the demo does by itself once it runs: asks both jobs, feeds pictures, tells.

A client of the server like any other, over HTTP.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import httpx2
import msgspec

from tallymill.cli.connection import path_of, problem_of
from tallymill.cli.terminal import cell, note, say
from tallymill.demo.pictures import pictures
from tallymill.demo.project import JOBS
from tallymill.kernel.clock import Clock
from tallymill.kernel.errors import TallymillError
from tallymill.kernel.ids import random_id

FEED_S: Final = 0.3  #: between two pictures
POLL_S: Final = 0.25  #: between two looks for the results
RESULTS_S: Final = 30.0  #: how long the results are waited for
AWAY_S: Final = 5.0  #: before the feed tries again after an error


async def tour(url: str, clock: Clock) -> None:
    """Run both jobs, print their results, and feed pictures until cancelled."""
    async with httpx2.AsyncClient(
        base_url=url, timeout=20.0, trust_env=False
    ) as client, asyncio.TaskGroup() as group:  # fmt: skip
        group.create_task(_feed(client, clock))
        group.create_task(_ask(client, clock))


async def _ask(client: httpx2.AsyncClient, clock: Clock) -> None:
    try:
        before = len(await _results(client))
        for name in JOBS:
            _taken(await client.post(f"{path_of('jobs', name)}/run"))
        await _tell(client, clock, before)
    except (httpx2.HTTPError, TallymillError) as exc:
        note(f"The demo's jobs could not be run: {exc}")


async def _tell(client: httpx2.AsyncClient, clock: Clock, before: int) -> None:
    """Print the results that the jobs post, as they come."""
    told = before
    until_s = clock.monotonic_s() + RESULTS_S
    while told < before + len(JOBS):
        if clock.monotonic_s() > until_s:
            note("The results take their time; `tallymill jobs list` shows the jobs.")
            return
        await clock.sleep(POLL_S)
        results = await _results(client)
        if told == before and len(results) > told:
            say(
                f"The jobs have posted to {client.base_url}/result:".replace(
                    "//r", "/r"
                )
            )
        for result in results[told:]:
            say(f"  {cell(result)}")
        told = len(results)


async def _results(client: httpx2.AsyncClient) -> Sequence[Any]:
    answer = _taken(await client.get("/result"))
    results: Sequence[Any] = msgspec.json.decode(answer.content)
    return results


def _taken(answer: httpx2.Response) -> httpx2.Response:
    """Return an answer that is a 2xx.

    Raises:
        TallymillError: It is a refusal or a failure.
    """
    if answer.is_success:
        return answer
    raise problem_of(answer)


async def _feed(client: httpx2.AsyncClient, clock: Clock) -> None:
    """Send a picture every now and then; an error does not end it.

    Told is only the second of two errors in a row: the first may be the server's end.
    """
    is_failing = False
    for picture in pictures(random_id()):
        try:
            await _send(client, {"timestamp": clock.now(), "data": picture})
            is_failing = False
            await clock.sleep(FEED_S)
        except (httpx2.HTTPError, TallymillError) as exc:
            if is_failing:
                note(f"The feed cannot send its pictures: {exc}")
            is_failing = True
            await clock.sleep(AWAY_S)


async def _send(client: httpx2.AsyncClient, event: dict[str, object]) -> None:
    _taken(
        await client.post(
            "/events",
            params={"stream": "picture"},
            content=msgspec.json.encode([event]),
            headers={"Content-Type": "application/json"},
        )
    )
