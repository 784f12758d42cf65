"""The server itself: sockets, malformed HTTP, slow clients, and how it ends."""

import asyncio
import json
import socket

import httpx2
import pytest
from web_house import web_house

from tallymill.kernel.errors import Conflict, Invalid, Unavailable
from tallymill.web import protocol
from tallymill.web.server import HttpServer

EVENT = b'[{"timestamp":"2019-10-04T01:52:07-03:00"}]'
HEAD = (
    b"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n"
)


@pytest.fixture
async def house(tmp_path):
    async with web_house(tmp_path) as found:
        yield found


async def talk(house, *pieces):
    """Send bytes on a new connection and return all that comes until it is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    try:
        async with asyncio.timeout(10):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            return await reader.read()
    finally:
        writer.close()


async def answers(reader):
    """Read one whole answer of a connection that stays open."""
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        return int(head.split()[1]), await reader.readexactly(length)


def statuses_of(reply):
    """Return the statuses of all answers in what was read."""
    return [int(part[:3]) for part in reply.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nA b: c\r\n\r\n",
    ],
    ids=["tls", "version", "length", "two lengths", "header name"],
)
async def test_what_is_no_http_is_a_400_problem_and_the_end(house, request_bytes):
    reply = await talk(house, request_bytes)

    assert reply.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/problem+json" in reply
    assert json.loads(reply.partition(b"\r\n\r\n")[2])["status"] == 400


@pytest.mark.parametrize("length", [b"-5", b"1_0", b"9" * 30, b"0x10"])
async def test_an_odd_length_is_refused(house, length):
    head = b"POST /events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    head += b"Content-Type: application/json\r\nContent-Length: %s\r\n\r\n" % length

    assert (await talk(house, head)).split()[1] in {b"400", b"413"}


async def test_a_head_that_is_too_large_is_refused(house):
    reply = await talk(house, b"GET / HTTP/1.1\r\nA: ", b"x" * 200_000)

    assert reply.startswith(b"HTTP/1.1 431 ")


async def test_a_head_of_one_piece_is_no_larger(house):
    """A head that comes at once was never counted, but for its last piece."""
    fields = [b"A: " + b"x" * 70_000, b"\r\n".join([b"A: " + b"x" * 700] * 100)]

    for field in fields:
        reply = await talk(
            house, b"GET /1 HTTP/1.1\r\nHost: localhost\r\n" + field + b"\r\n\r\n"
        )
        assert reply.startswith(b"HTTP/1.1 431 ")
        assert reply.count(b"HTTP/1.1") == 1


async def test_a_head_below_the_limit_passes_beside_a_large_body(house):
    body = b"[%s]" % b",".join([EVENT[1:-1]] * 3000)
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(HEAD % len(body) + body + HEAD % len(EVENT) + EVENT)
    statuses = [(await answers(reader))[0] for _ in range(2)]
    writer.close()

    assert statuses == [202, 202]


@pytest.mark.parametrize("path", [b"events", b"result"])
async def test_what_was_stored_is_told_before_garbage_is_refused(house, path):
    """A 4xx would say that nothing was stored."""
    head = (HEAD % len(EVENT)).replace(b"/events", b"/" + path)

    reply = await talk(house, head + EVENT + b"garbage\r\n\r\n")

    assert statuses_of(reply) in ([202, 400], [201, 400], [200, 400])


async def test_all_that_came_before_garbage_is_answered(house, caplog):
    post = HEAD % len(EVENT) + EVENT
    get = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"

    reply = await talk(house, post + get + post + b"garbage\r\n\r\n")

    assert statuses_of(reply) == [202, 200, 202, 400]
    assert "Exception in ASGI" not in caplog.text


async def test_a_broken_body_behind_others_is_refused_after_them(house):
    post = HEAD % len(EVENT) + EVENT
    broken = b"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    broken += b"Transfer-Encoding: chunked\r\n\r\n3\r\n[{}x"

    assert statuses_of(await talk(house, post + post + broken)) == [202, 202, 400]
    assert statuses_of(await talk(house, broken)) == [400]
    assert "in_flight 0.0" in (await house.client.get("/metrics")).text


async def test_the_rest_of_a_refused_body_is_not_answered_again(house):
    head = b"POST /nowhere/at/all HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\n"
    head += b"Transfer-Encoding: chunked\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(head)
    status, _ = await answers(reader)
    writer.write(b"xyz\r\n")
    async with asyncio.timeout(5):
        rest = await reader.read()
    writer.close()

    assert (status, rest) == (415, b"")


@pytest.mark.parametrize("target", [b"/", b"/workers", b"/1"])
@pytest.mark.parametrize("hosts", [0, 2])
async def test_a_request_names_its_host_once(house, target, hosts):
    names = b"Host: localhost\r\n" * hosts

    reply = await talk(
        house,
        b"GET " + target + b" HTTP/1.1\r\nConnection: close\r\n" + names + b"\r\n",
    )

    assert reply.startswith(b"HTTP/1.1 400 ")
    assert b"The header Host" in reply


async def test_a_head_that_never_ends_is_cut_off(house, monkeypatch):
    """A few hundred such connections would otherwise be all that a server can hold."""
    monkeypatch.setattr(protocol, "HEAD_S", 0.05)

    assert await talk(house, b"GET / HTTP/1.1\r\nHost:") == b""
    assert await talk(house) == b""


async def test_whoever_sends_too_much_reads_why(house):
    """Closing at once would reset the connection under the client's feet."""
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        size = 40_000_000
        writer.write(HEAD % size)
        sent = 0
        while sent < size:
            writer.write(bytes(1_000_000))
            await writer.drain()
            sent += 1_000_000
        status, body = await answers(reader)
        writer.write(HEAD % len(EVENT) + EVENT)
        following, _ = await answers(reader)
        writer.close()

    assert status == 413
    assert json.loads(body)["title"] == "Too large"
    assert following == 202


