"""The headers `Idempotency-Key` and `X-Request-ID`."""

from typing import Final

from tallymill.kernel.errors import Fault, Malformed
from tallymill.web.asgi import Scope, header_values

_KEY: Final = "Idempotency-Key"
_REQUEST: Final = "X-Request-ID"
_MOST: Final = 255
KEY_LIFE_S: Final = 24 * 3600
#: A proxy tries a request again within seconds.
REQUEST_LIFE_S: Final = 600


def idempotency_key(scope: Scope) -> str | None:
    """Return the key of a request, None without one.

    Raises:
        Malformed: It is not 1 to 255 visible ASCII characters, or comes twice.
    """
    return _visible(scope, _KEY)


def request_key(scope: Scope) -> tuple[str | None, int]:
    """Return what tells a request from others, and for how many seconds it does.

    The sender's own key goes before the one that a proxy gave; the two cannot be
    taken for each other.

    Raises:
        Malformed: As for `idempotency_key`.
    """
    key = idempotency_key(scope)
    if key is not None:
        return f"key {key}", KEY_LIFE_S
    request = _visible(scope, _REQUEST)
    if request is not None:
        return f"request {request}", REQUEST_LIFE_S
    return None, 0


def _visible(scope: Scope, name: str) -> str | None:
    values = header_values(scope, name.lower().encode("ascii"))
    if not values:
        return None
    if len(values) > 1:
        raise _refusal(name, "comes more than once; send it once")
    key = values[0]
    if not 1 <= len(key) <= _MOST:
        raise _refusal(name, f"has {len(key)} characters; 1 to {_MOST} are taken")
    if any(not 0x21 <= byte <= 0x7E for byte in key):
        raise _refusal(name, "may have visible ASCII characters only, and no space")
    return key.decode("ascii")


def _refusal(name: str, what: str) -> Malformed:
    return Malformed(f"The header {name} {what}.", faults=[Fault(name, what)])
