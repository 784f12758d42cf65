"""The accounts as the room sees them stored."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from tallymill.accounts.model import (
    Account,
    AccountEvent,
    AccountPage,
    Draft,
    Saved,
    Verdict,
)

PAGE_MAX = 1000


class AccountStore(Protocol):
    """Durable accounts by id, and the way for events to them into the log."""

    async def find(self, ids: Collection[int]) -> Mapping[int, Account]:
        """Return those of the ids that are there, as they are at one moment.

        The moment is after the call began: what was changed before is seen.

        Raises:
            Unavailable: The store cannot be read now.
        """
        ...

    async def take(self, events: Sequence[AccountEvent]) -> Sequence[Verdict]:
        """Store those events whose account is there and active; durably.

        The check and the append are one transaction, so a change of an account counts
        for every event that is handed over after it. Events of one account are stored
        in the order in which they were handed over. An event whose key was stored
        within its life is not stored again; the key of a refused one is not kept.
        What is stored is told to the log's listeners before this returns.

        Returns:
            A verdict for each event, in order.

        Raises:
            Overloaded: The disk cannot keep up; nothing was stored.
            Unavailable: It cannot be written now; nothing was stored.
        """
        ...

    async def save(self, drafts: Sequence[Draft]) -> Saved:
        """Make or change accounts, all or none; durably.

        A draft with an id makes that account or changes it; one without gets an id
        that is larger than every other.

        Raises:
            Unavailable: It cannot be written now; nothing was stored.
        """
        ...

    async def change(
        self, account_id: int, *, name: str | None, is_active: bool | None
    ) -> Account | None:
        """Change what is not None of an account; durably.

        Returns:
            The account as it is now; None if there is none.

        Raises:
            Unavailable: It cannot be written now.
        """
        ...

    async def page(
        self, *, search: str | None, is_active: bool | None, after: int, limit: int
    ) -> AccountPage:
        """Return accounts by ascending id.

        Args:
            search: Only those whose name has this in it, whatever the case.
            is_active: Only those that are, or are not.
            after: Only ids above this one.
            limit: At most so many, 1 to `PAGE_MAX`.
        """
        ...

    async def seed(self, names: Sequence[str]) -> bool:
        """Make accounts of these names, with ids from 1, on an empty store.

        Returns:
            Whether they were made: not where an account or an event is.
        """
        ...
