"""PUT and GET of accounts and GET /, each beside a bare handler of the same run.

    python benchmarks/bench_accounts.py --rounds 5 --seconds 3

Needs `wrk`. Prints for each path the median, least and most of requests a second and
of the p99, and the ratio to the bare handler, round by round. A PUT is answered once
its event is durable; the bare handler stores nothing.
"""

import argparse
import re
import subprocess
from dataclasses import dataclass
from statistics import median

from servers import HERE, Server, bare, tallymill

CONNECTIONS = 64
ACCOUNTS = 1000
SCRIPT = HERE / "accounts.lua"
PATHS = {
    "put": "PUT /{id}?data=",
    "get": "GET /{id}",
    "root": "GET /",
}


@dataclass(frozen=True)
class Found:
    """What one run of wrk said."""

    per_s: float
    p50_ms: float
    p99_ms: float
    memory_mb: float


def measure(server: Server, kind: str, seconds: int) -> Found:
    """Send for some seconds; every answer must be a 2xx."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency"]
    told = subprocess.run(
        [*command, "-s", str(SCRIPT), f"http://{server.address}/", kind],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if "Non-2xx" in told or "Socket errors" in told:
        raise RuntimeError(f"not every request was answered well:\n{told}")
    return Found(
        per_s=float(re.search(r"Requests/sec:\s+([\d.]+)", told)[1]),
        p50_ms=_ms(told, "50%"),
        p99_ms=_ms(told, "99%"),
        memory_mb=server.memory_mb(),
    )


def _ms(told: str, name: str) -> float:
    number, unit = re.search(rf"{name}\s+([\d.]+)(us|ms|s)", told).groups()
    return float(number) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]


def spread(values: list[float], form: str) -> str:
    """Return median (least..most)."""
    low, mid, high = (form.format(f(values)) for f in (min, median, max))
    return f"{mid} ({low}..{high})"


def row(kind: str, who: str, rounds: list[Found]) -> str:
    """Return one line of the table."""
    return "  ".join(
        [
            f"{PATHS[kind]:16} {who:9}",
            f"{spread([r.per_s for r in rounds], '{:,.0f}')}/s",
            f"p50 {spread([r.p50_ms for r in rounds], '{:.2f}')} ms",
            f"p99 {spread([r.p99_ms for r in rounds], '{:.1f}')} ms",
            f"{max(r.memory_mb for r in rounds):.0f} MB",
        ]
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--paths", nargs="*", default=list(PATHS), choices=PATHS)
    args = parser.parse_args()
    for kind in args.paths:
        ours, ceiling = [], []
        for _ in range(args.rounds):
            with bare("nothing") as server:
                ceiling.append(measure(server, kind, args.seconds))
            with tallymill(f"seed_accounts = {ACCOUNTS}\n") as server:
                ours.append(measure(server, kind, args.seconds))
        print(row(kind, "bare", ceiling))
        print(row(kind, "tallymill", ours))
        ratios = [a.per_s / b.per_s for a, b in zip(ours, ceiling, strict=True)]
        print(f"{PATHS[kind]:16} ratio      {spread(ratios, '{:.2f}')}", flush=True)


if __name__ == "__main__":
    main()
