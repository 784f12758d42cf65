"""The screens as a state machine: a line in, lines and the next prompt out. Pure.

Every text here is part of the contract, to the letter, blanks included.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from tallymill.client.escapes import shortened
from tallymill.client.selection import TOKEN_SHOWN, select, shown

OPTIONS: Final = "options: [accounts events]"
PROMPT: Final = ">"
ACCOUNTS_PROMPT: Final = "accounts >"
LINE_MOST: Final = 200_000  #: characters; about 10,000 of the longest ids
ACCOUNTS_MOST: Final = 10_000  #: that one subscription may name
#: What a line may begin with at the first prompt; the first two are advertised.
COMMANDS: Final = ("accounts", "events", "forget", "help", "exit")

_HELP: Final = (
    " accounts  choose accounts by their IDs, added to those chosen already",
    " events    listen for events from them; Ctrl+C returns",
    " forget    choose none",
    " exit      leave; so do Ctrl+C and Ctrl+D",
)


def connecting(places: Sequence[str]) -> str:
    """Return the first line of all.

    Args:
        places: Host and port of each server.
    """
    return f"Connecting to Tallymill@{','.join(places)}"


class Wish(Enum):
    """What the screens ask of whoever runs them."""

    READ = "read"  #: read the next line
    LISTEN = "listen"  #: follow the accounts' events
    LEAVE = "leave"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What to show, and what to do then."""

    lines: tuple[str, ...]
    prompt: str = PROMPT
    wish: Wish = Wish.READ


class Dialogue:
    """Where in the screens one is, and which accounts are chosen."""

    def __init__(self, accounts: Sequence[int] = ()) -> None:
        """Begin at the first prompt.

        Args:
            accounts: Chosen already, each once.
        """
        self._accounts = tuple(accounts)
        self._is_choosing = False

    @property
    def accounts(self) -> tuple[int, ...]:
        """The ids chosen so far, in the order of first mention."""
        return self._accounts

    def options(self, *before: str) -> Step:
        """Return to the first prompt, after saying something."""
        self._is_choosing = False
        return Step(lines=(*before, OPTIONS))

    def take(self, line: str) -> Step:
        """Take a line that was typed."""
        if len(line) > LINE_MOST:
            return self.options(
                f" a line of {len(line)} characters is too long; at most {LINE_MOST}"
            )
        if self._is_choosing:
            return self._choose(line)
        command, _, rest = line.strip().partition(" ")
        if command == "accounts" and rest:
            return self._choose(rest)
        if rest or command not in COMMANDS:
            return self._unknown(line.strip())
        return self._run(command)

    def listening(self) -> str:
        """Return the line that says what is listened for."""
        return f"listening for events from: {shown(self._accounts)}"

    def _run(self, command: str) -> Step:
        if command == "accounts":
            return self._ask()
        if command == "events":
            return self._listen()
        if command == "forget":
            self._accounts = ()
            return self.options(self._current())
        if command == "help":
            return self.options(*_HELP)
        return Step(lines=(), wish=Wish.LEAVE)

    def _ask(self) -> Step:
        self._is_choosing = True
        return Step(
            lines=(
                f" already selected accounts: {shown(self._accounts)}",
                " input space separated account IDs",
            ),
            prompt=ACCOUNTS_PROMPT,
        )

    def _choose(self, line: str) -> Step:
        selected = select(line, self._accounts)
        complaints = [f" {complaint}" for complaint in selected.complaints]
        if len(selected.accounts) > ACCOUNTS_MOST:
            complaints.append(
                f" {len(selected.accounts)} accounts are too many; at most "
                f"{ACCOUNTS_MOST}, so none of this line was added"
            )
        else:
            self._accounts = selected.accounts
        return self.options(*complaints, self._current())

    def _listen(self) -> Step:
        if not self._accounts:
            return self.options(" no accounts are selected; choose some with accounts")
        return Step(lines=(), prompt="", wish=Wish.LISTEN)

    def _unknown(self, text: str) -> Step:
        if not text:
            return self.options()
        named = shortened(text, TOKEN_SHOWN)
        return self.options(f' "{named}" should be one of [accounts events]')

    def _current(self) -> str:
        return f" current selected accounts: {shown(self._accounts)}"
