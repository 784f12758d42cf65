"""`POST /result` and `GET /result`: bodies in as they come, and out as they came.

Raw ASGI: the first is counted by the thousand a second, the second streams bodies
verbatim, which no encoder may touch.
"""

from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import urlencode

from tallymill.results.model import Posted, Receipt, ResultPage
from tallymill.results.ports import PAGE_MAX, ResultStore
from tallymill.web.asgi import JSON, SAFE_HEADERS, Receive, Scope, Send, answer
from tallymill.web.body import BodyReader
from tallymill.web.formats import check_is_json
from tallymill.web.json_body import check_json
from tallymill.web.keys import idempotency_key
from tallymill.web.query import read_query, read_whole
from tallymill.web.services import Services

_STORED: Final = b'{"stored":true}'
_SEEN: Final = b'{"stored":false}'
_REPLAYED: Final = ((b"idempotency-replayed", b"true"),)
_NO_QUERY: Final[frozenset[str]] = frozenset()
_KNOWN: Final = frozenset({"limit", "after"})
#: Bodies read from the store at once while all of them are sent.
_STEP: Final = 200


class PostResult:
    """Stores any JSON value, once for each `Idempotency-Key`."""

    def __init__(self, services: Services, reader: BodyReader) -> None:
        self._results = services.results
        self._clock = services.clock
        self._limits = services.limits
        self._reader = reader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: 201 once it is durable, 200 if the key was known."""
        read_query(scope["query_string"], _NO_QUERY)
        check_is_json(scope)
        key = idempotency_key(scope)
        with self._reader.share() as share:
            body = bytes(await self._reader.read(scope, receive, share))
            check_json(body, self._limits)
            receipt = await self._results.receive(
                Posted(body=body, received_at=self._clock.now(), key=key)
            )
        if receipt is Receipt.STORED:
            await answer(send, 201, _STORED)
            return
        await answer(send, 200, _SEEN, headers=_REPLAYED)


class GetResult:
    """Gives back every body posted, oldest first, as a JSON array."""

    def __init__(self, services: Services) -> None:
        self._results = services.results

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        """Answer one request: a page if `limit` or `after` is given, else all."""
        query = read_query(scope["query_string"], _KNOWN)
        limit = read_whole(query, "limit", least=1, most=PAGE_MAX)
        after = read_whole(query, "after", least=0, most=2**63 - 1) or 0
        if query:
            await self._send_page(send, after, limit or PAGE_MAX)
            return
        await _start(send)
        async for piece in _everything(self._results):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _send_page(self, send: Send, after: int, limit: int) -> None:
        page = await self._results.page(after=after, limit=limit)
        total = (b"x-total-count", b"%d" % await self._results.count())
        headers = (total, *_next_link(page, limit))
        await answer(send, 200, _array(page), headers=headers)


def _array(page: ResultPage) -> bytes:
    return b"[" + b",".join(each.body for each in page.results) + b"]"


def _next_link(page: ResultPage, limit: int) -> tuple[tuple[bytes, bytes], ...]:
    if page.next_after is None:
        return ()
    query = urlencode({"limit": limit, "after": page.next_after})
    return ((b"link", f'</result?{query}>; rel="next"'.encode("ascii")),)


async def _start(send: Send) -> None:
    headers = [(b"content-type", JSON), *SAFE_HEADERS]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def _everything(results: ResultStore) -> AsyncIterator[bytes]:
    """Yield the pieces of an array of all bodies that were there at the beginning."""
    last = await results.count()
    sent, after, separator = 0, 0, b"["
    while sent < last:
        page = await results.page(after=after, limit=min(_STEP, last - sent))
        for each in page.results:
            yield separator + each.body
            separator = b","
        sent += len(page.results)
        if page.next_after is None:
            break
        after = page.next_after
    yield b"[]" if separator == b"[" else b"]"
