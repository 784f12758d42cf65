"""Does what is stored fit together? Recomputed from the log, block by block.

Reads only, in one snapshot, beside a running server or without one. Nothing here
mends anything. Called by `tallymill check --deep` and by the crash tests.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tallymill.events.codec import decode_block
from tallymill.events.model import Event, ShardId
from tallymill.events.ports import Run
from tallymill.kernel.errors import Corrupt, NotFound
from tallymill.statistics.bound import BoundStatistic
from tallymill.statistics.laws import alike
from tallymill.statistics.ports import LIVE
from tallymill.store.sqlite import DRIVER_ERRORS, unreadable
from tallymill.workers.fold import Streams, Total, by_stream, fold, restore
from tallymill.workers.queue import part

OnProgress = Callable[[int, int], None]  #: takes events done, and how many there are

FAULTS_SHOWN = 5
#: Tables and columns whose values may come only once, where the tables exist.
ONCE = (
    ("each due time has run once", "run", "job_id, scheduled_for, kind", ""),
    ("each run is delivered once", "delivery", "run_id", ""),
    ("each result is stored once", "result", "key", "WHERE key IS NOT NULL"),
)


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that has to hold, and what was found."""

    name: str
    ok: bool
    expected: str
    found: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All checks, in the order in which they were made."""

    checks: Sequence[Check]

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return all(check.ok for check in self.checks)


@dataclass(slots=True)
class _Reader:
    """A range of a shard that a reader has folded, folded once more."""

    shard: int
    name: str  #: of the reader
    first: int
    end: int
    streams: Streams
    totals: Mapping[str, Total]
    set_aside: set[tuple[str, int]] = field(default_factory=set)


@dataclass(slots=True)
class _Log:
    """What going through the blocks of one shard has shown."""

    shard: int
    head: int
    next: int = 0
    ids: int = 0
    faults: list[str] = field(default_factory=list)


def deep_check(
    database_path: Path,
    *,
    statistics: Sequence[BoundStatistic] = (),
    on_progress: OnProgress | None = None,
) -> Report:
    """Check a project's database against its own log.

    Args:
        database_path: The file; a server may be running on it.
        statistics: Their partial states are added up anew. Those that started from
            now are left out, since where they started is not kept.
        on_progress: Called after each block.

    Raises:
        NotFound: There is no such file.
        Unavailable: It cannot be read.
    """
    if not database_path.is_file():
        raise NotFound(f"There is no database at {database_path}.")
    uri = f"{database_path.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as driver:
            driver.execute("BEGIN")
            return Report(checks=list(_checks(driver, statistics, on_progress)))
    except DRIVER_ERRORS as exc:
        raise unreadable(exc) from exc


def _checks(
    driver: sqlite3.Connection,
    statistics: Sequence[BoundStatistic],
    on_progress: OnProgress | None,
) -> Iterator[Check]:
    yield _integrity(driver)
    heads = dict(driver.execute("SELECT id, head FROM shard ORDER BY id"))
    known = [each for each in statistics if not each.from_now]
    readers = _readers(driver, heads, known)
    logs = [_Log(shard, head) for shard, head in heads.items()]
    done, total = 0, sum(heads.values())
    for log in logs:
        mine = [reader for reader in readers if reader.shard == log.shard]
        for events in _walk(driver, log, mine):
            done += events
            if on_progress:
                on_progress(done, total)
    yield from (_blocks(log) for log in logs)
    yield _strays(driver)
    yield _ids(driver, logs)
    yield _positions(driver, heads)
    yield _workers(driver)
    for statistic in known:
        mine = [r for r in readers if statistic.version in r.totals]
        yield _states(driver, statistic, mine)
        yield _set_aside(driver, statistic, mine)
    yield from _once(driver)


def _integrity(driver: sqlite3.Connection) -> Check:
    rows = driver.execute(f"PRAGMA integrity_check({FAULTS_SHOWN})").fetchall()
    return _check("the file is whole", "ok", _listed(row[0] for row in rows))


def _walk(
    driver: sqlite3.Connection, log: _Log, readers: Sequence[_Reader]
) -> Iterator[int]:
    """Go through a shard's blocks; yield how many events each one has."""
    rows = driver.execute(
        "SELECT id, stream, first, count, payload FROM block WHERE shard = ?"
        " ORDER BY first",
        (log.shard,),
    )
    for block_id, stream, first, count, payload in rows:
        if first != log.next:
            log.faults.append(f"block {block_id} begins at {first}, not {log.next}")
        log.next = first + count
        events = _decoded(payload, log, block_id, count)
        log.ids += sum(event.id is not None for event in events)
        run = Run(
            shard=ShardId(log.shard),
            stream=stream,
            first=first,
            count=len(events),
            events=events,
        )
        for reader in readers:
            _fold(reader, run)
        yield count


