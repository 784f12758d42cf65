"""The proof by system calls: the disk has synced before a sender is told.

The server is traced while several senders post at once. Each request holds a marker
that can be seen on its way into the write-ahead log, and has as many events as no
other, so that its acknowledgement can be told from the others.
"""

import re
import shutil
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx2
import pytest
from product import Product, wait_for

REQUESTS = 40
SENDERS = 4
CALLS = "write,writev,sendto,sendmsg,pwrite64,fsync,fdatasync"
LINE = re.compile(r"(?P<thread>\d+) +(?P<call>.*)")


@dataclass
class Step:
    """Where in the trace a request was written, synced and acknowledged."""

    written: int | None = None
    synced: int | None = None
    acknowledged: int | None = None


class Trace:
    """Follows every thread of a process until it is ended."""

    def __init__(self, pid, path):
        if shutil.which("strace") is None:
            pytest.skip("strace is not installed; apt-get install strace")
        self._path = path
        self._errors = path.with_suffix(".errors")
        with self._errors.open("w") as errors:
            self._process = subprocess.Popen(
                [
                    "strace",
                    "-f",
                    "-y",
                    "-s",
                    "20000",
                    "-e",
                    f"trace={CALLS}",
                    "-o",
                    str(path),
                    "-p",
                    str(pid),
                ],
                stderr=errors,
            )
        wait_for(self._is_attached)

    def _is_attached(self):
        told = self._errors.read_text()
        if self._process.poll() is not None:
            pytest.skip(f"strace may not look at other processes here: {told}")
        return "attached" in told

    def end(self):
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)
        return self._path.read_text(errors="replace").splitlines()


class Steps:
    """Each marker's steps, found line by line."""

    def __init__(self, markers):
        self.of = {marker: Step() for marker in markers}
        self._unsynced = []
        self._syncing = {}

    def written(self, number, call):
        """Note the requests that a write to the log file holds."""
        for marker, step in self.of.items():
            if step.written is None and marker in call:
                step.written = number
                self._unsynced.append(marker)

    def sync_begins(self, thread):
        """Note which requests a sync covers: those written before it began."""
        self._syncing[thread], self._unsynced = self._unsynced, []

    def sync_ends(self, number, thread):
        """Note that what a sync covers is on the disk."""
        for marker in self._syncing.pop(thread, []):
            self.of[marker].synced = number

    def acknowledged(self, number, marker):
        """Note that a request's sender is told."""
        if marker and self.of[marker].acknowledged is None:
            self.of[marker].acknowledged = number


def follow(lines, markers, acknowledgement):
    """Find each marker's steps; `acknowledgement` gives the one that a line answers."""
    steps = Steps(markers)
    for number, line in enumerate(lines):
        found = LINE.match(line)
        if not found:
            continue
        thread, call = found["thread"], found["call"]
        if call.startswith("pwrite64(") and ".db-wal>" in call:
            steps.written(number, call)
        elif re.match(r"f(data)?sync\(\d+<[^>]*\.db-wal>", call):
            steps.sync_begins(thread)
        else:
            steps.acknowledged(number, acknowledgement(call))
        if re.search(r"f(data)?sync.*\) += 0$", call):
            steps.sync_ends(number, thread)
    return steps.of


def assert_in_order(steps):
    for marker, step in steps.items():
        assert None not in (step.written, step.synced, step.acknowledged), (
            marker,
            step,
        )
        assert step.written < step.synced < step.acknowledged, (marker, step)


def test_every_acknowledgement_follows_the_sync_of_its_events(tmp_path):
    counts = {f"marker{n:03}end": n for n in range(1, REQUESTS + 1)}

    def send(marker):
        event = {"timestamp": "2026-11-21T12:00:00Z", "data": marker}
        answer = httpx2.post(
            f"{product.url}/events?single_shard=true", json=[event] * counts[marker]
        )
        assert answer.json() == {"accepted": counts[marker]}

    def answered(call):
        found = re.search(r'\{\\"accepted\\":(\d+)\}', call)
        return f"marker{int(found[1]):03}end" if found else None

    with Product(tmp_path) as product:
        trace = Trace(product.pid, tmp_path / "trace")
        with ThreadPoolExecutor(SENDERS) as senders:
            list(senders.map(send, counts))
        lines = trace.end()

    assert_in_order(follow(lines, counts, answered))


def test_every_result_is_synced_before_it_is_acknowledged(tmp_path):
    markers = [f"result{n:03}end" for n in range(10)]
    waiting = iter(markers)

    def answered(call):
        sent = call.startswith(("write", "send")) and "HTTP/1.1 201" in call
        return next(waiting, None) if sent else None

    with Product(tmp_path) as product:
        trace = Trace(product.pid, tmp_path / "trace")
        for marker in markers:
            assert product.http.post("/result", json={"it": marker}).status_code == 201
        lines = trace.end()

    assert_in_order(follow(lines, markers, answered))
