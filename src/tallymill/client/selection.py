"""Account ids as a person types them, and what to say about what is none. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tallymill.client.escapes import shortened

LARGEST_ID: Final = 2**63 - 1
TOKEN_SHOWN: Final = 40  #: characters of a wrong token that are repeated
_DIGITS_MOST: Final = 19  #: of `LARGEST_ID`


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """What a line of ids came to."""

    accounts: tuple[int, ...]  #: each once, in the order of first mention
    complaints: tuple[str, ...]  #: one for each token that is no id, in order


def select(line: str, known: Sequence[int] = ()) -> Selected:
    """Return the known ids with those of a line added; wrong tokens are left out.

    Args:
        line: Ids with spaces between them; a blank line is one empty token.
        known: Ids that are selected already.
    """
    accounts = dict.fromkeys(known)
    complaints = []
    for token in line.split() or [""]:
        number, complaint = _read(token)
        if number is None:
            complaints.append(complaint)
        else:
            accounts[number] = None
    return Selected(accounts=tuple(accounts), complaints=tuple(complaints))


def shown(accounts: Sequence[int]) -> str:
    """Return ids as the screens show them: "[1 2 3]"."""
    return f"[{' '.join(map(str, accounts))}]"


def _read(token: str) -> tuple[int | None, str]:
    """Return the id that a token is, or what is wrong with it."""
    named = f'"{shortened(token, TOKEN_SHOWN)}"'
    digits = token.lstrip("0")
    if not (token.isascii() and token.isdigit() and digits):
        return None, f"{named} should be an (positive) number"
    # Python refuses to read numbers of thousands of digits, so they are counted first.
    if len(digits) > _DIGITS_MOST or int(digits) > LARGEST_ID:
        return None, f"{named} should be at most {LARGEST_ID}"
    return int(digits), ""
