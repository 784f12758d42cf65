"""The front door: finds the raw routes by exact match; the application has the rest.

Every request passes here, so this is where a drain refuses, where errors become
problems, and where the hot paths are timed.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from tallymill.events.model import Limits
from tallymill.kernel.clock import Clock
from tallymill.kernel.errors import NotFound, TallymillError, Unavailable
from tallymill.web.asgi import (
    SAFE_HEADERS,
    App,
    Disconnected,
    Message,
    Receive,
    Scope,
    Send,
)
from tallymill.web.body import BodyReader, has_body
from tallymill.web.drain import Drain
from tallymill.web.formats import check_is_json
from tallymill.web.json_body import check_json
from tallymill.web.metrics import Metrics
from tallymill.web.origins import Origins
from tallymill.web.problems import CLOSE, send_problem
from tallymill.web.sockets import Refusing

#: The path, as the raw routes name it, of whatever has a number only.
BY_NUMBER: Final = "/{account_id}"
#: Asked by whoever decides whether to send requests here; answered in a drain too.
_ALWAYS: Final = frozenset({"/health/live", "/health/ready"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """Where requests go, and which may come in."""

    origins: Origins
    raw: Mapping[tuple[str, str], App]  #: by method and path
    timed: Collection[tuple[str, str]]  #: those of `raw` that metrics time
    sockets: Mapping[str, App]  #: WebSockets, by path
    rest: App  #: everything else


class _Watched:
    """A `send` that knows whether the answer has begun."""

    __slots__ = ("_send", "has_started")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_started = False

    async def __call__(self, message: Message) -> None:
        self.has_started = True
        await self._send(message)


class _Safe:
    """A `send` that adds the headers that every answer has."""

    __slots__ = ("_send",)

    def __init__(self, send: Send) -> None:
        self._send = send

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            given = {name for name, _ in message["headers"]}
            missing = [pair for pair in SAFE_HEADERS if pair[0] not in given]
            message["headers"] = [*message["headers"], *missing]
        await self._send(message)


class _Replay:
    """A `receive` that gives out a body that was read before."""

    __slots__ = ("_body", "_receive")

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


def _by_number(key: tuple[str, str]) -> tuple[str, str]:
    """Return the route's key for a path that is a number, or else the key itself.

    A `PUT` to any other single word can only be meant for an account, too.
    """
    method, path = key
    if path[1:].isdigit() or (method == "PUT" and path.rfind("/") <= 0):
        return method, BY_NUMBER
    return key


class Front:
    """The ASGI application that the server runs."""

    def __init__(
        self,
        routes: Routes,
        *,
        drain: Drain,
        metrics: Metrics,
        clock: Clock,
        reader: BodyReader,
        limits: Limits,
    ) -> None:
        self._origins = routes.origins
        self._raw = routes.raw
        self._sockets = routes.sockets
        self._rest = routes.rest
        self._observers = {
            key: metrics.seconds.labels(f"{key[0]} {key[1]}").observe
            for key in routes.timed
        }
        self._drain = drain
        self._metrics = metrics
        self._clock = clock
        self._reader = reader
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        if scope["method"] == "HEAD":
            # The server leaves the body of the answer out by itself.
            scope = {**scope, "method": "GET"}
        key = scope["method"], scope["path"]
        if key not in self._raw:
            key = _by_number(key)
        if self._drain.has_begun and scope["path"] not in _ALWAYS:
            await self._refuse_while_draining(scope, send)
            return
        try:
            self._origins.check(scope)
        except TallymillError as error:
            await self._refuse(scope, send, error)
            return
        observe = self._observers.get(key)
        app = self._raw.get(key, self._application)
        if observe is None:
            await self._guarded(app, scope, receive, send)
            return
        began_s = self._clock.monotonic_s()
        await self._guarded(app, scope, receive, send)
        observe(self._clock.monotonic_s() - began_s)

    async def _application(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, its body read and unpacked under our limits."""
        if not has_body(scope):
            await self._rest(scope, receive, _Safe(send))
            return
        check_is_json(scope)
        with self._reader.share() as share:
            body = bytes(await self._reader.read(scope, receive, share))
            check_json(body, self._limits)
            await self._rest(scope, _Replay(body, receive), _Safe(send))

    async def _guarded(
        self, app: App, scope: Scope, receive: Receive, send: Send
    ) -> None:
        watched = _Watched(send)
        try:
            await app(scope, receive, watched)
        except Disconnected:
            return
        except Exception as error:
            if watched.has_started:
                # Half an answer cannot be mended; the server cuts the connection.
                raise
            await self._refuse(scope, send, error)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusing = Refusing(send)
        app = self._sockets.get(scope["path"])
        if self._drain.has_begun:
            await self._refuse_while_draining(scope, refusing)
        elif app is None:
            error = NotFound(f"There is no WebSocket at {scope['path'][:80]!r}.")
            await send_problem(scope, refusing, error)
        else:
            try:
                self._origins.check(scope)
                await app(scope, receive, send)
            except TallymillError as error:
                await self._refuse(scope, refusing, error)

    async def _refuse(self, scope: Scope, send: Send, error: Exception) -> None:
        status = await send_problem(scope, send, error)
        self._metrics.refused.labels(str(status)).inc()

    async def _refuse_while_draining(self, scope: Scope, send: Send) -> None:
        error = Unavailable("The server is shutting down; try again.")
        status = await send_problem(scope, send, error, headers=[CLOSE])
        self._metrics.refused.labels(str(status)).inc()