def _decoded(payload: bytes, log: _Log, block_id: int, count: int) -> list[Event]:
    try:
        events = decode_block(payload)
    except Corrupt as error:
        log.faults.append(f"block {block_id}: {error.detail}")
        return []
    if len(events) != count:
        log.faults.append(f"block {block_id} has {len(events)} events, not {count}")
    return events


def _blocks(log: _Log) -> Check:
    found = f"{log.next} events"
    if log.faults:
        found += f"; {_listed(log.faults)}"
    return _check(
        f"shard {log.shard} has its blocks without hole or overlap",
        f"{log.head} events",
        found,
    )


def _strays(driver: sqlite3.Connection) -> Check:
    rows = driver.execute(
        "SELECT id FROM block WHERE shard NOT IN (SELECT id FROM shard)"
    )
    found = _listed(f"block {row[0]}" for row in rows)
    return _check("every block is of a shard", "none astray", found or "none astray")


def _ids(driver: sqlite3.Connection, logs: Sequence[_Log]) -> Check:
    kept = driver.execute("SELECT count(*) FROM event_id").fetchone()[0]
    stored = sum(log.ids for log in logs)
    return _check("each id is stored once", f"{kept} events", f"{stored} events")


def _positions(driver: sqlite3.Connection, heads: Mapping[int, int]) -> Check:
    rows = driver.execute("SELECT reader, shard, next, until FROM position")
    wrong = [
        f"'{reader}' of shard {shard} is at {place} of {heads.get(shard)}"
        for reader, shard, place, until in rows
        if not 0 <= place <= min(heads.get(shard, 0), until or heads.get(shard, 0))
    ]
    return _check("no reader is beyond the log", "none", _listed(wrong) or "none")


def _workers(driver: sqlite3.Connection) -> Check:
    counted, folded = driver.execute(
        "SELECT (SELECT coalesce(sum(events_count), 0) FROM worker),"
        " (SELECT coalesce(sum(next), 0) FROM position WHERE reader = ?)",
        (LIVE,),
    ).fetchone()
    return _check(
        "the workers' events are the events folded",
        f"{folded} events",
        f"{counted} events",
    )


def _readers(
    driver: sqlite3.Connection,
    heads: Mapping[int, int],
    statistics: Sequence[BoundStatistic],
) -> Sequence[_Reader]:
    """Return which range of which shard has been folded into which partial state."""
    stored = dict(driver.execute("SELECT name, version FROM statistic"))
    places = {
        (reader, shard): (place, until)
        for reader, shard, place, until in driver.execute(
            "SELECT reader, shard, next, until FROM position"
        )
    }
    ranges: dict[tuple[int, str, int, int], list[BoundStatistic]] = {}
    for each in statistics:
        if stored.get(each.name) != each.version:
            continue  # not served yet: nothing is stored that could be wrong
        for shard in heads:
            live, _ = places.get((LIVE, shard), (0, None))
            done, until = places.get((each.version, shard), (0, 0))
            ranges.setdefault((shard, LIVE, until or 0, live), []).append(each)
            ranges.setdefault((shard, each.version, 0, done), []).append(each)
    return [_reader(*place, group) for place, group in ranges.items()]


