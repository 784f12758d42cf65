"""Bodies are read within their limit, their pace and everybody's budget."""

import asyncio
import gzip
import os

import pytest

from tallymill.kernel.clock import ManualClock
from tallymill.kernel.errors import Malformed, Overloaded, TooLarge
from tallymill.web.asgi import Disconnected
from tallymill.web.body import (
    UNPACKING_BYTES,
    BodyReader,
    Budget,
    DecodeGate,
    has_body,
)
from tallymill.web.problems import TooSlow


def scope(**headers):
    pairs = [(k.replace("_", "-").encode(), v) for k, v in headers.items()]
    return {"headers": pairs}


def sender(*pieces, clock=None, pause_s=0.0, end=True):
    """Return a `receive` that gives these pieces, and then nothing more."""
    messages = [
        {"type": "http.request", "body": piece, "more_body": True} for piece in pieces
    ]
    messages[-1]["more_body"] = not end
    messages.append({"type": "http.disconnect"})
    waiting = iter(messages)

    async def receive():
        if clock is not None:
            clock.advance(pause_s)
        return next(waiting)

    return receive


def reader(limit=100, budget=None, clock=None):
    return BodyReader(
        clock=clock or ManualClock(),
        budget=budget or Budget(),
        gate=DecodeGate(),
        limit_bytes=limit,
    )


async def read(found, receive, **headers):
    with found.share() as share:
        return bytes(await found.read(scope(**headers), receive, share))


async def test_a_body_in_pieces_is_put_together():
    assert await read(reader(), sender(b"ab", b"", b"cd")) == b"abcd"


async def test_a_body_that_says_it_is_too_large_is_not_read():
    async def receive():
        raise AssertionError("it was read")

    with pytest.raises(TooLarge, match="101 bytes or more; the limit is 100"):
        await read(reader(), receive, content_length=b"101")


async def test_a_body_that_says_nothing_is_counted():
    with pytest.raises(TooLarge):
        await read(reader(), sender(b"x" * 60, b"x" * 60))
    assert len(await read(reader(), sender(b"x" * 60, b"x" * 40))) == 100


@pytest.mark.parametrize("value", [b"-1", b"1.5", b"", b"x"])
async def test_a_length_that_is_no_number_is_malformed(value):
    with pytest.raises(Malformed, match="Content-Length"):
        await read(reader(), sender(b"x"), content_length=value)


async def test_a_client_that_goes_is_no_error_of_ours():
    with pytest.raises(Disconnected):
        await read(reader(), sender(b"ab", end=False))


async def test_a_body_that_trickles_is_refused():
    clock = ManualClock()

    with pytest.raises(TooSlow):
        await read(reader(clock=clock), sender(*[b"x"] * 90, clock=clock, pause_s=1.0))


async def test_a_slow_body_that_is_fast_enough_is_taken():
    clock = ManualClock()
    pieces = [b"x" * 5000] * 60

    body = await read(
        reader(limit=10**6, clock=clock), sender(*pieces, clock=clock, pause_s=1.0)
    )

    assert len(body) == 300_000


async def test_the_limit_holds_for_the_decompressed_body():
    packed = gzip.compress(b"x" * 101)

    with pytest.raises(TooLarge):
        await read(reader(), sender(packed), content_encoding=b"gzip")
    assert (
        await read(reader(limit=101), sender(packed), content_encoding=b"gzip")
        == b"x" * 101
    )


async def test_the_budget_is_for_all_requests_together():
    budget = Budget(most_bytes=100)
    first, second = asyncio.Event(), asyncio.Event()

    async def slow():
        first.set()
        await second.wait()
        return {"type": "http.request", "body": b"", "more_body": False}

    async def two_pieces():
        if first.is_set():
            return await slow()
        first.set()
        return {"type": "http.request", "body": b"x" * 80, "more_body": True}

    holding = asyncio.create_task(read(reader(budget=budget), two_pieces))
    await first.wait()
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as refused:
        await read(reader(budget=budget), sender(b"x" * 40), content_length=b"40")
    second.set()
    await holding

    assert refused.value.retry_after_s >= 1
    assert len(await read(reader(budget=budget), sender(b"x" * 40))) == 40


async def test_what_was_held_is_given_back_however_it_ends():
    budget = Budget()
    for receive in (sender(b"x" * 60, b"x" * 60), sender(b"x", end=False)):
        with pytest.raises((TooLarge, Disconnected)):
            await read(reader(budget=budget), receive)

    assert budget.used_bytes == 0


async def test_whoever_is_alone_is_never_refused_by_the_budget():
    """A body within its own limit must be possible at all."""
    assert len(await read(reader(budget=Budget(10)), sender(b"x" * 90))) == 90


async def hold(gate, size, log, name, end):
    async with gate.room(size):
        log.append(name)
        await end.wait()


async def turn():
    for _ in range(10):
        await asyncio.sleep(0)


async def test_large_bodies_are_decoded_one_after_another_in_their_order():
    gate, log = DecodeGate(100), []
    ends = {name: asyncio.Event() for name in "abcd"}
    sizes = {"a": 80, "b": 60, "c": 10, "d": 10}
    tasks = [
        asyncio.create_task(hold(gate, sizes[name], log, name, ends[name]))
        for name in "abcd"
    ]
    await turn()
    assert log == ["a"]

    ends["a"].set()
    await turn()

    assert log == ["a", "b", "c", "d"]
    for end in ends.values():
        end.set()
    await asyncio.gather(*tasks)


async def test_a_body_over_all_room_is_decoded_alone():
    gate, log, end = DecodeGate(10), [], asyncio.Event()
    end.set()

    await hold(gate, 90, log, "a", end)

    assert log == ["a"]


async def test_whoever_gives_up_waiting_leaves_no_hole():
    gate, log = DecodeGate(100), []
    ends = {name: asyncio.Event() for name in "abc"}
    tasks = {
        name: asyncio.create_task(hold(gate, 90, log, name, ends[name]))
        for name in "abc"
    }
    await turn()

    tasks["b"].cancel()
    ends["a"].set()
    await turn()

    assert log == ["a", "c"]
    ends["c"].set()
    await tasks["c"]


async def test_whoever_gives_up_when_its_turn_has_come_gives_it_on():
    gate, log = DecodeGate(100), []
    ends = {name: asyncio.Event() for name in "abc"}
    tasks = {
        name: asyncio.create_task(hold(gate, 90, log, name, ends[name]))
        for name in "abc"
    }
    await turn()
    ends["a"].set()
    await tasks["a"]

    tasks["b"].cancel()
    ends["c"].set()
    await tasks["c"]

    assert log[-1] == "c"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({"content_length": b"0"}, False),
        ({"content_length": b"5"}, True),
        ({"transfer_encoding": b"chunked"}, True),
    ],
)
def test_a_body_is_announced_by_its_headers(headers, expected):
    assert has_body(scope(**headers)) is expected


async def test_a_compressed_body_is_counted_before_it_is_unpacked():
    """Eight of them were unpacked at once, and only then refused."""
    packed = gzip.compress(os.urandom(100_000))
    budget = Budget(UNPACKING_BYTES + 200_000)
    found = reader(limit=16 * 1024 * 1024, budget=budget)

    with budget.share() as others:
        others.grow(200_000)
        with pytest.raises(Overloaded):
            await read(found, sender(packed), content_encoding=b"gzip")
    with found.share() as share:
        head = scope(content_encoding=b"gzip")
        await found.read(head, sender(packed), share)
        held = budget.used_bytes

    assert held == len(packed) + 100_000
    assert budget.used_bytes == 0
