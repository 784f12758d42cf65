"""What readers feel, what memory is used and how far the fold is behind, under load.

    python benchmarks/bench_under_load.py --seconds 60

Four clients send 12,500 small events a request to the stream `picture`, whose two
delivered statistics are kept, while one reader asks for pages in turn. Then: how long
until everything is folded, what memory was used, how fast a start on this log is.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

import httpx2
from bench_ingest import EVENTS
from servers import HERE, Server, tallymill

EVENT = '{"timestamp":"2019-10-04T01:52:07-03:00","data":{"weight":1778}}'
PATHS = ("/", "/workers", "/statistics/average_weight")
READER_PAUSE_S = 0.02


class Reader(threading.Thread):
    """Asks for each path in turn, and notes how long each answer took."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._url = f"http://{server.address}"
        self.took_ms: dict[str, list[float]] = {path: [] for path in PATHS}
        self.stop = threading.Event()

    def run(self) -> None:
        """Ask until told to stop."""
        with httpx2.Client(base_url=self._url, timeout=30) as client:
            while not self.stop.wait(READER_PAUSE_S):
                for path, took in self.took_ms.items():
                    begun = time.perf_counter()
                    client.get(path).raise_for_status()
                    took.append((time.perf_counter() - begun) * 1e3)


def send(server: Server, body: Path, seconds: float, stream: str) -> dict:
    """Run four senders as a process of their own."""
    path = f"/events?stream={stream}"
    command = [sys.executable, str(HERE / "load.py"), server.address, path]
    options = ["--body", body, "--connections", 4, "--seconds", seconds]
    done = subprocess.run(
        [*command, *map(str, options)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def wait_until_folded(server: Server) -> float:
    """Return the seconds until no statistic has a lag."""
    begun = time.perf_counter()
    with httpx2.Client(base_url=f"http://{server.address}", timeout=30) as client:
        while client.get("/statistics/total_registrations").json()["lag"]:
            time.sleep(0.02)
    return time.perf_counter() - begun


def start_seconds(folder: Path) -> float:
    """Return how long a start takes until the port answers."""
    begun = time.perf_counter()
    with tallymill(folder=folder):
        return time.perf_counter() - begun


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--stream", default="picture")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        body, folder = Path(name) / "body.json", Path(name) / "project"
        body.write_text("[" + ",".join([EVENT] * EVENTS) + "]")
        folder.mkdir()
        with tallymill(folder=folder) as server:
            reader = Reader(server)
            reader.start()
            sent = send(server, body, args.seconds, args.stream)
            behind_s = wait_until_folded(server)
            reader.stop.set()
            reader.join()
            memory = server.memory_mb()
        accepted = sent["statuses"].get("202", 0) * EVENTS
        print(f"accepted {accepted:,} events, {sent['per_s'] * EVENTS / 1e6:.2f} M/s")
        print(f"answers {sent['statuses']}, p50 {sent['p50_ms']:.1f} ms")
        for path, took in reader.took_ms.items():
            p99 = sorted(took)[int(len(took) * 0.99)]
            print(f"GET {path}: p50 {median(took):.1f} ms, p99 {p99:.1f} ms")
        print(f"all folded {behind_s:.2f} s after the last answer; {memory:.0f} MB")
        print(f"a start on this log: {start_seconds(folder):.2f} s")


if __name__ == "__main__":
    main()
