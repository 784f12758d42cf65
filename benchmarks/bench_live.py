"""Fan-out to many readers beside a bare one, idle readers, and the way of an event.

    python benchmarks/bench_live.py --rounds 3

Fan-out: two senders post requests of 1 or 20 events, each durable, one after another;
what counts is events received by all readers together, a second by the clock and a
second of the server's processor. The bare server stores and decodes nothing. Idle: memory and processor time of 5,000 connections. The
way: from `PUT /{account}` to the reader, at 1,000 a second.
"""

import argparse
import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from load import read_answer, request_bytes
from servers import HERE, Server, free_port, tallymill, wait_until_open

EVENT = '{"timestamp":"2019-10-04T01:52:07-03:00","data":12312,"subject":"7"}'


def spread(values: list[float], form: str = "{:,.0f}") -> str:
    """Return median (least..most)."""
    low, mid, high = (form.format(f(values)) for f in (min, median, max))
    return f"{mid} ({low}..{high})"


@contextlib.contextmanager
def bare_live() -> Iterator[tuple[int, int]]:
    """Serve the ceiling; offer its port and process."""
    port = free_port()
    process = subprocess.Popen([sys.executable, str(HERE / "bare_live.py"), str(port)])
    try:
        wait_until_open(port, process)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(10)


