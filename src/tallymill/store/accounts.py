"""Accounts in the project's database, and their events on the way into the log.

The hot path is `take`: one lane, one question for all accounts of a group, one append.
"""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, select

from tallymill.accounts.model import (
    STREAM,
    Account,
    AccountEvent,
    AccountPage,
    Draft,
    Saved,
    Verdict,
)
from tallymill.events.ports import Append, Receipt
from tallymill.events.sharding import split
from tallymill.kernel.clock import Clock
from tallymill.store.account_keys import AccountKeys
from tallymill.store.database import Database
from tallymill.store.log import SqlEventLog
from tallymill.store.sqlite import driver_of
from tallymill.store.tables.accounts import account
from tallymill.store.tables.events import shard
from tallymill.store.tables.metadata import to_micros
from tallymill.store.writer import Lane

IDS_A_QUESTION: Final = 500


@dataclass(frozen=True, slots=True)
class _Taken:
    """What became of the events that were handed over together."""

    verdicts: Sequence[Verdict]
    receipts: Sequence[Receipt]  #: of a whole group; only its first has them


class SqlAccountStore:
    """`AccountStore` on the project's database."""

    def __init__(
        self, database: Database, log: SqlEventLog, clock: Clock, *, shards: int
    ) -> None:
        self._database = database
        self._log = log
        self._clock = clock
        self._shards = shards
        self._keys = AccountKeys()
        self._lane: Lane[Sequence[AccountEvent], _Taken] | None = None

    async def find(self, ids: Collection[int]) -> Mapping[int, Account]:
        """See `AccountStore.find`."""
        wanted = list(ids)
        return await self._database.read(
            lambda connection: _found(driver_of(connection), wanted)
        )

    async def take(self, events: Sequence[AccountEvent]) -> Sequence[Verdict]:
        """See `AccountStore.take`."""
        if self._lane is None:
            self._lane = self._database.lane(self._take_all, self._tell)
        size_bytes = sum([each.size_bytes for each in events])
        taken = await self._lane.submit(events, size_bytes)
        return taken.verdicts

    async def save(self, drafts: Sequence[Draft]) -> Saved:
        """See `AccountStore.save`."""
        return await self._database.write(lambda connection: _save(connection, drafts))

    async def change(
        self, account_id: int, *, name: str | None, is_active: bool | None
    ) -> Account | None:
        """See `AccountStore.change`."""
        values: dict[str, Any] = {}
        if name is not None:
            values |= {"name": name, "folded": name.casefold()}
        if is_active is not None:
            values["is_active"] = is_active
        return await self._database.write(
            lambda connection: _change(connection, account_id, values)
        )

    async def page(
        self, *, search: str | None, is_active: bool | None, after: int, limit: int
    ) -> AccountPage:
        """See `AccountStore.page`."""
        conditions: list[ColumnElement[bool]] = []
        if search:
            conditions.append(func.instr(account.c.folded, search.casefold()) > 0)
        if is_active is not None:
            conditions.append(account.c.is_active.is_(is_active))
        return await self._database.read(
            lambda connection: _page(connection, conditions, after, limit)
        )

    async def seed(self, names: Sequence[str]) -> bool:
        """See `AccountStore.seed`."""
        return await self._database.write(lambda connection: _seed(connection, names))

    def _tell(self, outcomes: Sequence[_Taken]) -> None:
        receipts = [each for taken in outcomes for each in taken.receipts]
        if receipts:
            self._log.tell(receipts)

    def _take_all(
        self, connection: Connection, together: Sequence[Sequence[AccountEvent]]
    ) -> Sequence[_Taken]:
        driver = driver_of(connection)
        now = to_micros(self._clock.now())
        accounts = _found(
            driver, list({each.account_id for events in together for each in events})
        )
        judge = _Judge(accounts, self._seen(driver, together, now))
        verdicts = [[judge.verdict(each) for each in events] for events in together]
        receipts: Sequence[Receipt] = ()
        if judge.good:
            receipts = self._append(connection, judge.good)
            self._remember(driver, judge.good, now)
        return [
            _Taken(each, () if place else receipts)
            for place, each in enumerate(verdicts)
        ]

    def _append(
        self, connection: Connection, good: Sequence[AccountEvent]
    ) -> Sequence[Receipt]:
        events = [each.event for each in good]
        append = Append(
            stream=STREAM,
            shares=split(events, self._shards, single=None, turn=0),
            size_bytes=sum([each.size_bytes for each in good]),
            has_ids=False,
        )
        return self._log.append_within(connection, [append])

    def _seen(
        self,
        driver: sqlite3.Connection,
        together: Sequence[Sequence[AccountEvent]],
        now: int,
    ) -> set[str]:
        keys = {each.key for events in together for each in events if each.key}
        return self._keys.known(driver, keys, now) if keys else set()

    def _remember(
        self, driver: sqlite3.Connection, good: Sequence[AccountEvent], now: int
    ) -> None:
        keyed = [
            (each.key, now + each.key_life_s * 1_000_000) for each in good if each.key
        ]
        if keyed:
            self._keys.remember(driver, keyed)
            self._keys.purge(driver, now)


