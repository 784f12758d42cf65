"""POST /events, durable, beside a bare handler of the same run, in turn.

    python benchmarks/bench_ingest.py --rounds 5 --seconds 4

Prints for each shape of event and number of clients the median, least and most of:
events a second, p50 and p99 of a request, memory; and the ratio to the bare handler,
round by round.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from servers import HERE, Server, bare, tallymill

EVENTS = 12_500
SMALL = '{"timestamp":"2019-10-04T01:52:07-03:00","data":12312}'
LARGE = json.dumps(
    {
        "timestamp": "2019-10-04T01:52:07-03:00",
        "data": {"id": "000000243626", "weight": 1778, "note": "x" * 148},
    },
    separators=(",", ":"),
)


def measure(server: Server, body: Path, connections: int, seconds: float) -> dict:
    """Run the sender as a process of its own; every request must be accepted."""
    found = measure_any(server, body, connections, seconds)
    if set(found["statuses"]) != {"202"}:
        raise RuntimeError(f"not every request was accepted: {found['statuses']}")
    return found


def measure_any(server: Server, body: Path, connections: int, seconds: float) -> dict:
    """Run the sender as a process of its own, whatever it is answered."""
    command = [sys.executable, str(HERE / "load.py"), server.address, "/events"]
    options = ["--body", body, "--connections", connections, "--seconds", seconds]
    done = subprocess.run(
        [*command, *map(str, options)], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    found["memory_mb"] = server.memory_mb()
    return found


def spread(values: list[float], form: str = "{:.2f}") -> str:
    """Return median (least..most)."""
    low, mid, high = (form.format(f(values)) for f in (min, median, max))
    return f"{mid} ({low}..{high})"


def row(shape: str, connections: int, who: str, rounds: list[dict]) -> str:
    """Return one line of the table."""
    rates = [found["per_s"] * EVENTS / 1e6 for found in rounds]
    cells = [
        f"{shape:5} c={connections} {who:9}",
        f"{spread(rates)} M/s",
        f"p50 {spread([r['p50_ms'] for r in rounds], '{:.1f}')} ms",
        f"p99 {spread([r['p99_ms'] for r in rounds], '{:.1f}')} ms",
        f"{max(r['memory_mb'] for r in rounds):.0f} MB",
    ]
    return "  ".join(cells)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for shape, event in (("small", SMALL), ("200 B", LARGE)):
            body = Path(name) / "body.json"
            body.write_text("[" + ",".join([event] * EVENTS) + "]")
            for connections in (1, 4):
                ours, ceiling = [], []
                for _ in range(args.rounds):
                    with bare("events") as server:
                        ceiling.append(measure(server, body, connections, args.seconds))
                    with tallymill() as server:
                        ours.append(measure(server, body, connections, args.seconds))
                print(row(shape, connections, "bare", ceiling))
                print(row(shape, connections, "tallymill", ours))
                ratios = [
                    a["per_s"] / b["per_s"] for a, b in zip(ours, ceiling, strict=True)
                ]
                print(
                    f"{shape:5} c={connections} ratio      {spread(ratios)}", flush=True
                )


if __name__ == "__main__":
    main()
