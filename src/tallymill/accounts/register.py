"""All that can be done with accounts; what the web and the assembly hold."""

import asyncio
import secrets
from collections.abc import Callable, Sequence

import structlog

from tallymill.accounts.directory import Directory
from tallymill.accounts.intake import Intake
from tallymill.accounts.model import (
    CHOSEN_ID_MOST,
    Account,
    AccountEvent,
    AccountPage,
    Draft,
    Saved,
    Verdict,
    check_name,
)
from tallymill.accounts.ports import AccountStore
from tallymill.kernel.errors import Fault, Invalid, NotFound

log = structlog.get_logger("tallymill.accounts")


class Accounts:
    """The register of accounts, and the way in for their events."""

    def __init__(
        self, store: AccountStore, *, admit: Callable[[], None], seed: int = 0
    ) -> None:
        """Make a register.

        Args:
            store: Started before this is.
            admit: Raises Overloaded while too much waits to be folded.
            seed: How many accounts an empty database begins with, >= 0.
        """
        self._store = store
        self._seed = seed
        self._directory = Directory(store)
        self._intake = Intake(store, admit)

    async def start(self) -> None:
        """Fill an empty database with accounts of random names."""
        if not self._seed:
            return
        names = [secrets.token_hex(16) for _ in range(self._seed)]
        if await self._store.seed(names):
            log.info("accounts.seeded", accounts=self._seed)

    async def stop(self) -> None:
        """End every task."""
        await self._directory.stop()

    def find(self, account_id: int) -> "asyncio.Future[Account | None]":
        """Return a future of an account; of None if there is none."""
        return self._directory.find(account_id)

    def put(self, event: AccountEvent) -> "asyncio.Future[Verdict]":
        """Return a future of what becomes of an event; done once that is durable."""
        return self._intake.put(event)

    async def get(self, account_id: int) -> Account:
        """Return an account.

        Raises:
            NotFound: There is none.
        """
        account = await self._directory.find(account_id)
        if account is None:
            raise no_account(account_id)
        return account

    async def add(self, draft: Draft) -> Account:
        """Make an account.

        Raises:
            Invalid: Its name may not be one.
        """
        check_name(draft.name)
        saved = await self._store.save([draft])
        return saved.accounts[0]

    async def save(self, drafts: Sequence[Draft]) -> Saved:
        """Make or change accounts, all or none.

        Raises:
            Invalid: A name or an id may not be one; each is listed.
        """
        faults = [
            fault
            for place, draft in enumerate(drafts)
            for fault in _faults(place, draft)
        ]
        if faults:
            raise Invalid(
                f"Accounts are wrong: {faults[0].pointer} {faults[0].detail}.",
                faults=faults,
            )
        return await self._store.save(drafts)

    async def change(
        self, account_id: int, *, name: str | None, is_active: bool | None
    ) -> Account:
        """Change what is not None of an account.

        Raises:
            NotFound: There is none.
            Invalid: The name may not be one.
        """
        if name is not None:
            check_name(name)
        account = await self._store.change(account_id, name=name, is_active=is_active)
        if account is None:
            raise no_account(account_id)
        return account

    async def page(
        self, *, search: str | None, is_active: bool | None, after: int, limit: int
    ) -> AccountPage:
        """Return accounts by ascending id; see `AccountStore.page`."""
        return await self._store.page(
            search=search, is_active=is_active, after=after, limit=limit
        )


def no_account(account_id: int | str) -> NotFound:
    """Return the refusal of an id that is nobody's."""
    return NotFound(f"There is no account {account_id}; GET /accounts lists them.")


def _faults(place: int, draft: Draft) -> Sequence[Fault]:
    try:
        check_name(draft.name, f"/{place}/Name")
    except Invalid as error:
        return error.faults
    if draft.id is not None and not 1 <= draft.id <= CHOSEN_ID_MOST:
        what = f"must be from 1 to {CHOSEN_ID_MOST}, not {draft.id}"
        return [Fault(f"/{place}/ID", what)]
    return ()
