"""The HTTP client against real sockets: replies, refusals, slowness, nonsense."""

import asyncio

import pytest
from web_receiver import Receiver, always, receiving

from tallymill.delivery.model import REPLY_KEPT_BYTES
from tallymill.kernel.errors import Unavailable
from tallymill.outbound.http_poster import HttpPoster


@pytest.fixture
async def poster():
    poster = HttpPoster()
    await poster.start()
    yield poster
    await poster.stop()


async def post(poster, url, timeout_s=5.0, **headers):
    return await poster.post(url, body=b'{"a":1}', headers=headers, timeout_s=timeout_s)


async def test_body_and_headers_arrive_and_the_reply_comes_back(poster):
    async with receiving(always(503, "Retry-After: 7", reply=b"busy")) as receiver:
        reply = await post(poster, receiver.url, **{"Idempotency-Key": "k"})

    headers, body = receiver.requests[0]
    assert body == b'{"a":1}'
    assert headers["idempotency-key"] == "k"
    assert headers["user-agent"].startswith("tallymill/")
    assert (reply.status, reply.body, reply.retry_after) == (503, b"busy", "7")


async def test_a_redirect_is_not_followed(poster):
    """
    A destination that sends us elsewhere is not the one that the job named.
    """
    async with receiving(always(302, "Location: http://127.0.0.1:9/")) as receiver:
        assert (await post(poster, receiver.url)).status == 302


async def test_only_the_beginning_of_a_long_reply_is_kept(poster):
    async with receiving(always(500, reply=b"x" * 5_000_000)) as receiver:
        reply = await post(poster, receiver.url)

    assert reply.body == b"x" * REPLY_KEPT_BYTES


async def test_a_refused_connection_is_said_so(poster):
    async with receiving(always(200)) as receiver:
        url = receiver.url

    with pytest.raises(Unavailable, match="No reply"):
        await post(poster, url)


async def test_a_reply_that_never_comes_has_its_time(poster):
    never = asyncio.Event()

    async def answer(_headers, _body):
        await never.wait()
        return 200, (), b""

    async with receiving(answer) as receiver:
        with pytest.raises(Unavailable, match=r"within 0\.1 seconds|Timeout"):
            await post(poster, receiver.url, timeout_s=0.1)
        never.set()


async def test_a_reply_that_drips_has_its_time(poster):
    """
    Each byte comes within the client's patience for one step, the whole never.
    """

    async def drip(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        try:
            while not writer.is_closing():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"

    with pytest.raises(Unavailable, match="within"):
        await post(poster, url, timeout_s=0.2)
    server.close()


@pytest.mark.parametrize(
    "url",
    ["http://host.invalid/", "http://127.0.0.1:1/", "http://\udc80/", "http://[::g]/"],
)
async def test_what_cannot_be_reached_is_no_crash(poster, url):
    with pytest.raises(Unavailable, match="No reply"):
        await post(poster, url)


async def test_a_server_that_talks_nonsense_is_no_crash(poster):
    async def nonsense(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\x00\x01 hello\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"

    with pytest.raises(Unavailable, match="No reply"):
        await post(poster, url)
    server.close()


async def test_a_closed_poster_says_so():
    with pytest.raises(Unavailable, match="shutting down"):
        await post(HttpPoster(), Receiver(always(200)).url)