async def test_a_refused_body_that_never_ends_is_cut_off(house, monkeypatch):
    monkeypatch.setattr(protocol, "LINGER_S", 0.05)

    reply = await talk(house, HEAD % 40_000_000, b"x")

    assert reply.startswith(b"HTTP/1.1 413 ")


async def test_a_body_that_stalls_is_refused_and_says_so(house, monkeypatch):
    monkeypatch.setattr(protocol, "STALL_S", 0.05)
    monkeypatch.setattr(protocol, "LINGER_S", 0.05)

    reply = await talk(house, HEAD % len(EVENT), EVENT[:5])

    assert reply.startswith(b"HTTP/1.1 408 ")
    assert "in_flight 0.0" in (await house.client.get("/metrics")).text


async def test_whoever_asks_first_is_refused_before_sending(house):
    head = HEAD % 40_000_000

    reply = await talk(house, head[:-2] + b"Expect: 100-continue\r\n\r\n")

    assert reply.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in reply


async def test_whoever_asks_first_may_send_a_good_body(house):
    head = (HEAD % len(EVENT))[:-2] + b"Expect: 100-continue\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(head)

    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(EVENT)
    status, _ = await answers(reader)
    writer.close()

    assert status == 202


async def test_a_client_that_goes_in_the_middle_leaves_nothing(house):
    _, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(HEAD % 1000 + EVENT)
    await writer.drain()
    writer.close()
    await writer.wait_closed()

    assert (await house.client.get("/events")).json() == {"events": []}
    assert "in_flight 0.0" in (await house.client.get("/metrics")).text


async def test_requests_that_follow_on_one_connection_are_answered_in_order(house):
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    bad = b"[{"
    writer.write((HEAD % 2 + bad) + (HEAD % len(EVENT) + EVENT) * 2 + HEAD % 2 + bad)
    statuses = [(await answers(reader))[0] for _ in range(4)]
    writer.close()

    assert statuses == [400, 202, 202, 400]


