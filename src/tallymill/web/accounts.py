"""`GET /{account_id}` and `POST /`: raw ASGI, as seed and script know them.

The cold routes of accounts are in `routes/accounts`.
"""

from typing import Final

import msgspec

from tallymill.accounts.model import Account, Draft, read_account_id
from tallymill.accounts.register import no_account
from tallymill.events.model import Limits
from tallymill.web.asgi import Message, Receive, Scope, Send, answer, json_start
from tallymill.web.body import BodyReader
from tallymill.web.faults import body_fault
from tallymill.web.formats import check_is_json
from tallymill.web.json_body import check_json
from tallymill.web.metrics import Metrics
from tallymill.web.problems import send_problem
from tallymill.web.query import read_query
from tallymill.web.services import Services

_NO_QUERY: Final[frozenset[str]] = frozenset()
_NAMES: Final = {"id": "ID", "name": "Name", "is_active": "IsActive"}


class AccountBody(msgspec.Struct, frozen=True, rename=_NAMES):
    """An account."""

    id: int
    name: str
    is_active: bool


class AccountAsked(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename=_NAMES
):
    """An account to be made."""

    name: str  #: 1 to 255 characters
    is_active: bool = True


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(AccountAsked).decode


class GetAccount:
    """Answers with one account, as it is now."""

    def __init__(self, services: Services, metrics: Metrics) -> None:
        self._accounts = services.accounts
        self._metrics = metrics

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["query_string"]:
            read_query(scope["query_string"], _NO_QUERY)
        account = await self._accounts.find(read_account_id(scope["path"][1:]))
        if account is None:
            error = no_account(scope["path"][1:81])
            status = await send_problem(scope, send, error)
            self._metrics.refused.labels(str(status)).inc()
            return
        for message in account_messages(account):
            await send(message)


class PostAccount:
    """Makes an account and answers once it is durable."""

    def __init__(self, services: Services, reader: BodyReader, limits: Limits) -> None:
        self._accounts = services.accounts
        self._reader = reader
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: 201, `Location`, and the account."""
        read_query(scope["query_string"], _NO_QUERY)
        check_is_json(scope)
        with self._reader.share() as share:
            body = bytes(await self._reader.read(scope, receive, share))
        asked = self._read(body)
        account = await self._accounts.add(
            Draft(name=asked.name, is_active=asked.is_active)
        )
        location = (b"location", b"/%d" % account.id)
        await answer(send, 201, _encode(account_body(account)), headers=(location,))

    def _read(self, body: bytes) -> AccountAsked:
        check_json(body, self._limits)
        try:
            return _decode(body)
        except msgspec.ValidationError as error:
            raise body_fault(error) from error


def account_messages(account: Account) -> tuple[Message, Message]:
    """Return the answer that tells an account."""
    body = _encode(account_body(account))
    return json_start(200, len(body)), {"type": "http.response.body", "body": body}


def account_body(account: Account) -> AccountBody:
    """Return an account as it is told."""
    return AccountBody(account.id, account.name, account.is_active)
