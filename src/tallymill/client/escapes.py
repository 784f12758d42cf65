"""Text from elsewhere, made harmless for a terminal.

An escape sequence in an event's data could rename the window, move the cursor or, in
some terminals, type commands. None of its characters is ever written as it is; an
event is one line, so tab and newline neither.
"""

from typing import Final

from tallymill.kernel.hidden import HIDDEN, json_escape

_ESCAPES: Final = {code: json_escape(code) for code in HIDDEN}


def escaped(text: str) -> str:
    r"""Return a text with each character that a terminal would obey as `\uXXXX`.

    Within JSON this changes no meaning: such characters can only stand in strings.
    """
    return text.translate(_ESCAPES)


def shortened(text: str, most: int) -> str:
    """Return a text escaped, cut after `most` characters with "..." in their place."""
    return escaped(text if len(text) <= most else f"{text[:most]}...")
