"""How deep JSON text is nested, found without recursion.

The decoder recurses, and so does whatever reads `data` later; a limit far below the
interpreter's own keeps both safe. The text given here is valid JSON already, or is
being refused for its depth and only the place is wanted.
"""

import re
from typing import Final

_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_TOKEN: Final = re.compile(_STRING.pattern + rb"|[\[\]{}]", re.DOTALL)
_AS_BRACES: Final = bytes.maketrans(b"[]", b"{}")
_NO_BRACKET: Final = bytes(byte for byte in range(256) if byte not in b"[]{}")


def is_deeper(text: bytes, limit: int) -> bool:
    """Say whether valid JSON is nested more than `limit` levels deep.

    Brackets within strings do not count; `1` has no level, `[]` has one.
    """
    if text.count(b"[") + text.count(b"{") <= limit:
        return False
    braces = _STRING.sub(b"", text).translate(_AS_BRACES, _NO_BRACKET)
    # Each pass takes away the innermost level everywhere, at the speed of memory.
    for _ in range(limit):
        braces = braces.replace(b"{}", b"")
        if not braces:
            return False
    return True


def first_too_deep(text: bytes, limit: int) -> int:
    """Return the byte at which the nesting passes `limit` levels; -1 if it never does.

    The text may be broken after that byte.
    """
    depth = 0
    for token in _TOKEN.finditer(text):
        first = text[token.start()]
        if first in b"[{":
            depth += 1
            if depth > limit:
                return token.start()
        elif first in b"]}":
            depth -= 1
    return -1