class _Judge:
    """Says what becomes of each event of a group, in order."""

    __slots__ = ("_accounts", "_seen", "good")

    def __init__(self, accounts: Mapping[int, Account], seen: set[str]) -> None:
        self._accounts = accounts
        self._seen = seen
        self.good: list[AccountEvent] = []

    def verdict(self, each: AccountEvent) -> Verdict:
        if each.key is not None and each.key in self._seen:
            return Verdict.SEEN_BEFORE
        found = self._accounts.get(each.account_id)
        if found is None:
            return Verdict.UNKNOWN
        if not found.is_active:
            return Verdict.INACTIVE
        if each.key is not None:
            self._seen.add(each.key)
        self.good.append(each)
        return Verdict.STORED


def _found(driver: sqlite3.Connection, ids: Sequence[int]) -> dict[int, Account]:
    accounts: dict[int, Account] = {}
    for start in range(0, len(ids), IDS_A_QUESTION):
        some = ids[start : start + IDS_A_QUESTION]
        rows = driver.execute(
            "SELECT id, name, is_active FROM account"  # noqa: S608 - question marks
            f" WHERE id IN ({','.join('?' * len(some))})",
            some,
        )
        for number, name, is_active in rows:
            accounts[number] = Account(number, name, bool(is_active))
    return accounts


def _save(connection: Connection, drafts: Sequence[Draft]) -> Saved:
    driver = driver_of(connection)
    known = _found(driver, [each.id for each in drafts if each.id is not None])
    accounts: list[Account] = []
    added = changed = 0
    for draft in drafts:
        before = known.get(draft.id) if draft.id is not None else None
        saved = _put(driver, draft)
        added += before is None
        changed += before is not None and saved != before
        known[saved.id] = saved
        accounts.append(saved)
    return Saved(accounts=tuple(accounts), added=added, changed=changed)


def _put(driver: sqlite3.Connection, draft: Draft) -> Account:
    cursor = driver.execute(
        "INSERT INTO account (id, name, folded, is_active) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET name = excluded.name,"
        " folded = excluded.folded, is_active = excluded.is_active RETURNING id",
        (draft.id, draft.name, draft.name.casefold(), draft.is_active),
    )
    number: int = cursor.fetchone()[0]
    return Account(number, draft.name, draft.is_active)


def _change(
    connection: Connection, account_id: int, values: Mapping[str, Any]
) -> Account | None:
    if values:
        connection.execute(
            account.update().where(account.c.id == account_id).values(values)
        )
    return _found(driver_of(connection), [account_id]).get(account_id)


def _page(
    connection: Connection,
    conditions: Sequence[ColumnElement[bool]],
    after: int,
    limit: int,
) -> AccountPage:
    rows = connection.execute(
        select(account.c.id, account.c.name, account.c.is_active)
        .where(account.c.id > after, *conditions)
        .order_by(account.c.id)
        .limit(limit + 1)
    ).all()
    total = None
    if not after:
        question = select(func.count()).select_from(account).where(*conditions)
        total = connection.execute(question).scalar_one()
    accounts = tuple(Account(row.id, row.name, row.is_active) for row in rows[:limit])
    more = len(rows) > limit
    return AccountPage(
        accounts=accounts,
        next_after=accounts[-1].id if more else None,
        total=total,
    )


def _seed(connection: Connection, names: Sequence[str]) -> bool:
    if connection.execute(select(account.c.id).limit(1)).first() is not None:
        return False
    if connection.execute(select(shard.c.id).where(shard.c.head > 0)).first():
        return False
    connection.execute(
        account.insert(),
        [
            {"id": number, "name": name, "folded": name.casefold(), "is_active": True}
            for number, name in enumerate(names, start=1)
        ],
    )
    return True
