"""A body that must be JSON, of whatever shape."""

from tallymill.events.jsontext import check_utf8, parse
from tallymill.events.model import Limits
from tallymill.events.nesting import first_too_deep, is_deeper
from tallymill.kernel.errors import Fault, Malformed


def check_json(body: bytes, limits: Limits) -> None:
    """Let a body pass that is one JSON value, UTF-8, and not nested too deeply.

    Raises:
        Malformed: It is not; the byte is named.
    """
    if not body.strip():
        raise Malformed("The body is empty; send a JSON value.")
    check_utf8(body)
    parse(body, nesting=limits.nesting)
    if is_deeper(body, limits.nesting):
        at = first_too_deep(body, limits.nesting)
        what = f"it is nested deeper than {limits.nesting} levels at byte {at}"
        raise Malformed(f"The body is refused: {what}.", faults=[Fault("", what)])
