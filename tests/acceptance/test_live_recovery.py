"""Live events against a real server: cuts, a stopped reader, the end of the server."""

import asyncio
import json
import random
import signal
import socket
from pathlib import Path

import httpx2
import pytest
from live_client import LiveClient
from product import Product, wait_for
from watching import Watch, send

from tallymill.live.frames import SseReader

AT = "2019-10-04T01:52:07-03:00"
EVENTS = 100_000
SUBJECTS = 200
A_REQUEST = 500
READERS = 100


@pytest.fixture
def product(tmp_path):
    with Product(tmp_path) as product:
        yield product


async def test_100_readers_cut_at_random_miss_nothing_and_repeat_nothing(product):
    """
    100,000 events, each subject numbered: every reader gets its subjects' numbers in
    order, without a gap and without a repeat, however often it is cut.
    """
    chance = random.Random(7)
    first_id = await position(product)
    clients = []
    for number in range(READERS):
        subjects = chance.sample(range(SUBJECTS), 20)
        body = {"stream": "numbers", "subjects": [str(s) for s in subjects]}
        if number == 0:
            body = {"stream": "numbers"}  # one that wants everything
        clients.append(LiveClient(product.port, body, first_id))
    wanted = [len(c.body.get("subjects", range(SUBJECTS))) for c in clients]
    tasks = [
        asyncio.create_task(client.run(lambda: chance.randint(1, 4000)))
        for client in clients
    ]

    await post_all(product)
    async with asyncio.timeout(90):
        for client, subjects in zip(clients, wanted, strict=True):
            while client.seen < subjects * EVENTS // SUBJECTS:
                client.arrived.clear()
                await client.arrived.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    numbers = list(range(EVENTS // SUBJECTS))
    for client, subjects in zip(clients, wanted, strict=True):
        assert len(client.datas) == subjects
        assert all(datas == numbers for datas in client.datas.values())
        assert not client.others
    assert sum(client.cuts for client in clients) > READERS


async def position(product):
    async with (
        httpx2.AsyncClient(base_url=product.url) as client,
        client.stream("GET", "/events/live") as response,
    ):
        reader = SseReader()
        async for piece in response.aiter_bytes():
            list(reader.feed(piece))
            if reader.last_event_id:
                return reader.last_event_id
    raise AssertionError("the stream ended without an id")


async def post_all(product):
    async with httpx2.AsyncClient(base_url=product.url, timeout=30) as client:
        for start in range(0, EVENTS, A_REQUEST):
            body = ",".join(
                f'{{"timestamp":"{AT}","subject":"{n % SUBJECTS}","data":{n // SUBJECTS}}}'
                for n in range(start, start + A_REQUEST)
            )
            answer = await client.post(
                "/events?stream=numbers",
                content=f"[{body}]",
                headers={"content-type": "application/json"},
            )
            assert answer.status_code == 202


@pytest.mark.slow
def test_a_stopped_reader_costs_little_memory_and_loses_nothing(product):
    """
    SIGSTOP: it is cut off once it has taken nothing for a while; another reader does
    not notice; when it goes on, it gets what it missed.
    """
    options = ("--json", "--after", "start")
    with Watch(product, *options) as stopped, Watch(product, *options) as other:
        post_large(product, range(30))  # so that what grows once has grown
        wait_for(lambda: len(stopped.out) == len(other.out) == 30_000)
        before = resident_bytes(product.pid)
        stopped.process.send_signal(signal.SIGSTOP)

        post_large(product, range(30, 90))
        wait_for(lambda: len(other.out) == 90_000)
        wait_for(lambda: "live.reader_slow" in product.log)
        grown = resident_bytes(product.pid) - before
        stopped.process.send_signal(signal.SIGCONT)
        wait_for(lambda: len(stopped.out) >= 90_000)

    assert grown < 16 * 1024 * 1024  # of 60 MB that it did not take
    told = [tuple(json.loads(line)["data"][:2]) for line in stopped.out]
    assert len(told) == 90_000
    assert set(told) == {(a, b) for a in range(90) for b in range(1000)}


def post_large(product, numbers):
    for number in numbers:
        send(product, *[[number, n, "x" * 1000] for n in range(1000)])


def test_at_the_servers_end_readers_are_spread_over_a_window(product):
    """
    A restart must not be met by all its readers in the same millisecond.
    """
    readers = []
    for _ in range(500):
        reader = socket.create_connection(("127.0.0.1", product.port))
        reader.sendall(b"GET /events/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        readers.append(reader)
    for reader in readers:
        text = b""
        while b"\nid: " not in text:
            text += reader.recv(4096)

    assert product.terminate(within_s=20) == 0
    waits = []
    for reader in readers:
        with reader:
            stream = SseReader()
            pieces = iter(lambda reader=reader: reader.recv(65536), b"")
            events = [event for piece in pieces for event in stream.feed(piece)]
        assert [event.type for event in events] == ["farewell"]
        assert json.loads(events[0].data)["spread_ms"] == 2000
        waits.append(stream.retry_ms)

    quarters = [
        sum(200 + q * 500 <= w < 700 + q * 500 for w in waits) for q in range(4)
    ]
    assert sum(quarters) == 500
    assert min(quarters) > 75


def resident_bytes(pid):
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * 4096