class Readers:
    """The process that reads."""

    def __init__(self, port: int, path: str, readers: int) -> None:
        self.count = readers
        command = [sys.executable, str(HERE / "live_readers.py")]
        self._process = subprocess.Popen(
            [*command, str(port), path, str(readers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout.readline() == "ready\n"

    def expect(self, events: int) -> None:
        """Have it count from now on, until so many have come."""
        self._process.stdin.write(f"{events}\n")
        self._process.stdin.flush()

    def result(self) -> dict[str, float]:
        """Return what it counted."""
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End it."""
        self._process.stdin.close()
        self._process.wait(20)


def send(port: int, request: bytes, turns: int) -> None:
    """Send a request again and again, each when the last is answered."""
    with socket.create_connection(("127.0.0.1", port)) as sender:
        sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(turns):
            sender.sendall(request)
            status, answer = read_answer(sender)
            assert status == 202, answer


def fan_out(
    served: tuple[int, int], readers: Readers, events: int, together: int
) -> tuple[float, float]:
    """Return deliveries a second, by the clock and of the server's processor."""
    port, pid = served
    request = request_bytes("/events", f"[{','.join([EVENT] * together)}]".encode())
    readers.expect(events * readers.count)
    senders = [
        threading.Thread(target=send, args=(port, request, events // together // 2))
        for _ in range(2)
    ]
    begun, used = time.monotonic(), used_s(pid)
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    found = readers.result()
    assert found["events"] == events * readers.count, found
    return (
        found["events"] / (found["last_s"] - begun),
        found["events"] / (used_s(pid) - used),
    )


def bench_fan_out(count: int, rounds: int, turns: int) -> None:
    """Measure ours and the bare one in turn."""
    with tallymill() as server, bare_live() as bare:
        mine = Readers(server.port, "/events/live", count)
        theirs = Readers(bare[0], "/", count)
        for together in (1, 20):
            ours, ceiling = [], []
            for _ in range(rounds):
                ceiling.append(fan_out(bare, theirs, turns * together, together))
                served = server.port, server.pid
                ours.append(fan_out(served, mine, turns * together, together))
            for who, found in (("bare", ceiling), ("ours", ours)):
                print(
                    f"fan-out {count:,} readers, {together:2} together  {who}"
                    f"  {spread([each[0] for each in found])} a second,"
                    f"  {spread([each[1] for each in found])} a processor's second"
                )
            ratios = [a[0] / b[0] for a, b in zip(ours, ceiling, strict=True)]
            print(f"ratio {spread(ratios, '{:.2f}')}", flush=True)
        mine.close()
        theirs.close()


def resident_kb(pid: int) -> int:
    """Return the memory that a process has resident."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1])


def used_s(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def bench_idle(count: int, seconds: float) -> None:
    """Measure what connections cost that hear nothing but heartbeats."""
    with tallymill() as server:
        # What the first few load is no part of what each costs.
        Readers(server.port, "/events/live", 50).close()
        before = resident_kb(server.pid)
        readers = Readers(server.port, "/events/live?stream=accounts&subject=1", count)
        time.sleep(1)
        after = resident_kb(server.pid)
        begun_s, used = time.monotonic(), used_s(server.pid)
        time.sleep(seconds)
        share = (used_s(server.pid) - used) / (time.monotonic() - begun_s)
        print(
            f"idle {count:,} readers  {(after - before) / count:.1f} KB each,"
            f" {share:.1%} of a core over {seconds:.0f} s",
            flush=True,
        )
        readers.close()


def stuck_readers(port: int, count: int) -> list[socket.socket]:
    """Return connections whose streams nobody reads."""
    opened = [socket.socket() for _ in range(count)]
    for one in opened:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect(("127.0.0.1", port))
        one.sendall(b"GET /events/live?stream=accounts HTTP/1.1\r\nHost: b\r\n\r\n")
    return opened


async def the_way(port: int, per_s: int, seconds: float, stuck: int) -> list[float]:
    """Return the seconds from sending a PUT to having its event, for each.

    Args:
        port: The server's.
        per_s: How many are sent a second.
        seconds: For how long.
        stuck: How many other readers there are who never take anything.
    """
    idlers = stuck_readers(port, stuck)
    took: list[float] = []
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    writer.write(b"GET /events/live?stream=accounts HTTP/1.1\r\nHost: bench\r\n\r\n")
    await reader.readuntil(b"\nid: ")

    async def listen() -> None:
        while True:
            line = await reader.readline()
            now = time.perf_counter()
            if line.startswith(b"data: "):
                sent = json.loads(json.loads(line[6:])["data"])
                took.append(now - sent)

    listening = asyncio.create_task(listen())
    lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(32)]
    begun = time.perf_counter()
    answers = []
    for number in range(int(per_s * seconds)):
        await asyncio.sleep(max(0, begun + number / per_s - time.perf_counter()))
        source, sink = lines[number % len(lines)]
        path = f"/{number % 1000 + 1}?data={time.perf_counter()!r}"
        sink.write(request_bytes(path, b"", method="PUT"))
        answers.append(source)
    await asyncio.sleep(1)
    listening.cancel()
    for _, sink in lines:
        sink.close()
    for idler in idlers:
        idler.close()
    writer.close()
    assert len(took) == int(per_s * seconds), (len(took), per_s * seconds)
    return took


def bench_the_way(server: Server, rounds: int, seconds: float) -> None:
    """Measure at 1,000 a second, alone and beside a reader that is stuck, in turn."""
    found: dict[int, list[list[float]]] = {0: [], 1: []}
    for _ in range(rounds):
        for stuck, takes in found.items():
            takes.append(
                sorted(asyncio.run(the_way(server.port, 1000, seconds, stuck)))
            )
    for stuck, takes in found.items():
        p50 = [took[len(took) // 2] * 1e3 for took in takes]
        p99 = [took[int(len(took) * 0.99)] * 1e3 for took in takes]
        print(
            f"PUT to reader, 1,000/s, {stuck} stuck  p50 {spread(p50, '{:.2f}')} ms"
            f"  p99 {spread(p99, '{:.1f}')} ms",
            flush=True,
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--readers", type=int, default=1000)
    parser.add_argument("--idle", type=int, default=5000)
    parser.add_argument("--turns", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--only", choices=["fan-out", "idle", "way"])
    args = parser.parse_args()
    if args.only in {None, "fan-out"}:
        bench_fan_out(args.readers, args.rounds, args.turns)
    if args.only in {None, "idle"}:
        bench_idle(args.idle, 20)
    if args.only in {None, "way"}:
        with tallymill() as server:
            bench_the_way(server, args.rounds, args.seconds)


if __name__ == "__main__":
    main()
