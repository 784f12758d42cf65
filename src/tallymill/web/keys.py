"""The header `Idempotency-Key`."""

from tallymill.kernel.errors import Fault, Malformed
from tallymill.web.asgi import Scope, header_values

_NAME = "Idempotency-Key"
_MOST = 255


def idempotency_key(scope: Scope) -> str | None:
    """Return the key of a request, None without one.

    Raises:
        Malformed: It is not 1 to 255 visible ASCII characters, or comes twice.
    """
    values = header_values(scope, b"idempotency-key")
    if not values:
        return None
    if len(values) > 1:
        raise _refusal("comes more than once; send it once")
    key = values[0]
    if not 1 <= len(key) <= _MOST:
        raise _refusal(f"has {len(key)} characters; 1 to {_MOST} are taken")
    if any(not 0x21 <= byte <= 0x7E for byte in key):
        raise _refusal("may have visible ASCII characters only, and no space")
    return key.decode("ascii")


def _refusal(what: str) -> Malformed:
    return Malformed(f"The header {_NAME} {what}.", faults=[Fault(_NAME, what)])