def _reader(
    shard: int, name: str, first: int, end: int, group: Sequence[BoundStatistic]
) -> _Reader:
    streams = by_stream(group)
    return _Reader(shard, name, first, end, streams, restore(streams, []))


def _fold(reader: _Reader, run: Run) -> None:
    """Fold what a run has within the reader's range."""
    if run.first < reader.first:
        run = part(run, min(run.count, reader.first - run.first))[1]
    if run.next > reader.end:
        run = part(run, max(0, reader.end - run.first))[0]
    if not run.count:
        return
    folded = fold(reader.streams, reader.totals, [run])
    reader.totals = folded.totals
    reader.set_aside |= {(each.version, each.offset) for each in folded.set_aside}


def _states(
    driver: sqlite3.Connection, statistic: BoundStatistic, readers: Sequence[_Reader]
) -> Check:
    rows = driver.execute(
        "SELECT reader, shard, state, events FROM partial WHERE version = ?",
        (statistic.version,),
    )
    stored = {(reader, shard): (state, events) for reader, shard, state, events in rows}
    wrong, expected = [], 0
    for reader in readers:
        total = reader.totals[statistic.version]
        state, events = stored.pop((reader.name, reader.shard), (None, 0))
        expected += total.events
        if events != total.events or not _same(statistic, total, state):
            wrong.append(
                f"'{reader.name}' of shard {reader.shard} has {events} events"
                f" for {total.events}, or another state"
            )
    wrong += [f"'{reader}' of shard {shard} has no range" for reader, shard in stored]
    right = f"the states of {expected} events"
    return _check(
        f"the statistic {statistic.name} is what the log adds up to",
        right,
        _listed(wrong) or right,
    )


def _same(statistic: BoundStatistic, total: Total, stored: bytes | None) -> bool:
    """Compare states; by their answers where the statistic allows for rounding."""
    if stored is None:
        return total.events == 0
    if stored == statistic.dump(total.state):
        return True
    try:
        state = statistic.load(stored)
    except Corrupt:
        return False
    now, then = statistic.answer([total.state]), statistic.answer([state])
    tolerance = statistic.statistic.tolerance
    return tolerance > 0 and alike(now.value, then.value, tolerance)


def _set_aside(
    driver: sqlite3.Connection, statistic: BoundStatistic, readers: Sequence[_Reader]
) -> Check:
    stored = Counter(
        driver.execute(
            'SELECT shard, "offset" FROM rejected WHERE version = ?',
            (statistic.version,),
        )
    )
    right = Counter(
        (reader.shard, offset)
        for reader in readers
        for version, offset in reader.set_aside
        if version == statistic.version
    )
    found = f"{stored.total()} events"
    if stored != right:
        places = sorted((stored - right) + (right - stored))
        found += "; wrong: " + _listed(f"shard {s} offset {o}" for s, o in places)
    return _check(
        f"what {statistic.name} could not take is set aside once",
        f"{right.total()} events",
        found,
    )


def _once(driver: sqlite3.Connection) -> Iterator[Check]:
    tables = {row[0] for row in driver.execute("SELECT name FROM sqlite_schema")}
    for name, table, columns, where in ONCE:
        if table not in tables:
            continue
        rows = driver.execute(
            f"SELECT {columns} FROM {table} {where}"  # noqa: S608 - constants
            f" GROUP BY {columns} HAVING count(*) > 1"
        )
        found = _listed(" ".join(map(str, row)) for row in rows)
        yield _check(name, "none twice", found or "none twice")


def _check(name: str, expected: str, found: str) -> Check:
    return Check(name=name, ok=expected == found, expected=expected, found=found)


def _listed(faults: Iterable[str]) -> str:
    """Return the first few, and how many there are besides."""
    every = list(faults)
    more = len(every) - FAULTS_SHOWN
    shown = ", ".join(every[:FAULTS_SHOWN])
    return f"{shown} and {more} more" if more > 0 else shown
