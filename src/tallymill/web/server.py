"""uvicorn, started in our own process on sockets that we bind.

Signals are `assembly`'s; the order of the end is ours: refuse, have the streams say
farewell, finish what is in flight, close.
"""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Sequence
from functools import partial
from typing import Final

import structlog
import uvicorn

from tallymill.kernel.errors import Conflict, Invalid, TallymillError, Unavailable
from tallymill.web.app import Web
from tallymill.web.lane import LaneProtocol
from tallymill.web.protocol import LineWebSocket

log = structlog.get_logger()

BACKLOG: Final = 1024  #: connections that the system takes in before we do
#: Longer than the 60 s of usual proxies, so that it is they who close.
KEEP_ALIVE_S: Final = 75
WS_MESSAGE_MOST: Final = 64 * 1024  #: bytes that a client may say at once


class HttpServer:
    """Serves one application on several addresses."""

    def __init__(
        self,
        web: Web,
        addresses: Sequence[tuple[str, int]],
        *,
        stop_within_s: float = 25.0,
    ) -> None:
        """Make a server.

        Args:
            web: What to serve.
            addresses: Host and port; port 0 lets the system choose.
            stop_within_s: Seconds that requests in flight have to finish at the end.
        """
        self._web = web
        self._addresses = addresses
        self._stop_within_s = stop_within_s
        self._sockets: list[socket.socket] = []
        self._server: uvicorn.Server | None = None
        self._ticking: asyncio.Task[None] | None = None

    @property
    def bound(self) -> list[tuple[str, int]]:
        """Host and port of each listening socket."""
        return [sock.getsockname()[:2] for sock in self._sockets]

    async def start(self) -> None:
        """Listen on every address; requests are answered when this returns.

        Raises:
            Conflict: A port is in use.
            Unavailable: An address is not of this machine, or may not be used.
            Invalid: A host's name is not known.
        """
        with contextlib.ExitStack() as opened:
            for host, port in self._addresses:
                for sock in _bind(host, port):
                    self._sockets.append(opened.enter_context(sock))
            server = uvicorn.Server(self._config())
            server.config.load()
            server.lifespan = server.config.lifespan_class(server.config)
            await server.startup(sockets=self._sockets)
            opened.pop_all()
        self._server = server
        self._ticking = asyncio.create_task(server.main_loop(), name="http ticks")

    async def stop(self) -> None:
        """Refuse, end the streams, finish what is in flight, close; idempotent."""
        self._web.drain.begin()
        if self._server is None or self._ticking is None:
            return
        server, self._server = self._server, None
        server.should_exit = True
        await self._ticking
        await server.shutdown(sockets=self._sockets)
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        self._sockets.clear()

    def _config(self) -> uvicorn.Config:
        return uvicorn.Config(
            self._web.app,
            http=partial(LaneProtocol, lanes=self._web.lanes),  # type: ignore[arg-type] # uvicorn only calls it
            ws=LineWebSocket,
            ws_max_size=WS_MESSAGE_MOST,
            # Costs 50 KB a connection, and a frame could not be shared.
            ws_per_message_deflate=False,
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=int(max(1, self._stop_within_s)),
        )


def _bind(host: str, port: int) -> list[socket.socket]:
    """Return sockets bound to every address of a host; all or none."""
    with contextlib.ExitStack() as opened:
        bound = []
        for family, address in _resolve(host, port):
            sock = opened.enter_context(socket.socket(family, socket.SOCK_STREAM))
            sock.setblocking(False)  # noqa: FBT003 - takes no keyword
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                # "[::]:8000" and "0.0.0.0:8000" may both be asked for.
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                sock.bind(address)
                sock.listen(BACKLOG)
            except OSError as exc:
                raise _refusal(host, port, exc) from exc
            bound.append(sock)
        opened.pop_all()
    return bound


def _resolve(host: str, port: int) -> list[tuple[int, tuple[str, int]]]:
    try:
        found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except socket.gaierror as exc:
        raise Invalid(
            f"Cannot listen on {host}:{port}: the name is not known ({exc.strerror})."
        ) from exc
    addresses = list(
        dict.fromkeys(
            (int(family), (str(address[0]), port)) for family, *_, address in found
        )
    )
    # The system would choose another port for each address of a name.
    return addresses if port else addresses[:1]


def _refusal(host: str, port: int, error: OSError) -> TallymillError:
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return Conflict(
            f"Cannot listen on {where}: the port is in use. Stop what uses it, or "
            "choose another with --listen."
        )
    if error.errno == errno.EACCES:
        return Unavailable(
            f"Cannot listen on {where}: ports below 1024 need privileges; choose "
            "another with --listen."
        )
    return Unavailable(f"Cannot listen on {where}: {error.strerror}.")
