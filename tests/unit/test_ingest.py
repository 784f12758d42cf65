"""The way in: placing events on shards, refusing when too much waits."""

from datetime import UTC, datetime

import pytest

from tallymill.events.ingest import Ingest, retry_after_s
from tallymill.events.model import Event
from tallymill.events.ports import Receipt, Run
from tallymill.events.sharding import shard_of
from tallymill.kernel.clock import ManualClock
from tallymill.kernel.errors import Overloaded

AT = datetime(2026, 11, 21, tzinfo=UTC)


class Kept:
    """An event log that keeps what it is handed, in memory."""

    def __init__(self):
        self.appends = []
        self.keys = set()
        self.listeners = []

    def subscribe(self, listener):
        self.listeners.append(listener)

    def tell(self, append):
        runs = [
            Run(shard=to, stream="s", first=0, count=len(events), events=events)
            for to, events in append.shares
        ]
        for listener in self.listeners:
            listener(runs)

    async def append(self, append):
        self.appends.append(append)
        replayed = append.key in self.keys
        self.keys |= {append.key} - {None}
        if not replayed:
            self.tell(append)
        return Receipt(
            accepted=sum(len(events) for _, events in append.shares),
            duplicates=0,
            note=append.note,
            replayed=replayed,
            runs=(),
        )


class Waiting:
    """A backlog of a given length."""

    def __init__(self, waiting=0, per_s=0.0):
        self.waiting, self.per_s = waiting, per_s

    def pending(self):
        return self.waiting

    def folded_per_s(self):
        return self.per_s


@pytest.fixture
def log():
    return Kept()


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def backlog():
    return Waiting()


@pytest.fixture
def ingest(log, clock, backlog):
    return Ingest(log, clock, backlog, shards=5, backlog_max=1000)


async def accept(ingest, *events, **more):
    return await ingest.accept(events, stream="events", size_bytes=59, **more)


async def test_events_without_subject_are_spread_and_lone_ones_go_round(ingest, log):
    for _ in range(5):
        await accept(ingest, Event(AT))
    await accept(ingest, *[Event(AT)] * 12)

    lone = [append.shares[0][0] for append in log.appends[:5]]
    assert sorted(lone) == [0, 1, 2, 3, 4]
    assert sorted(len(events) for _, events in log.appends[5].shares) == [2, 2, 2, 3, 3]


async def test_a_subject_decides_the_shard(ingest, log):
    await accept(ingest, Event(AT, subject="42"), Event(AT, subject="42"))

    ((shard, events),) = log.appends[0].shares
    assert (shard, len(events)) == (shard_of("42", 5), 2)


async def test_a_single_shard_takes_all_in_order(ingest, log):
    events = [Event(AT, subject=str(n % 7)) for n in range(50)]
    seen = set()
    for _ in range(60):
        await accept(ingest, *events, single_shard=True)
        ((shard, share),) = log.appends[-1].shares
        assert share == events
        seen.add(shard)

    assert seen == {0, 1, 2, 3, 4}


async def test_ids_key_and_note_reach_the_log(ingest, log):
    await accept(ingest, Event(AT), Event(AT, id="x"), key="k", note=b"n")
    await accept(ingest, Event(AT))

    first, second = log.appends
    assert (first.has_ids, first.key, first.note) == (True, "k", b"n")
    assert (second.has_ids, second.key, second.size_bytes) == (False, None, 59)


async def test_of_a_repeated_id_the_first_event_is_kept_whatever_its_shard(ingest, log):
    """
    Events without a subject are placed first; their order must not decide.
    """
    first, other = Event(AT, id="x", subject="42"), Event(AT, subject="42")
    await accept(ingest, first, other, Event(AT, id="x"), Event(AT, id="x"), other)

    (append,) = log.appends
    assert append.shares == [(shard_of("42", 5), [first, other, other])]
    assert append.repeats == 2


async def test_the_rate_counts_what_was_stored_in_the_last_second(ingest, clock):
    await accept(ingest, *[Event(AT)] * 7, key="k")
    await accept(ingest, *[Event(AT)] * 7, key="k")
    clock.advance(0.5)
    await accept(ingest, Event(AT))

    assert ingest.rate() == 8
    clock.advance(0.6)
    assert ingest.rate() == 1


async def test_too_long_a_backlog_is_refused_with_the_time_it_takes(ingest, backlog):
    backlog.waiting = 1000
    ingest.admit()
    backlog.waiting, backlog.per_s = 1001, 67.0

    with pytest.raises(Overloaded, match="1001 accepted events wait") as refused:
        ingest.admit()
    assert refused.value.retry_after_s == 3.0


@pytest.mark.parametrize(
    ("waiting", "per_s", "seconds"),
    [
        (1001, 0.0, 5.0),
        (1001, 1e9, 1.0),
        (1800, 100.0, 10.0),
        (1_000_000, 1.0, 60.0),
        (1001, -3.0, 5.0),
    ],
)
def test_the_time_to_come_back_is_honest_and_bounded(waiting, per_s, seconds):
    assert retry_after_s(waiting, 1000, per_s) == seconds
