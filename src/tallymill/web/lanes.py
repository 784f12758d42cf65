"""What goes in the fast lane: `PUT` and `GET` of an account, and the rate.

Each takes a request only if nothing about it could be refused but by the account
itself; the routes of `put_event`, `accounts` and `root` have the rest, and the words.
"""

import asyncio
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any, Final

from tallymill.accounts.model import Account, Verdict
from tallymill.accounts.register import no_account
from tallymill.kernel.errors import TallymillError
from tallymill.web.accounts import account_messages
from tallymill.web.drain import Drain
from tallymill.web.front import BY_NUMBER
from tallymill.web.lane import Answer, Finish, Head
from tallymill.web.metrics import Metrics
from tallymill.web.origins import Origins
from tallymill.web.problems import problem_messages
from tallymill.web.put_event import (
    STORED,
    TELLING,
    account_event,
    refusal,
    text_of,
)
from tallymill.web.root import rate_messages
from tallymill.web.services import Services

Taken = Answer | tuple["asyncio.Future[Any]", Finish]

#: With any of these a write is looked at more closely.
_TELLING: Final = TELLING | {b"origin", b"sec-fetch-site"}
#: Ids that a lane takes have no more digits, so all of them are 63-bit integers.
_DIGITS_MOST: Final = 18
_STORED: Final = Answer(*STORED)


class HotLanes:
    """`Lanes` of this server's hottest routes."""

    def __init__(
        self, services: Services, *, drain: Drain, metrics: Metrics, origins: Origins
    ) -> None:
        self._origins = origins
        self._host: bytes | None = (
            b"\n"  #: the last that was ours; mostly the next one, too
        )
        self._accounts = services.accounts
        self._ingest = services.ingest
        self._clock = services.clock
        self._drain = drain
        self._metrics = metrics
        self._rate_took = metrics.seconds.labels("GET /").observe
        self._put_took = metrics.seconds.labels(f"PUT {BY_NUMBER}").observe
        self._get_took = metrics.seconds.labels(f"GET {BY_NUMBER}").observe

    def take(self, method: bytes, url: bytes, headers: Head) -> Taken | None:
        """See `Lanes.take`."""
        if self._drain.has_begun:
            return None
        named = dict(headers)
        host = named.get(b"host")
        if len(named) < len(headers):
            return None
        if host != self._host:
            if not self._origins.is_ours(host):
                return None
            self._host = host
        if method == b"PUT":
            return self._put(url, named)
        if method == b"GET" and TELLING.isdisjoint(named):
            return self._rate(named) if url == b"/" else self._get(url)
        return None

    def _get(self, url: bytes) -> Taken | None:
        account_id = _id_of(url)
        if not account_id:
            return None
        finish = partial(self._finish_get, account_id, self._clock.monotonic_s())
        return self._accounts.find(account_id), finish

    def _rate(self, headers: Mapping[bytes, bytes]) -> Answer | None:
        if b"text/html" in headers.get(b"accept", b""):
            return None
        began_s = self._clock.monotonic_s()
        answer = _rate_answer(self._ingest.rate())
        self._rate_took(self._clock.monotonic_s() - began_s)
        return answer

    def _put(self, url: bytes, headers: Mapping[bytes, bytes]) -> Taken | None:
        path, _, query = url.partition(b"?")
        account_id = _id_of(path)
        if not account_id or not _TELLING.isdisjoint(headers):
            return None
        try:
            text = text_of(query)
        except TallymillError:
            return None  # the ordinary way says why
        finish = partial(self._finish_put, account_id, self._clock.monotonic_s())
        event = account_event(account_id, text, self._clock.now())
        return self._accounts.put(event), finish

    def _finish_put(
        self, account_id: int, began_s: float, done: "asyncio.Future[Verdict]"
    ) -> Answer:
        self._put_took(self._clock.monotonic_s() - began_s)
        error = done.exception()
        if error is not None:
            return self._refused(error)
        verdict = done.result()
        if verdict is Verdict.STORED:
            return _STORED
        return self._refused(refusal(verdict, str(account_id)))

    def _finish_get(
        self, account_id: int, began_s: float, done: "asyncio.Future[Account | None]"
    ) -> Answer:
        self._get_took(self._clock.monotonic_s() - began_s)
        error = done.exception()
        if error is not None:
            return self._refused(error)
        account = done.result()
        if account is None:
            return self._refused(no_account(account_id))
        return Answer(*account_messages(account))

    def _refused(self, error: BaseException) -> Answer:
        start, body = problem_messages(error)
        self._metrics.refused.labels(str(start["status"])).inc()
        return Answer(start, body)


def _id_of(path: bytes) -> int:
    """Return the id that a path consists of; 0 if that takes a closer look."""
    digits = path[1:]
    if not digits.isdigit() or len(digits) > _DIGITS_MOST or path[0] != 0x2F:
        return 0
    return int(digits)


@lru_cache(maxsize=64)
def _rate_answer(rate: int) -> Answer:
    return Answer(*rate_messages(rate))
