"""Following a server's live events: connects, and connects again where it left off.

A loss is told once, and so is the return. The server says when to come back, which
spreads its readers; after that each wait is random up to a bound that grows.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

import httpx2

from tallymill.cli.connection import Busy, problem_of
from tallymill.cli.terminal import note
from tallymill.kernel.backoff import Backoff
from tallymill.kernel.errors import Unavailable
from tallymill.live.frames import SseEvent, SseReader

WAIT_MOST_S: Final = 5.0
#: Three heartbeats: whoever is silent for longer is gone.
TIMEOUT: Final = httpx2.Timeout(5.0, read=45.0)
_BACKOFF: Final = Backoff(first_s=0.5, most_s=WAIT_MOST_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to follow."""

    url: str  #: of the server, without a slash at the end
    streams: Sequence[str]
    subjects: Sequence[str]  #: none is all
    after: str  #: where to begin: an id, "start", or empty for now

    def body(self) -> dict[str, object]:
        """Return it as `POST /events/live` takes it."""
        return {
            "stream": list(self.streams),
            "subjects": list(self.subjects) or None,
            "after": self.after,
        }


def follow(
    wanted: Wanted, *, sleep: Callable[[float], None] = time.sleep
) -> Iterator[SseEvent]:
    """Yield events for ever, through every loss of a connection that once stood.

    Raises:
        Refused: The server does not take what is asked for.
        Unavailable: It could not be reached at first.
    """
    random = Random()  # noqa: S311 - spreads retries, guards no secret
    reader = SseReader(wanted.after)
    failures = itertools.count(1)
    has_stood = is_lost = False
    with httpx2.Client(base_url=wanted.url, timeout=TIMEOUT, trust_env=False) as client:
        while True:
            try:
                for event in _read(client, wanted, reader):
                    if is_lost:
                        note("The line is back.")
                    has_stood, is_lost, failures = True, False, itertools.count(1)
                    if event is not None:
                        yield event
                reason: Exception = Unavailable("The server has ended the stream.")
            except (httpx2.HTTPError, Unavailable) as error:
                reason = error
            if not has_stood:
                raise Unavailable(
                    f"Cannot reach {wanted.url} ({reason}); is `tallymill serve` "
                    "running there?"
                ) from reason
            attempt = next(failures)
            if not is_lost:
                is_lost = True
                note(f"The line is lost ({reason}); trying again ...")
            sleep(_wait_s(reason, reader, attempt, random.random()))
            reader = SseReader(reader.last_event_id)


def _read(
    client: httpx2.Client, wanted: Wanted, reader: SseReader
) -> Iterator[SseEvent | None]:
    """Yield what one connection brings, and first None once it stands."""
    body = {**wanted.body(), "after": reader.last_event_id}
    with client.stream("POST", "/events/live", json=body) as response:
        if response.status_code != 200:
            response.read()
            raise problem_of(response)
        yield None
        for piece in response.iter_raw():
            yield from reader.feed(piece)


def _wait_s(reason: Exception, reader: SseReader, attempt: int, chance: float) -> float:
    if isinstance(reason, Busy):
        return min(reason.retry_after_s, WAIT_MOST_S)
    if reader.retry_ms is not None and attempt == 1:
        return min(reader.retry_ms / 1000, WAIT_MOST_S)
    return max(0.05, _BACKOFF.wait_s(attempt, chance))