async def test_a_port_in_use_is_named(house):
    other = HttpServer(house.server._web, [("127.0.0.1", house.port)])

    with pytest.raises(Conflict, match=rf"127\.0\.0\.1:{house.port}: the port is in"):
        await other.start()


@pytest.mark.parametrize(
    ("host", "error"), [("192.0.2.1", Unavailable), ("no.such.host.invalid", Invalid)]
)
async def test_an_address_that_is_not_ours_is_named(house, host, error):
    with pytest.raises(error, match=host):
        await HttpServer(house.server._web, [(host, 0)]).start()


async def test_what_was_bound_is_given_back_when_another_address_fails(house):
    free = _free_port()
    addresses = [("127.0.0.1", free), ("127.0.0.1", house.port)]

    with pytest.raises(Conflict):
        await HttpServer(house.server._web, addresses).start()

    with socket.create_server(("127.0.0.1", free)):
        pass


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
async def test_several_addresses_are_served_ipv6_too(house):
    server = HttpServer(house.server._web, [("127.0.0.1", 0), ("::1", 0)])
    await server.start()
    try:
        for (host, port), shown in zip(
            server.bound, ("127.0.0.1", "[::1]"), strict=True
        ):
            assert host in shown
            async with httpx2.AsyncClient(trust_env=False) as client:
                answer = await client.get(f"http://{shown}:{port}/health/live")
            assert answer.status_code == 200
    finally:
        await server.stop()


async def test_the_end_finishes_what_is_in_flight_and_refuses_the_rest(house):
    early, early_writer = await asyncio.open_connection("127.0.0.1", house.port)
    late, late_writer = await asyncio.open_connection("127.0.0.1", house.port)
    early_writer.write(HEAD % len(EVENT) + EVENT[:10])
    late_writer.write(b"GET /workers HTTP/1.1\r\nHost: localhost\r\n")
    await early_writer.drain()
    await house.client.get("/health/live")

    ending = asyncio.create_task(house.server.stop())
    await asyncio.sleep(0)
    early_writer.write(EVENT[10:])
    finished, _ = await answers(early)
    await ending

    assert finished == 202
    assert await late.read() == b""
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection("127.0.0.1", house.port)
    late_writer.close()
    early_writer.close()


async def test_the_end_does_not_wait_for_ever(house):
    server = HttpServer(house.server._web, [("127.0.0.1", 0)], stop_within_s=1.0)
    await server.start()
    reader, writer = await asyncio.open_connection(*server.bound[0])
    writer.write((HEAD % len(EVENT))[:-2] + b"Expect: 100-continue\r\n\r\n")
    # It has been asked for its body, so it is in flight.
    await reader.readuntil(b"\r\n\r\n")

    async with asyncio.timeout(4):
        await server.stop()
    writer.close()

    assert house.server._web.drain.has_begun


async def test_during_the_end_new_requests_are_a_503_that_closes(house):
    house.server._web.drain.begin()

    refused = await house.client.get("/workers")
    live = await house.client.get("/health/live")
    ready = await house.client.get("/health/ready")

    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["connection"] == "close"
    assert (live.status_code, ready.status_code) == (200, 503)
    assert ready.json()["reasons"] == ["The server is shutting down."]


async def test_live_streams_say_farewell_and_do_not_hold_the_end_up(house):
    async with (
        asyncio.timeout(5),
        house.client.stream("GET", "/statistics/live") as stream,
    ):
        lines = stream.aiter_lines()
        assert await anext(lines) == "retry: 1000"
        ending = asyncio.create_task(house.server.stop())
        rest = [line async for line in lines]
        await ending

    assert rest[-3:-1] == [
        "event: farewell",
        'data: {"reason":"The server is shutting down."}',
    ]


async def test_stopping_twice_is_stopping_once(house):
    await house.server.stop()
    await house.server.stop()


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port
