"""`Poster`: one request, one reply, or why there is none; the fake of the tests too."""

from contextlib import asynccontextmanager

import pytest
from job_parts import RecordingPoster
from web_receiver import always, receiving

from tallymill.delivery.model import Reply
from tallymill.kernel.errors import Unavailable
from tallymill.outbound.http_poster import HttpPoster

HEADERS = {"Idempotency-Key": "k"}


@asynccontextmanager
async def over_http(status):
    poster = HttpPoster()
    await poster.start()
    try:
        if status is None:
            yield poster, "http://127.0.0.1:9/"
            return
        async with receiving(always(status)) as receiver:
            yield poster, receiver.url
    finally:
        await poster.stop()


@asynccontextmanager
async def faked(status):
    yield RecordingPoster("No reply." if status is None else status), "http://h/"


@pytest.fixture(params=[over_http, faked], ids=["http", "fake"])
def posting(request):
    return request.param


@pytest.mark.parametrize("status", [200, 302, 404, 503])
async def test_every_reply_is_a_reply(posting, status):
    """
    What it means is decided elsewhere; nothing is followed and nothing is raised.
    """
    async with posting(status) as (poster, url):
        reply = await poster.post(url, body=b"1", headers=HEADERS, timeout_s=5.0)

    assert isinstance(reply, Reply)
    assert reply.status == status


async def test_no_reply_is_unavailable_with_a_sentence(posting):
    async with posting(None) as (poster, url):
        with pytest.raises(Unavailable, match="No reply"):
            await poster.post(url, body=b"1", headers=HEADERS, timeout_s=5.0)
