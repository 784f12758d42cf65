"""`tallymill client`: choose accounts, and see their events as they happen."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Annotated

import httpx2
import msgspec
import typer

from tallymill.cli.connection import default_url
from tallymill.client.connection import client as http_client
from tallymill.client.connection import place_of
from tallymill.client.dialogue import ACCOUNTS_MOST, connecting
from tallymill.client.follower import Audience, Follower
from tallymill.client.lines import json_of, line_of
from tallymill.client.pipe import Pipe
from tallymill.client.screen import Screen
from tallymill.client.selection import select
from tallymill.client.session import Session
from tallymill.client.state import Kept, StateFile, default_path, opened
from tallymill.kernel.clock import SystemClock
from tallymill.live.frames import SseEvent


def _url(value: str) -> str:
    try:
        parsed = httpx2.URL(value)
    except httpx2.InvalidURL as exc:
        raise typer.BadParameter(f"{value!r} is no URL: {exc}.") from exc
    if (
        parsed.scheme not in {"http", "https"}
        or not parsed.host
        or not 0 < (parsed.port or 80) < 65536
    ):
        raise typer.BadParameter(
            f"{value!r} is no URL of a server, such as http://127.0.0.1:8000."
        )
    if parsed.query or parsed.fragment:
        raise typer.BadParameter(f"{value!r} has more than a server's URL has.")
    return value


def _accounts(value: str) -> tuple[int, ...]:
    selected = select(value.replace(",", " "))
    if selected.complaints:
        raise typer.BadParameter(f"--accounts: {'; '.join(selected.complaints)}")
    if len(selected.accounts) > ACCOUNTS_MOST:
        raise typer.BadParameter(f"--accounts has more than {ACCOUNTS_MOST} ids")
    return selected.accounts


Urls = Annotated[
    list[str] | None,
    typer.Option(
        "--url",
        parser=_url,
        metavar="URL",
        help="A running server; given several times, each takes over from the others.",
        show_default="the first address of this folder's settings",
    ),
]
Accounts = Annotated[
    str | None,
    typer.Option(
        metavar="IDS",
        help="Accounts with commas between them, in place of those chosen last time.",
    ),
]
Events = Annotated[bool, typer.Option("--events", help="Listen for events at once.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Listen at once, and print one JSON a line.")
]
SkipMissed = Annotated[
    bool,
    typer.Option(
        "--skip-missed", help="Begin with what comes now, not where it ended."
    ),
]
State = Annotated[
    Path | None,
    typer.Option(
        help="The file that keeps the chosen accounts, and how far their events were "
        "shown.",
        show_default="one for each server, in ~/.local/state/tallymill",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    urls: Sequence[str]
    accounts: tuple[int, ...] | None
    listens_first: bool
    as_json: bool
    skips_missed: bool
    path: Path


def client(
    *,
    url: Urls = None,
    accounts: Accounts = None,
    events: Events = False,
    json: AsJson = False,
    skip_missed: SkipMissed = False,
    state: State = None,
) -> None:
    """Choose accounts and see their events; through restarts, each event once.

    Ctrl+C returns from the events, and leaves at the prompt.
    """
    urls = url or [default_url(Path())]
    wanted = _Wanted(
        urls=urls,
        accounts=None if accounts is None else _accounts(accounts),
        listens_first=events,
        as_json=json,
        skips_missed=skip_missed,
        path=state or default_path(urls, dict(os.environ), Path.home()),
    )
    try:
        asyncio.run(_run(wanted))
    except BrokenPipeError:
        # Whoever read has enough; nothing is left to be flushed at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _run(wanted: _Wanted) -> None:
    person = _person(wanted)
    this = asyncio.current_task()
    assert this is not None  # noqa: S101 - asyncio.run made it
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, person.interrupt)
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, this.cancel)
    hold = person.held() if isinstance(person, Screen) else nullcontext()
    with opened(wanted.path) as (state, complaint), hold:
        try:
            await _converse(wanted, person, state, complaint)
        except asyncio.CancelledError:
            # A signal to end is obeyed, and is no failure.
            this.uncancel()


async def _converse(
    wanted: _Wanted, person: Screen | Pipe, state: StateFile, complaint: str | None
) -> None:
    if not wanted.as_json:
        await person.show([connecting([place_of(url) for url in wanted.urls])])
    kept, damage = state.load()
    for trouble in (complaint, damage):
        if trouble:
            await person.note(f" {trouble}")
    kept = _begun(wanted, kept)
    if not kept.accounts and (wanted.listens_first or wanted.as_json):
        raise typer.BadParameter(
            "no accounts are chosen; name them, such as --accounts 1,2,3"
        )
    async with http_client() as http:
        session = _session(wanted, person, state, kept, http)
        if wanted.as_json:
            await session.listen()
        else:
            await session.talk(listens_first=wanted.listens_first)
        await session.close()


def _begun(wanted: _Wanted, kept: Kept) -> Kept:
    """Return what was kept, changed by the options."""
    if wanted.accounts is not None:
        kept = msgspec.structs.replace(kept, accounts=wanted.accounts)
    if wanted.skips_missed:
        kept = msgspec.structs.replace(kept, position=None)
    return kept


def _person(wanted: _Wanted) -> Screen | Pipe:
    if wanted.as_json:
        return Pipe(notes=sys.stderr)
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if is_terminal and os.environ.get("TERM", "dumb") not in {"dumb", "unknown"}:
        return Screen(wanted.path.with_suffix(".history"))
    return Pipe(notes=sys.stdout, shows_prompt=sys.stdin.isatty())


def _session(
    wanted: _Wanted,
    person: Screen | Pipe,
    state: StateFile,
    kept: Kept,
    http: httpx2.AsyncClient,
) -> Session:
    clock = SystemClock()

    def follower(
        accounts: Sequence[int], audience: Audience, position: str
    ) -> Follower:
        return Follower(
            wanted.urls,
            accounts,
            audience,
            http=http,
            clock=clock,
            random=Random(),  # noqa: S311 - spreads retries, guards no secret
            position=position,
        )

    return Session(
        person=person,
        state=state,
        kept=kept,
        follower=follower,
        show_event=_as_json if wanted.as_json else _as_line,
        clock=clock,
    )


def _as_line(event: SseEvent) -> str:
    return line_of(event.data)


def _as_json(event: SseEvent) -> str:
    return json_of(event.data, event.id)
