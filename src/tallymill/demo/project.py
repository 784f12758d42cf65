"""The demo's project folder: two jobs, a source, and a statistic of one's own.

One job is a table of `tallymill.toml`, the other a Python function, so that both ways
are there to copy. They are pinned to the last day of the generated data.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tallymill.config import FILE_NAME, Address
from tallymill.demo.registrations import write_registrations
from tallymill.kernel.errors import Conflict, Unavailable

SOURCE_FILE: Final = "registration.sqlite"
JOB_FILE: Final = "jobs/registrations_per_day.py"
JOBS: Final = ("average-weight-of-last-week", "registrations_per_day")

TOML: Final = '''\
# The demo. Every line may be changed; `tallymill check` says what is in force.
listen = ["{address}"]
timezone = "Asia/Kolkata"

# A statistic is three lines. Two more are always there: total_registrations and
# average_weight; statistics/range_of_weights.py is one of your own.
[statistics.heaviest_picture]
stream = "picture"
kind = "max"
field = "weight"

[sources.registrations]
url = "sqlite:///registration.sqlite"      # relative to this folder, opened read-only

# A job is six lines: a schedule, a question and a destination. The other one is
# jobs/registrations_per_day.py.
[jobs.average-weight-of-last-week]
schedule = "each day at 1PM"
source = "registrations"
period = "week"
query = """
SELECT avg(weight) AS average_weight, count(*) AS registrations
FROM registration WHERE timestamp >= :start AND timestamp < :end
"""
deliver_to = "{url}/result"
as_of = 2022-12-22                         # the data ends there; leave out in real life
'''

JOB: Final = '''\
"""A job as a Python function; its name is the job's id."""

from tallymill import job


@job(
    schedule="each day at 1PM",
    period="day",
    deliver_to="{url}/result",
    as_of="2022-12-22",  # the data ends there; leave out in real life
)
async def registrations_per_day(run):
    """Total number of registrations on the day before."""
    rows = await run.query(
        "registrations",
        "SELECT count(*) AS count FROM registration"
        " WHERE timestamp >= :start AND timestamp < :end",
    )
    return {{"date": run.period.start.date(), "count": rows[0]["count"]}}
'''

STATISTIC: Final = '''\
"""A statistic of one's own: a state, and three functions over it."""

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


def make_demo(folder: Path, *, address: Address, seed: int = 0) -> bool:
    """Write the demo's files into a new or empty folder.

    Args:
        folder: Where; it is made if need be.
        address: To listen on, and where the jobs deliver their results.
        seed: Of the generated registrations.

    Returns:
        True if the project was made, False if one was there and was left as it is.

    Raises:
        Conflict: The folder holds other things.
        Unavailable: It cannot be written.
    """
    try:
        return _make(folder, address, seed=seed)
    except OSError as exc:
        raise Unavailable(
            f"Cannot make a demo in {folder}: {exc.strerror} ({exc.filename}). "
            "Name a folder that you may write."
        ) from exc


def _make(folder: Path, address: Address, *, seed: int) -> bool:
    if (folder / FILE_NAME).exists():
        return False
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Conflict(
            f"{folder} is there and is no demo project; name an empty or a new folder."
        )
    # Made beside it and moved as a whole: an interrupted start leaves nothing half done.
    with TemporaryDirectory(prefix=".demo-", dir=_parent(folder)) as beside:
        made = Path(beside) / "project"
        _write(made, address, seed=seed)
        made.replace(folder)
    return True


def move_demo(folder: Path, *, before: Address, after: Address) -> None:
    """Write another address into a demo's files, for it and for its jobs' results."""
    for name in (FILE_NAME, JOB_FILE):
        path = folder / name
        if not path.exists():  # the user may have taken the job away
            continue
        text = path.read_text("utf-8")
        moved = text.replace(f"{before.url}/result", f"{after.url}/result")
        moved = moved.replace(f'listen = ["{before}"]', f'listen = ["{after}"]')
        path.write_text(moved, "utf-8")


def _parent(folder: Path) -> Path:
    parent = folder.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    return parent


def _write(folder: Path, address: Address, *, seed: int) -> None:
    (folder / "statistics").mkdir(parents=True)
    (folder / "jobs").mkdir()
    write_registrations(folder / SOURCE_FILE, seed=seed)
    texts = {
        "statistics/range_of_weights.py": STATISTIC,
        JOB_FILE: JOB.format(url=address.url),
        FILE_NAME: TOML.format(address=address, url=address.url),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
