"""A stalled disk: what senders are told meanwhile, and how soon the speed is back.

    python benchmarks/bench_stall.py --seconds 8

Another process's lock on the database keeps the server from writing, as a disk that
hangs does. Four clients go on sending; then the lock is let go.
"""

import argparse
import sqlite3
import tempfile
import threading
import time
from pathlib import Path

from bench_ingest import EVENTS, SMALL, measure_any
from servers import tallymill

WINDOW_S = 3.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8, help="of the stall")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, tallymill() as server:
        body = Path(name) / "body.json"
        body.write_text("[" + ",".join([SMALL] * EVENTS) + "]")
        before = measure_any(server, body, 4, WINDOW_S)
        database = sqlite3.connect(
            server.folder / "data" / "tallymill.db",
            isolation_level=None,
            check_same_thread=False,
            timeout=10,
        )
        database.execute("BEGIN IMMEDIATE")
        release = threading.Timer(args.seconds, database.rollback)
        release.start()
        stalled = measure_any(server, body, 4, args.seconds - 0.5)
        memory = server.memory_mb()
        release.join()
        begun = time.perf_counter()
        after = measure_any(server, body, 4, WINDOW_S)
        took_s = time.perf_counter() - begun
        print(f"before: {before['per_s'] * EVENTS / 1e6:.2f} M/s")
        print(f"stalled for {args.seconds} s: {stalled['statuses']}, {memory:.0f} MB")
        rate = after["per_s"] / before["per_s"]
        print(f"the {took_s:.1f} s after the release: {rate:.2f} of the speed before,")
        print(f"answers {after['statuses']}")


if __name__ == "__main__":
    main()
