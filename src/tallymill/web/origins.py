"""Whether a request is meant for this server, and not made by another site's page.

There are no passwords, so a page in a browser of this machine must not be able to use
the server: neither from its own site, nor under a name that it has made lead here (DNS
rebinding). One place for HTTP, WebSockets and the fast lanes. Who calls: `front`,
`lanes`.
"""

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from tallymill.kernel.errors import Malformed, NotAllowed
from tallymill.web.asgi import Scope

#: What a browser says of a request that a page of somebody else's makes it send.
_FOREIGN: Final = frozenset({b"cross-site", b"same-site"})
_HOST_MOST: Final = 255  #: characters of a name that DNS knows
_READING: Final = frozenset({"GET", "HEAD"})


class Origins:
    """Tells requests that may pass from those that may not.

    Args:
        any_host: Whether the server may be asked for by any name; else by names and
            addresses of loopback only.
    """

    def __init__(self, *, any_host: bool) -> None:
        self._any_host = any_host

    def check(self, scope: Scope) -> None:
        """Let a request pass, or refuse it.

        Raises:
            Malformed: It has no `Host`, which HTTP/1.1 asks for, or several.
            NotAllowed: It is for another host, or a page of another site's would
                change something or listen to a WebSocket.
        """
        headers = scope["headers"]
        found: dict[bytes, bytes] = dict(headers)
        host = found.get(b"host")
        if (
            len(found) < len(headers)
            and sum(name == b"host" for name, _ in headers) > 1
        ):
            raise Malformed("The header Host stands there more than once.")
        if host is None and scope["http_version"] == "1.1":
            raise Malformed("The header Host is missing.")
        if host is not None and not self.is_ours(host):
            raise NotAllowed(
                f"This server is not called {host[:80].decode('latin-1')!r}: it listens "
                "on loopback, so ask for localhost or 127.0.0.1. A proxy in front of "
                "it must send such a Host; --no-auth allows any."
            )
        if scope.get("method") in _READING:
            return
        if _is_foreign(found, host or b""):
            raise NotAllowed(
                "This request comes from a page of another site; only this server's "
                "own pages may change things, or open a WebSocket, from a browser."
            )

    def is_ours(self, host: bytes | None) -> bool:
        """Say whether the value of a `Host` may be used for this server."""
        if host is None or self._any_host:
            return host is not None
        return len(host) <= _HOST_MOST and _is_loopback(host)


def _is_foreign(headers: Mapping[bytes, bytes], host: bytes) -> bool:
    said = headers.get(b"sec-fetch-site")
    if said is not None:
        return said in _FOREIGN
    # Browsers from before 2023 say only this; other programs say neither.
    origin = headers.get(b"origin")
    return origin is not None and origin.partition(b"://")[2].lower() != host.lower()


@lru_cache(maxsize=256)
def _is_loopback(host: bytes) -> bool:
    """Say whether a name with or without a port can only lead to this machine."""
    text = host.decode("latin-1").lower()
    name, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        name = text
    elif not (port.isdigit() or not port):
        return False
    name = name.rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
