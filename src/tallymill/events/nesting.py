"""How deep JSON text is nested, found without recursion.

The decoder recurses, and so does whatever reads `data` later; a limit far below the
interpreter's own keeps both safe. The text given here is valid JSON already, or is
being refused for its depth and only the place is wanted.
"""

import re
from itertools import accumulate
from typing import Final

_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_TOKEN: Final = re.compile(_STRING.pattern + rb"|[\[\]{}]", re.DOTALL)
_AS_BRACES: Final = bytes.maketrans(b"[]", b"{}")
_NO_BRACKET: Final = bytes(byte for byte in range(256) if byte not in b"[]{}")
_PASSES: Final = 8  #: deeper than nearly all data is
_STEP: Final = {ord("{"): 1, ord("}"): -1}


def is_deeper(text: bytes, limit: int) -> bool:
    """Say whether valid JSON is nested more than `limit` levels deep.

    Brackets within strings do not count; `1` has no level, `[]` has one.
    """
    if text.count(b"[") + text.count(b"{") <= limit:
        return False
    braces = _STRING.sub(b"", text).translate(_AS_BRACES, _NO_BRACKET)
    # Each pass takes away the innermost level everywhere, at the speed of memory: wide
    # data is gone after a few. What is deep is followed brace by brace.
    passes = min(limit, _PASSES)
    for _ in range(passes):
        braces = braces.replace(b"{}", b"")
        if not braces:
            return False
    steps = map(_STEP.__getitem__, braces)
    return max(accumulate(steps), default=0) > limit - passes


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
