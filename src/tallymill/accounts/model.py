"""What an account is, what it may be called, and what is sent to one.

Values and their checks only. How they look in JSON is `web`'s.
"""

import enum
import unicodedata
from dataclasses import dataclass
from typing import Final

import msgspec

from tallymill.events.model import Event
from tallymill.kernel.errors import Fault, Invalid, Malformed, TooLarge

#: The stream that events of accounts belong to; the subject is the account's id.
STREAM: Final = "accounts"
ID_MOST: Final = 2**63 - 1
#: The largest id that may be chosen: a JSON number that every reader takes exactly.
CHOSEN_ID_MOST: Final = 2**53 - 1
NAME_MOST: Final = 255  #: characters
TEXT_BYTES_MOST: Final = 64 * 1024  #: of an event's text, in UTF-8
_DIGITS_MOST: Final = 19


class Account(msgspec.Struct, frozen=True, gc=False):
    """Somebody, or something, that events are about."""

    id: int  #: 1 to 2^63 - 1
    name: str
    is_active: bool  #: whether events for it are taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An account as it shall be."""

    name: str
    is_active: bool = True
    id: int | None = None  #: None for the next free one


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What became of drafts."""

    accounts: tuple[Account, ...]  #: as they are now, in the order of the drafts
    added: int
    changed: int  #: those that were there, and were otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPage:
    """Some accounts, by their ids."""

    accounts: tuple[Account, ...]
    next_after: int | None  #: where the next page begins; None at the end
    total: int | None  #: how many match; on the first page only


class AccountEvent(msgspec.Struct, frozen=True, gc=False):
    """An event for an account that may not be there, or not be active."""

    account_id: int
    event: Event  #: its subject is the account's id
    size_bytes: int  #: roughly what it weighs on disk
    key: str | None = None  #: sent again, it is not stored again
    key_life_s: int = 0  #: seconds for which the key is remembered


class Verdict(enum.Enum):
    """What became of an account's event."""

    STORED = enum.auto()
    SEEN_BEFORE = enum.auto()  #: its key was known, so it is stored already
    UNKNOWN = enum.auto()  #: there is no such account
    INACTIVE = enum.auto()


def read_account_id(text: str) -> int:
    """Return the id that a text names; 0 if it is too large to be anybody's.

    Raises:
        Malformed: It is no positive integer.
    """
    digits = text.lstrip("0")
    if not digits or not (digits.isascii() and digits.isdigit()):
        raise Malformed(
            f"{text[:80]!r} is no account's id; that is a positive integer."
        )
    if len(digits) > _DIGITS_MOST:
        return 0
    number = int(digits)
    return number if number <= ID_MOST else 0


def check_name(name: str, pointer: str = "/Name") -> str:
    """Return a name if it may be one.

    Args:
        name: 1 to 255 characters, not only spaces, without control characters.
        pointer: Where it stands in the request.

    Raises:
        Invalid: It may not.
    """
    what = _wrong_with(name)
    if what is None:
        return name
    raise Invalid(f"The account's name {what}.", faults=[Fault(pointer, what)])


def check_text(text: str | bytes | bytearray) -> None:
    """Let an event's text pass that is within its limit, in bytes of UTF-8.

    Raises:
        TooLarge: It is not.
    """
    if len(text) * 4 <= TEXT_BYTES_MOST:
        return
    size = len(text.encode()) if isinstance(text, str) else len(text)
    if size > TEXT_BYTES_MOST:
        raise TooLarge(
            f"The data has {size} bytes; the limit is {TEXT_BYTES_MOST}. "
            "Send it in parts, or by POST /events."
        )


def _wrong_with(name: str) -> str | None:
    if not name.strip():
        return f"is empty; give it 1 to {NAME_MOST} characters"
    if len(name) > NAME_MOST:
        return f"has {len(name)} characters; at most {NAME_MOST} are taken"
    for place, character in enumerate(name, start=1):
        if unicodedata.category(character) in {"Cc", "Cs"}:
            return f"has a control character, {character!r}, as character {place}"
    return None
