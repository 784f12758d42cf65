"""Text from elsewhere, made harmless for a terminal.

An escape sequence in an event's data could rename the window, move the cursor or, in
some terminals, type commands. None of its characters is ever written as it is.
"""

from typing import Final

# C0 and DEL, C1, and what hides or reorders text (Unicode UTS 39); tab and newline too,
# as an event is one line.
_HIDDEN: Final = (
    *range(0x20),
    *range(0x7F, 0xA0),
    0xAD,
    0x061C,
    0x180E,
    *range(0x200B, 0x2010),
    *range(0x2028, 0x202F),
    *range(0x2060, 0x2070),
    0xFEFF,
    *range(0xFFF9, 0xFFFC),
    *range(0xD800, 0xE000),
    *range(0xE0000, 0xE0080),
)


def _escape(code: int) -> str:
    """Return a character as JSON writes it: one escape for each UTF-16 unit."""
    units = chr(code).encode("utf-16-be", "surrogatepass")
    pairs = zip(units[::2], units[1::2], strict=True)
    return "".join(f"\\u{high:02x}{low:02x}" for high, low in pairs)


_ESCAPES: Final = {code: _escape(code) for code in _HIDDEN}


def escaped(text: str) -> str:
    r"""Return a text with each character that a terminal would obey as `\uXXXX`.

    Within JSON this changes no meaning: such characters can only stand in strings.
    """
    return text.translate(_ESCAPES)


def shortened(text: str, most: int) -> str:
    """Return a text escaped, cut after `most` characters with "..." in their place."""
    return escaped(text if len(text) <= most else f"{text[:most]}...")
