"""The characters that no text from elsewhere may bring to a terminal as they are.

They rename windows, move cursors, hide or reorder what stands around them. How each is
shown instead is for those who write; the table is one for all.
"""

from typing import Final

#: C0 and DEL, C1, and what hides or reorders text (Unicode UTS 39); tab and newline too.
HIDDEN: Final[tuple[int, ...]] = (
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


def json_escape(code: int) -> str:
    """Return a character as JSON writes it: one escape for each UTF-16 unit."""
    units = chr(code).encode("utf-16-be", "surrogatepass")
    pairs = zip(units[::2], units[1::2], strict=True)
    return "".join(f"\\u{high:02x}{low:02x}" for high, low in pairs)
