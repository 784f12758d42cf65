"""A queue of runs: whatever is offered, every event is taken once, in order."""

from datetime import UTC, datetime

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from tallymill.events.model import Event, ShardId
from tallymill.events.ports import Run
from tallymill.workers.queue import RunQueue

AT = datetime(2026, 11, 21, tzinfo=UTC)
STREAMS = ("a", "b", "unwanted", "unwanted too")
WANTED = {"a", "b"}
EVENTS_MAX = 12


class Following(RuleBasedStateMachine):
    """A log that grows, and a queue that hears of it: in part, late, or twice."""

    def __init__(self):
        super().__init__()
        self.log: list[Run] = []
        self.head = 0
        self.taken = 0
        self.queue = RunQueue(0, 0, wanted=WANTED, events_max=EVENTS_MAX)

    def stored(self, stream, count):
        first, self.head = self.head, self.head + count
        run = Run(
            shard=ShardId(0),
            stream=stream,
            first=first,
            count=count,
            events=[Event(AT, id=str(first + n)) for n in range(count)],
        )
        self.log.append(run)
        return run

    @rule(stream=st.sampled_from(STREAMS), count=st.integers(1, 9))
    def append_and_offer(self, stream, count):
        self.queue.offer(self.stored(stream, count))

    @rule(stream=st.sampled_from(STREAMS), count=st.integers(1, 9))
    def append_unheard(self, stream, count):
        self.stored(stream, count)

    @precondition(lambda self: self.log)
    @rule(data=st.data())
    def offer_again(self, data):
        self.queue.offer(data.draw(st.sampled_from(self.log)))

    @precondition(lambda self: self.queue.behind)
    @rule(events_max=st.integers(1, 30))
    def refill(self, events_max):
        """Read the log as `EventLog.read` does."""
        first, runs = self.queue.next, []
        for run in self.log:
            if run.next <= first or events_max <= 0:
                continue
            skip = max(0, first - run.first)
            events = run.events[skip:] if run.stream in WANTED else None
            runs.append(
                Run(
                    shard=run.shard,
                    stream=run.stream,
                    first=run.first + skip,
                    count=run.count - skip,
                    events=events,
                )
            )
            events_max -= runs[-1].count
        self.queue.refill(runs)
        assert not self.queue.behind

    @precondition(lambda self: self.queue.waiting)
    @rule(data=st.data())
    def take(self, data):
        length = data.draw(st.integers(1, self.queue.waiting))
        runs = self.queue.take(length)
        for run in runs:
            assert run.first == self.taken
            assert run.count > 0
            assert (run.events is None) == (run.stream not in WANTED)
            if run.events is not None:
                assert [event.id for event in run.events] == [
                    str(run.first + n) for n in range(run.count)
                ]
            for offset in range(run.first, run.next):
                assert run.stream == self.stream_of(offset)
            self.taken = run.next
        assert sum(run.count for run in runs) == length

    @rule()
    def begin_again(self):
        """As after a failed commit: a new queue from where the ledger is."""
        self.queue = RunQueue(
            self.taken, self.queue.head, wanted=WANTED, events_max=EVENTS_MAX
        )

    @invariant()
    def knows_where_it_is(self):
        assert self.queue.next == self.taken
        assert self.taken + self.queue.waiting <= self.queue.head <= self.head
        assert self.queue._held == sum(
            run.count for run in self.queue._runs if run.events is not None
        )

    def stream_of(self, offset):
        return next(run.stream for run in self.log if run.first <= offset < run.next)

    def teardown(self):
        """Nothing is ever stuck: once it hears the head, all can be taken."""
        self.stored("a", 1)
        self.queue.offer(self.log[-1])
        while self.taken < self.head:
            if self.queue.behind:
                self.refill(5)
            length = self.queue.waiting
            assert length > 0
            self.taken = self.queue.take(length)[-1].next


TestFollowing = Following.TestCase
TestFollowing.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None
)
