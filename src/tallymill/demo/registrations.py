"""A year of registrations in the format of a scheduler's usual source: one table.

Timestamps are texts without an offset, ids are in no order of time, weights are whole
grams stored as REAL. Only the shape is taken from practice; every row is made up.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

TABLE: Final = """\
CREATE TABLE "registration" (
    "id" INTEGER NOT NULL,
    "timestamp" TEXT NOT NULL,
    "weight" REAL NOT NULL,
    PRIMARY KEY("id")
)"""
LAST: Final = datetime(2022, 12, 22, 4, 50, 46)  # noqa: DTZ001 - the table's times have no offset
SPAN: Final = timedelta(days=365) - timedelta(hours=8)  #: the first is on 2021-12-22
ROWS: Final = 1000
LIGHTEST_G: Final = 50
HEAVIEST_G: Final = 5000


def registrations(seed: int = 0, rows: int = ROWS) -> Iterator[tuple[int, str, float]]:
    """Yield rows (id, timestamp, weight in grams); the last instant is always there.

    Args:
        seed: The same seed gives the same rows.
        rows: How many, >= 1.
    """
    random = Random(seed)  # noqa: S311 - made-up data, no secret
    newest = random.randint(1, rows)
    for identifier in range(1, rows + 1):
        ago = timedelta(seconds=random.randrange(int(SPAN.total_seconds())))
        moment = LAST if identifier == newest else LAST - ago
        text = moment.replace(microsecond=random.randrange(1, 10**6)).isoformat(" ")
        yield identifier, text, float(random.randint(LIGHTEST_G, HEAVIEST_G))


def write_registrations(path: Path, *, seed: int = 0, rows: int = ROWS) -> None:
    """Write a new SQLite file with the table and its rows.

    Raises:
        sqlite3.Error: The file is there already with such a table, or not writable.
    """
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(TABLE)
        connection.executemany(
            "INSERT INTO registration VALUES (?, ?, ?)", registrations(seed, rows)
        )
