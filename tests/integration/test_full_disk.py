"""A disk that is full for real: nothing half stored, and on it goes when there is room."""

import asyncio
import resource
import subprocess
from contextlib import contextmanager
from datetime import UTC, datetime

import msgspec
import pytest

from tallymill.events.model import Event, ShardId
from tallymill.events.ports import Append
from tallymill.kernel.clock import SystemClock
from tallymill.kernel.errors import Unavailable
from tallymill.kernel.service import running
from tallymill.kernel.turnstile import Turnstile
from tallymill.statistics.model import StatisticDefinition
from tallymill.statistics.registry import bind_definition
from tallymill.store.check import deep_check
from tallymill.store.database import Database
from tallymill.store.ledger import SqlLedger
from tallymill.store.log import SqlEventLog
from tallymill.workers.service import Workforce, WorkSettings

AT = datetime(2026, 11, 21, tzinfo=UTC)
COUNT = bind_definition(
    StatisticDefinition(name="count", stream="events", kind="count", field=None)
)
ROOM_BYTES = 4_000_000


class SmallDisk:
    """A file system of its own in memory; a file takes the room away."""

    def __init__(self, folder):
        self.folder = folder

    @contextmanager
    def mounted(self):
        size = f"size={ROOM_BYTES}"
        mount = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(self.folder)]
        told = subprocess.run(mount, capture_output=True, text=True, check=False)
        if told.returncode:
            pytest.skip(f"no file system may be mounted here: {told.stderr.strip()}")
        try:
            yield self
        finally:
            subprocess.run(["umount", str(self.folder)], check=True)

    def make_room(self):
        larger = f"remount,size={ROOM_BYTES * 20}"
        subprocess.run(["mount", "-o", larger, str(self.folder)], check=True)


class ShortFiles:
    """No file may grow beyond a size; what the kernel says then is another error."""

    def __init__(self, folder):
        self.folder = folder
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)

    @contextmanager
    def mounted(self):
        resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM_BYTES, self._before[1]))
        try:
            yield self
        finally:
            self.make_room()

    def make_room(self):
        resource.setrlimit(resource.RLIMIT_FSIZE, self._before)


async def send(log, number):
    """Append 50 KB under a key; returns whether they are stored."""
    raw = msgspec.Raw(msgspec.json.encode("x" * 1000))
    shares = [(ShardId(shard), [Event(AT, raw, id=f"{number}.{shard}.{n}")
               for n in range(10)]) for shard in range(5)]  # fmt: skip
    try:
        receipt = await log.append(
            Append(
                stream="events",
                shares=shares,
                size_bytes=50_000,
                has_ids=True,
                key=f"request {number}",
            )
        )
    except Unavailable:
        return False
    assert receipt.accepted == 50
    return True


@pytest.mark.parametrize("kind", [SmallDisk, ShortFiles])
async def test_a_full_disk_stores_nothing_by_halves_and_loses_nothing(tmp_path, kind):
    with kind(tmp_path).mounted() as disk:
        path = tmp_path / "tallymill.db"
        clock, database = SystemClock(), Database(path)
        log, ledger = SqlEventLog(database, clock, shards=5), SqlLedger(database)
        work = Workforce(log, ledger, clock, [COUNT], WorkSettings(), Turnstile())
        async with running([database, log, ledger, work]):
            stored, refused = set(), []
            while len(refused) < 20:
                numbers = [len(stored) + len(refused) + n for n in range(4)]
                told = await asyncio.gather(*(send(log, n) for n in numbers))
                stored |= {
                    n for n, is_stored in zip(numbers, told, strict=True) if is_stored
                }
                refused += [
                    n
                    for n, is_stored in zip(numbers, told, strict=True)
                    if not is_stored
                ]
            assert stored
            heads = await log.heads()
            assert heads == dict.fromkeys(range(5), 10 * len(stored))

            disk.make_room()
            again = await asyncio.gather(*(send(log, n) for n in refused))
            assert all(again)
            assert await work.drain(30) == 0
            assert work.troubles() == []

        report = deep_check(path, statistics=[COUNT])
        assert report.ok, [check for check in report.checks if not check.ok]
        total = 10 * (len(stored) + len(refused))
        assert report.checks[1].found == f"{total} events"
