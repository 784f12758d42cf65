"""`PUT /{account_id}`: an event for an account. Raw ASGI; counted by the thousand.

What the query string cannot carry goes as the body, whatever its content type says
it is; it has to be UTF-8. Refusals of a single event are values here, not exceptions.
"""

from dataclasses import replace
from datetime import datetime
from operator import itemgetter
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec

from tallymill.accounts.model import (
    TEXT_BYTES_MOST,
    AccountEvent,
    Verdict,
    check_text,
    read_account_id,
)
from tallymill.accounts.register import no_account
from tallymill.events.jsontext import check_utf8
from tallymill.events.model import Event
from tallymill.kernel.errors import Malformed, NotAllowed, TallymillError
from tallymill.web.asgi import Receive, Scope, Send, header, whole
from tallymill.web.body import BodyReader, has_body
from tallymill.web.formats import read_media_type
from tallymill.web.keys import request_key
from tallymill.web.metrics import Metrics
from tallymill.web.problems import send_problem
from tallymill.web.query import read_query
from tallymill.web.services import Services

_ONLY_DATA: Final = b"data="
_KNOWN: Final = frozenset({"data"})
#: Without any of these a request is what its first line says.
TELLING: Final = frozenset(
    {b"content-length", b"transfer-encoding", b"idempotency-key", b"x-request-id"}
)
_NAME: Final = itemgetter(0)
#: What an event weighs besides its data.
_EVENT_BYTES: Final = 80
_ACCEPTED: Final = b'{"accepted":1}'
STORED: Final = whole(202, _ACCEPTED)
REPLAYED: Final = whole(202, _ACCEPTED, headers=((b"idempotency-replayed", b"true"),))

_encode = msgspec.json.Encoder().encode


class PutEvent:
    """Stores an account's event and answers once it is durable."""

    def __init__(
        self, services: Services, reader: BodyReader, metrics: Metrics
    ) -> None:
        self._accounts = services.accounts
        self._clock = services.clock
        self._metrics = metrics
        self._reader = replace(reader, limit_bytes=TEXT_BYTES_MOST)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        account_id = read_account_id(scope["path"][1:])
        if TELLING.isdisjoint(map(_NAME, scope["headers"])):
            key, life_s, text = None, 0, text_of(scope["query_string"])
        else:
            key, life_s = request_key(scope)
            text = await self._text(scope, receive)
        verdict = await self._accounts.put(
            account_event(account_id, text, self._clock.now(), key, life_s)
        )
        if verdict is Verdict.STORED:
            await send(STORED[0])
            await send(STORED[1])
            return
        await self._otherwise(scope, send, verdict)

    async def _text(self, scope: Scope, receive: Receive) -> str:
        """Return the text of a request that may have a body."""
        if not has_body(scope):
            return text_of(scope["query_string"])
        if scope["query_string"]:
            read_query(scope["query_string"], _KNOWN)
            raise Malformed("The data comes twice; send it as ?data= or as the body.")
        read_media_type(header(scope, b"content-type") or b"")
        with self._reader.share() as share:
            body = bytes(await self._reader.read(scope, receive, share))
        if not body:
            raise _no_data()
        check_utf8(body)
        return body.decode()

    async def _otherwise(self, scope: Scope, send: Send, verdict: Verdict) -> None:
        """Answer for an event that was not stored now."""
        if verdict is Verdict.SEEN_BEFORE:
            await send(REPLAYED[0])
            await send(REPLAYED[1])
            return
        error = refusal(verdict, scope["path"][1:])
        status = await send_problem(scope, send, error)
        self._metrics.refused.labels(str(status)).inc()


def account_event(
    account_id: int, text: str, at: datetime, key: str | None = None, life_s: int = 0
) -> AccountEvent:
    """Return an account's event: its data is the text, its subject the id."""
    data = _encode(text)
    event = Event(at, msgspec.Raw(data), subject=str(account_id))
    return AccountEvent(account_id, event, len(data) + _EVENT_BYTES, key, life_s)


def refusal(verdict: Verdict, named: str) -> TallymillError:
    """Return why an event was not stored; `named` is the id as sent."""
    if verdict is Verdict.INACTIVE:
        return NotAllowed(
            f"Account {named} is not active, so it takes no events; "
            f"PATCH /accounts/{named} can change that."
        )
    return no_account(named[:80])


def text_of(query: bytes) -> str:
    """Return the data of a query string.

    Raises:
        Malformed: There is none, or it is no UTF-8.
        Invalid: There is something else.
        TooLarge: It is over 64 KiB.
    """
    if not query.startswith(_ONLY_DATA) or b"&" in query:
        text = read_query(query, _KNOWN).get("data", "")
    else:
        text = _unquoted(query[len(_ONLY_DATA) :])
    if not text:
        raise _no_data()
    check_text(text)
    return text


def _unquoted(value: bytes) -> str:
    if b"+" in value:
        value = value.replace(b"+", b" ")
    if b"%" in value:
        value = unquote_to_bytes(value)
    try:
        return value.decode()
    except UnicodeDecodeError as exc:
        raise Malformed("The query is not UTF-8 in percent-encoding.") from exc


def _no_data() -> Malformed:
    return Malformed(
        "The data is missing; send it as ?data=... in the query, or as the body."
    )
