"""`tallymill init`: a project folder to begin with, every setting in it explained."""

from pathlib import Path
from typing import Final

from tallymill.cli.options import Folder
from tallymill.cli.terminal import say
from tallymill.config import FILE_NAME
from tallymill.kernel.errors import Conflict, Unavailable

TOML: Final = '''\
# Settings of this Tallymill project. Everything may be left out; what stands behind a
# "#" is the default. TALLYMILL_... in the environment and options override this file;
# `tallymill check` prints what is in force and where it came from.

# listen = ["127.0.0.1:8000"]     # other than loopback only together with no_auth = true
# timezone = "Asia/Kolkata"       # of jobs that name none
# shards = 5                      # fixed once there are events
# workers = 3                     # a shard; WORKERS_MAX sets it too
# batch_size = 5                  # events
# worker_timeout = "2 minutes"    # without work, until a worker finishes
# shutdown_timeout = "30 seconds" # to finish what was accepted
# backlog_max = 2_000_000         # accepted events not yet counted; above it: 503
# body_max = "16 MiB"             # of a request, decompressed
# event_max = "256 KiB"           # of one event
# data = "data"                   # folder, seen from here
# log_format = "auto"             # auto, console, json
# log_level = "info"              # debug, info, warning, error

# Two statistics are always there: total_registrations and average_weight, of the
# stream "picture". One more is three lines; one of your own is a file in statistics/.
# [statistics.heaviest_picture]
# stream = "picture"
# kind = "max"                    # count, sum, mean, min, max
# field = "weight"                # a key of data, or a path: "box.width"

# A database that jobs may ask; it is opened read-only.
# [sources.registrations]
# url = "sqlite:///registration.sqlite"

# A job is a schedule, a question and a destination; its name is its id. One may also
# be a Python function in jobs/.
# [jobs.average-weight-of-last-week]
# schedule = "each day at 1PM"    # or "0 13 * * *", "every 15 minutes"
# source = "registrations"
# period = "week"                 # :start and :end of the last complete one
# query = """
# SELECT avg(weight) AS average_weight, count(*) AS registrations
# FROM registration WHERE timestamp >= :start AND timestamp < :end
# """
# deliver_to = "http://127.0.0.1:8000/result"
'''

STATISTIC: Final = '''\
"""An example: rename this file to range_of_weights.py, and it counts.

Files whose name starts with "_" are left alone.
"""

import msgspec

from tallymill import Statistic


class RangeOfWeights(Statistic):
    """Heaviest minus lightest picture, in grams."""

    stream, field = "picture", "weight"

    class State(msgspec.Struct):
        low: float = float("inf")
        high: float = float("-inf")

    def add(self, state, weight):
        state.low, state.high = min(state.low, weight), max(state.high, weight)

    def merge(self, a, b):
        return self.State(min(a.low, b.low), max(a.high, b.high))

    def result(self, state):
        return state.high - state.low if state.high >= state.low else None
'''

JOB: Final = '''\
"""An example: name a source in tallymill.toml, rename this file, and it runs.

Files whose name starts with "_" are left alone.
"""

from tallymill import job


@job(
    schedule="each day at 1PM",
    period="day",
    deliver_to="http://127.0.0.1:8000/result",
)
async def registrations_per_day(run):
    """Total number of registrations on the day before."""
    rows = await run.query(
        "registrations",
        "SELECT count(*) AS count FROM registration"
        " WHERE timestamp >= :start AND timestamp < :end",
    )
    return {"date": run.period.start.date(), "count": rows[0]["count"]}
'''

FILES: Final = {
    FILE_NAME: TOML,
    "statistics/_range_of_weights.py": STATISTIC,
    "jobs/_registrations_per_day.py": JOB,
}


def init(folder: Folder = Path()) -> None:
    """Make a project: a commented tallymill.toml, and examples. Overwrites nothing."""
    try:
        _write(folder)
    except OSError as exc:
        raise Unavailable(f"Cannot write {exc.filename}: {exc.strerror}.") from exc
    for name in FILES:
        say(f"wrote {folder / name}")
    say(f"Start it with: tallymill serve {folder}")


def _write(folder: Path) -> None:
    taken = [name for name in FILES if (folder / name).exists()]
    if taken:
        raise Conflict(
            f"{folder / taken[0]} is there already; nothing was written. "
            "Name another folder, or move it away."
        )
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
