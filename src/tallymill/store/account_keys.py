"""The keys of events sent to accounts: what was stored once is not stored again.

A proxy may name every request, so keys come as fast as events do, and most live for
minutes: they are forgotten little and often. Who calls: `accounts`, in its transaction.
"""

import sqlite3
from collections.abc import Collection, Iterable
from typing import Final

#: At most so many are forgotten in one transaction; a millisecond or two.
PURGE_MOST: Final = 2_000
PURGE_EVERY_MICROS: Final = 50_000
KEYS_A_QUESTION: Final = 500


class AccountKeys:
    """Remembers keys until they expire; used by the writer thread alone."""

    def __init__(self) -> None:
        self._purged_at = 0

    def known(
        self, driver: sqlite3.Connection, keys: Collection[str], now: int
    ) -> set[str]:
        """Return those keys that are remembered and have not expired."""
        found: set[str] = set()
        every = list(keys)
        for start in range(0, len(every), KEYS_A_QUESTION):
            some = every[start : start + KEYS_A_QUESTION]
            rows = driver.execute(
                "SELECT key FROM account_key WHERE expires_at > ?"  # noqa: S608 - question marks
                f" AND key IN ({','.join('?' * len(some))})",
                (now, *some),
            )
            found.update(row[0] for row in rows)
        return found

    def remember(
        self, driver: sqlite3.Connection, keys: Iterable[tuple[str, int]]
    ) -> None:
        """Keep keys until a moment in microseconds each."""
        driver.executemany("INSERT OR REPLACE INTO account_key VALUES (?, ?)", keys)

    def purge(self, driver: sqlite3.Connection, now: int) -> None:
        """Forget some of those that have expired."""
        if now - self._purged_at < PURGE_EVERY_MICROS:
            return
        self._purged_at = now
        driver.execute(
            "DELETE FROM account_key WHERE key IN (SELECT key FROM account_key"
            " WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)",
            (now, PURGE_MOST),
        )
