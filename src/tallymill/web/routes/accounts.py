"""`/accounts`: the list with its search, changes, and many at once; and `GET /rate`."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Response, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from tallymill.accounts.model import ID_MOST, Draft, read_account_id
from tallymill.kernel.errors import Invalid
from tallymill.web.accounts import AccountBody, account_body
from tallymill.web.routes.events import next_link
from tallymill.web.services import Services

#: In one request of POST /accounts.
MANY: int = 10_000


class AccountsBody(msgspec.Struct, frozen=True):
    """Some accounts, by their ids."""

    accounts: list[AccountBody]
    total: int | msgspec.UnsetType = msgspec.UNSET  #: how many match; on the first page


class AccountChange(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"name": "Name", "is_active": "IsActive"},
):
    """What shall be otherwise; what is left out stays."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    is_active: bool | msgspec.UnsetType = msgspec.UNSET


class AccountDraft(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"id": "ID", "name": "Name", "is_active": "IsActive"},
):
    """An account as it shall be; without an id it is a new one."""

    name: str
    is_active: bool = True
    id: int | msgspec.UnsetType = msgspec.UNSET


class SavedBody(msgspec.Struct, frozen=True, kw_only=True):
    """What became of many accounts."""

    added: int
    changed: int
    unchanged: int


class RateBody(msgspec.Struct, frozen=True, kw_only=True):
    """How many events were accepted lately."""

    rate: int  #: in the last second
    until: datetime  #: where the last second of the history ends
    history: list[int]  #: in each of 300 seconds, oldest first


def account_routes(services: Services) -> list[HTTPRouteHandler]:
    """Return the routes of accounts that are not hot."""
    return [*_reading(services), *_changing(services), _rate(services)]


def _reading(services: Services) -> list[HTTPRouteHandler]:
    accounts = services.accounts

    @get("/accounts", tags=["accounts"])
    async def list_accounts(
        name: Annotated[
            str | None,
            QueryParameter(description="Has this in its name, whatever the case."),
        ] = None,
        active: FromQuery[bool | None] = None,
        after: Annotated[
            int,
            QueryParameter(
                ge=0, le=ID_MOST, description="From the Link of the page before."
            ),
        ] = 0,
        limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 100,
    ) -> Response[AccountsBody]:
        """Return accounts by their ids; `Link` leads to the next page."""
        page = await accounts.page(
            search=name, is_active=active, after=after, limit=limit
        )
        body = AccountsBody(
            [account_body(each) for each in page.accounts],
            msgspec.UNSET if page.total is None else page.total,
        )
        shown = None if active is None else str(active).lower()
        asked = {"name": name, "active": shown, "limit": limit}
        following = None if page.next_after is None else str(page.next_after)
        return Response(body, headers=next_link("/accounts", asked, following))

    @get("/accounts/{account_id:str}", tags=["accounts"])
    async def show_account(account_id: FromPath[str]) -> AccountBody:
        """Return an account."""
        return account_body(await accounts.get(read_account_id(account_id)))

    return [list_accounts, show_account]


def _changing(services: Services) -> list[HTTPRouteHandler]:
    accounts = services.accounts

    @patch("/accounts/{account_id:str}", tags=["accounts"])
    async def patch_account(
        account_id: FromPath[str], data: JSONBody[AccountChange]
    ) -> AccountBody:
        """Change an account's name, or whether it takes events; from now on."""
        changed = await accounts.change(
            read_account_id(account_id),
            name=None if data.name is msgspec.UNSET else data.name,
            is_active=None if data.is_active is msgspec.UNSET else data.is_active,
        )
        return account_body(changed)

    @post("/accounts", status_code=200, tags=["accounts"])
    async def save_accounts(data: JSONBody[list[AccountDraft]]) -> SavedBody:
        """Make or change many accounts, all or none; at most 10,000 at once.

        One with an `ID` makes or changes that account, so it may be sent again.
        """
        if len(data) > MANY:
            raise Invalid(
                f"{len(data)} accounts are too many; send {MANY} at once at most."
            )
        saved = await accounts.save([_draft(each) for each in data])
        return SavedBody(
            added=saved.added,
            changed=saved.changed,
            unchanged=len(data) - saved.added - saved.changed,
        )

    return [patch_account, save_accounts]


def _rate(services: Services) -> HTTPRouteHandler:
    @get("/rate", tags=["events"])
    async def get_rate_history() -> RateBody:
        """Return how many events were accepted in each of the last 300 seconds."""
        history = services.ingest.history()
        return RateBody(
            rate=services.ingest.rate(),
            until=history.until,
            history=list(history.counts),
        )

    return get_rate_history


def _draft(asked: AccountDraft) -> Draft:
    return Draft(
        name=asked.name,
        is_active=asked.is_active,
        id=None if asked.id is msgspec.UNSET else asked.id,
    )
