"""POST /result, POST /jobs and GET /jobs, beside a handler that does nothing, in turn.

    python benchmarks/bench_results_and_jobs.py --rounds 3 --seconds 4

Needs `wrk`, because a sender in Python is slower than what it would measure. Prints the
median, least and most of requests a second, and the ratio to the bare handler, which
reads the body and answers without storing anything.
"""

import argparse
import re
import shutil
import subprocess
import tempfile
import urllib.request
from pathlib import Path
from statistics import median

from servers import Server, bare, tallymill

CONNECTIONS = 64
RESULT = '{"date": "2022-12-22", "count": 42}'
JOB = '{"cron_string": "5 4 * * *"}'
POST = """
wrk.method = "POST"
wrk.body = '%s'
wrk.headers["Content-Type"] = "application/json"
"""


def send(server: Server, path: str, script: Path | None, seconds: int) -> float:
    """Return the requests a second that wrk got answered; each must be a 2xx."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s"]
    if script:
        command += ["-s", str(script)]
    command.append(f"http://{server.address}{path}")
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(said)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])


def fill(server: Server, jobs: int) -> None:
    """Add so many jobs."""
    for _ in range(jobs):
        request = urllib.request.Request(
            f"http://{server.address}/jobs",
            data=JOB.encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request):
            pass


def show(name: str, rates: list[float], ceilings: list[float]) -> None:
    """Print one line of the table."""
    ratios = [rate / ceiling for rate, ceiling in zip(rates, ceilings, strict=True)]
    print(
        f"{name:22} {median(rates):8,.0f} a second ({min(rates):,.0f}..{max(rates):,.0f})"
        f"   {median(ratios):.2f} of bare"
    )


def main() -> None:
    """Measure round by round and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    args = parser.parse_args()
    if not shutil.which("wrk"):
        raise SystemExit("wrk is needed: install it with your system's packages")
    with tempfile.TemporaryDirectory() as name, bare("nothing") as plain:
        result, job = Path(name) / "result.lua", Path(name) / "job.lua"
        result.write_text(POST % RESULT)
        job.write_text(POST % JOB)
        rates: dict[str, list[float]] = {}
        ceilings: list[float] = []
        for _ in range(args.rounds):
            ceilings.append(send(plain, "/", result, args.seconds))
            with tallymill() as server:
                fill(server, 100)
                for title, path, script in (
                    ("GET /jobs (100 rows)", "/jobs?limit=100", None),
                    ("POST /result", "/result", result),
                    ("POST /jobs", "/jobs", job),
                ):
                    rate = send(server, path, script, args.seconds)
                    rates.setdefault(title, []).append(rate)
        show("bare handler", ceilings, ceilings)
        for title, found in rates.items():
            show(title, found, ceilings)


if __name__ == "__main__":
    main()
