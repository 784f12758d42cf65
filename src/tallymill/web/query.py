"""Query parameters: known ones, each once, nothing else; and the words for it.

Who calls: the raw routes, and `parameters` for those of the framework.
"""

from collections.abc import Collection, Sequence
from typing import Final
from urllib.parse import parse_qsl

from tallymill.kernel.errors import Fault, Invalid, Malformed

_DIGITS_MOST: Final = 19
_TRUTH: Final = {"true": True, "false": False}


def read_query(raw: bytes, known: Collection[str]) -> dict[str, str]:
    """Return the parameters of a query string by name.

    Args:
        raw: What follows the question mark, percent-encoded.
        known: The names that are taken.

    Raises:
        Malformed: It is no UTF-8 once decoded.
        Invalid: A parameter is unknown or comes twice; each is named.
    """
    if not raw:
        return {}
    found: dict[str, str] = {}
    faults: list[Fault] = []
    for name, value in _pairs(raw):
        if name not in known:
            taken = ", ".join(sorted(known)) or "none"
            faults.append(Fault(name, f"is no parameter here; taken: {taken}"))
        elif name in found:
            faults.append(Fault(name, "comes more than once; send it once"))
        else:
            found[name] = value
    if faults:
        raise wrong(faults)
    return found


def wrong(faults: Sequence[Fault]) -> Invalid:
    """Return the refusal of a query; the sentence is about the first fault."""
    return Invalid(
        f"The query parameter {faults[0].pointer[:80]!r} {faults[0].detail}.",
        faults=faults,
    )


def read_truth(query: dict[str, str], name: str) -> bool:
    """Return a parameter that is `true` or `false`; False if it is left out.

    Raises:
        Invalid: It is neither.
    """
    text = query.get(name, "false")
    value = _TRUTH.get(text)
    if value is None:
        what = f"must be true or false, not {text[:80]!r}"
        raise Invalid(f"The query parameter {name} {what}.", faults=[Fault(name, what)])
    return value


def read_whole(
    query: dict[str, str], name: str, *, least: int, most: int
) -> int | None:
    """Return a parameter that is a whole number; None if it is left out.

    Raises:
        Invalid: It is none, or not within `least` and `most`.
    """
    text = query.get(name)
    if text is None:
        return None
    if not (len(text) <= _DIGITS_MOST and text.isascii() and text.isdigit()):
        raise _out_of_range(name, text, least, most)
    value = int(text)
    if not least <= value <= most:
        raise _out_of_range(name, text, least, most)
    return value


def _out_of_range(name: str, text: str, least: int, most: int) -> Invalid:
    what = f"must be a whole number from {least} to {most}, not {text[:80]!r}"
    return Invalid(f"The query parameter {name} {what}.", faults=[Fault(name, what)])


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=100,
        )
    except UnicodeDecodeError as exc:
        raise Malformed("The query is not UTF-8 in percent-encoding.") from exc
    except ValueError as exc:
        raise Malformed("The query has more than 100 parameters.") from exc
