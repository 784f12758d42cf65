"""The follower on real sockets: servers that freeze, refuse, or are none of ours."""

import asyncio
import contextlib
import os
import signal
from random import Random

import pytest
from product import Product

from tallymill.client.connection import client
from tallymill.client.follower import Follower
from tallymill.kernel.clock import SystemClock
from tallymill.kernel.errors import Refused

WITHIN_S = 20


class Notes:
    """An audience that writes down what it is told."""

    def __init__(self):
        self.told = []
        self.data = []
        self.position = ""
        self._news = asyncio.Event()

    async def listening(self):
        self._note("listening")

    async def events(self, events):
        self.data += [event.data for event in events]
        self._note("events")

    async def gap(self, data):
        self._note(f"gap {data}")

    async def lost(self, lost):
        self._note(f"lost {lost.why}")

    async def back(self, back):
        self._note(f"back {back.missed}")

    async def moved(self, position):
        self.position = position
        self._note("moved")

    def _note(self, what):
        self.told.append(what)
        self._news.set()

    async def wait_for(self, start, times=1):
        """Return once something that begins so was told so many times."""
        async with asyncio.timeout(WITHIN_S):
            while sum(told.startswith(start) for told in self.told) < times:
                self._news.clear()
                await self._news.wait()


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    with Product(tmp_path_factory.mktemp("served")) as server:
        yield server


@contextlib.asynccontextmanager
async def following(*urls, accounts=(1,), position="", silence_s=25.0):
    notes = Notes()
    async with client() as http:
        follower = Follower(
            urls,
            accounts,
            notes,
            http=http,
            clock=SystemClock(),
            random=Random(1),
            position=position,
            silence_s=silence_s,
        )
        task = asyncio.create_task(follower.follow())
        try:
            yield notes, task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def stranger(answer: bytes):
    """A server that is none of ours and gives everybody the same answer."""

    async def serve(reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def put(product, account, data):
    path = f"/{account}"
    answer = await asyncio.to_thread(product.http.put, path, params={"data": data})
    answer.raise_for_status()


async def test_a_frozen_server_is_noticed_by_its_silence(product):
    """
    It holds the connection and says nothing; once it goes on, so does the client.
    """
    async with following(product.url, silence_s=2.0) as (notes, _):
        await notes.wait_for("moved")
        os.kill(product.pid, signal.SIGSTOP)
        try:
            await notes.wait_for("lost no sign of life for 2 s")
        finally:
            os.kill(product.pid, signal.SIGCONT)
        await notes.wait_for("back")
        await put(product, 1, "thawed")
        await notes.wait_for("events")

    assert len(notes.data) == 1
    assert notes.told.count("listening") == 1


async def test_what_came_while_nobody_listened_comes_first(product):
    """
    From a position on, each event once, also when accounts are asked for in a body.
    """
    async with following(product.url, accounts=(5,)) as (notes, _):
        await notes.wait_for("moved")
    for number in range(30):
        await put(product, 5, f"n{number}")

    many = (5, *range(2000, 4000))
    async with following(product.url, accounts=many, position=notes.position) as (
        late,
        _,
    ):
        await late.wait_for("back 30")
        await put(product, 5, "now")
        while len(late.data) < 31:
            await late.wait_for("events", late.told.count("events") + 1)

    assert [f'"n{n}"' in data for n, data in enumerate(late.data[:30])] == [True] * 30
    assert '"now"' in late.data[30]
    assert len(late.data) == 31


async def test_an_id_that_is_none_is_told_and_left(product):
    """
    As from a damaged state file: said once, and it goes on with what comes now.
    """
    async with following(product.url, accounts=(6,), position="garbage") as (notes, _):
        await notes.wait_for("moved")
        await put(product, 6, "after all")
        await notes.wait_for("events")

    assert [told for told in notes.told if told.startswith("gap")] == [notes.told[1]]
    assert "not an id" in notes.told[1]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<html>", "text/html"),
        (b"HTTP/1.1 401 Unauthorized\r\n\r\n", "who you are (401)"),
        (b"HTTP/1.1 404 Not Found\r\ncontent-type: text/html\r\n\r\n", "404"),
        (b"HTTP/1.1 302 Found\r\nlocation: /login\r\n\r\n", "302"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-type: \x1b[2J\r\n\r\n",
            "cannot be listened to",
        ),
    ],
    ids=["html", "401", "404", "redirect", "escapes"],
)
async def test_a_server_that_is_none_of_ours_is_refused(answer, said):
    """
    With what it answered, and at once: to try again would not help.
    """
    async with stranger(answer) as url, following(url) as (_, task):
        with pytest.raises(Refused) as refusal:
            await asyncio.wait_for(task, WITHIN_S)

    assert said in refusal.value.detail
    assert "\x1b" not in refusal.value.detail


@pytest.mark.parametrize(
    "answer",
    [b"", b"no HTTP at all\r\n\r\n", b"HTTP/1.1 502 Bad Gateway\r\n\r\n"],
    ids=["nothing", "no http", "a proxy's 502"],
)
async def test_what_may_get_better_is_tried_again(product, answer):
    """
    And the next server is asked meanwhile; it is told once.
    """
    async with (
        stranger(answer) as url,
        following(url, product.url, accounts=(7,)) as (notes, _),
    ):
        await notes.wait_for("back")
        await put(product, 7, "here")
        await notes.wait_for("events")

    assert sum(told.startswith("lost") for told in notes.told) == 1


async def test_a_server_that_cannot_be_reached_is_told_once(product):
    """
    However often it is tried.
    """
    gone = "http://127.0.0.1:9"
    async with following(gone, gone, product.url, accounts=(8,)) as (notes, _):
        await notes.wait_for("back")

    assert [told for told in notes.told if told.startswith("lost")] == [notes.told[1]]
    assert "cannot be reached" in notes.told[1]
