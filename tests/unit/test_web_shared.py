"""A shared read is shared only with those who asked before it began."""

import asyncio

import pytest

from tallymill.web.shared import SharedReads


class Source:
    """Counts its reads, and answers when it is told to."""

    def __init__(self):
        self.reads = []
        self.gates = []

    async def read(self, key):
        self.reads.append(key)
        gate = asyncio.Event()
        self.gates.append(gate)
        number = len(self.reads)
        await gate.wait()
        return number


async def turn():
    """Let every task that can go on do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_whoever_comes_during_a_read_waits_for_the_next():
    """An answer that was read before the question may lack what was just stored."""
    source = Source()
    shared = SharedReads(source.read)
    first = asyncio.create_task(shared.get("a"))
    await turn()
    later = [asyncio.create_task(shared.get("a")) for _ in range(5)]
    await turn()
    assert len(source.reads) == 1

    source.gates[0].set()
    await turn()
    source.gates[1].set()

    assert await first == 1
    assert await asyncio.gather(*later) == [2] * 5


async def test_keys_do_not_wait_for_each_other():
    source = Source()
    shared = SharedReads(source.read)
    tasks = [asyncio.create_task(shared.get(key)) for key in "ab"]
    await turn()

    assert source.reads == ["a", "b"]
    for gate in source.gates:
        gate.set()
    assert await asyncio.gather(*tasks) == [1, 2]


async def test_whoever_gives_up_takes_nothing_from_the_others():
    source = Source()
    shared = SharedReads(source.read)
    first = asyncio.create_task(shared.get("a"))
    await turn()
    waiting = [asyncio.create_task(shared.get("a")) for _ in range(2)]
    await turn()
    first.cancel()
    waiting[0].cancel()
    await turn()
    source.gates[0].set()
    await turn()
    source.gates[1].set()

    assert await waiting[1] == 2


async def test_an_error_is_everybodys_and_the_next_read_is_new():
    outcomes = iter([ValueError("no"), 7])

    async def read(_):
        found = next(outcomes)
        if isinstance(found, ValueError):
            raise found
        return found

    shared = SharedReads(read)
    with pytest.raises(ValueError, match="no"):
        await shared.get("a")

    assert await shared.get("a") == 7
