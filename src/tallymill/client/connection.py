"""One connection to one server's event stream: opened, read, and found to be gone."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import aclosing, asynccontextmanager
from typing import Final

import httpx2
import msgspec

from tallymill.client.escapes import shortened
from tallymill.kernel.errors import Refused, Unavailable
from tallymill.kernel.service import cancel_and_wait

STREAM: Final = "accounts"
#: Twice: to reach a server, and until the head of its answer has come.
CONNECT_S: Final = 5.0
#: Without a byte, after which whoever reads is told so.
IDLE_S: Final = 1.0
#: More accounts than this are asked for in a body: a long URL may be refused on the way.
QUERY_ACCOUNTS_MOST: Final = 200
_SSE: Final = "text/event-stream"
_SHOWN: Final = 300  #: characters of a refusal
_PROBLEM_MOST: Final = 64 * 1024  #: bytes of one
#: What a proxy answers while the server behind it is away, and ours while it drains.
_AWAY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


class _Problem(msgspec.Struct):
    """The part of `application/problem+json` that is told."""

    type: str
    detail: str = ""


class UnusablePosition(Refused):
    """The server does not take the position that it was asked to go on from."""


def client() -> httpx2.AsyncClient:
    """Return what connections are made with; the caller closes it."""
    # No proxy from the environment: the server is next door, and a proxy is not.
    return httpx2.AsyncClient(
        timeout=httpx2.Timeout(CONNECT_S, read=None), trust_env=False
    )


def place_of(url: str) -> str:
    """Return how a server is called on the screens: "localhost:8080"."""
    parsed = httpx2.URL(url)
    return parsed.netloc.decode("ascii")


@asynccontextmanager
async def stream(
    http: httpx2.AsyncClient,
    url: str,
    *,
    accounts: Collection[int],
    position: str,
    silence_s: float,
) -> AsyncIterator[AsyncGenerator[bytes, None]]:
    """Offer the pieces of a server's event stream as they come.

    Args:
        http: What connects.
        url: The server's.
        accounts: Whose events to ask for.
        position: After which to begin; "" for now.
        silence_s: Seconds without a byte after which the line counts as lost.

    Raises:
        Unavailable: The server is away, or the line is lost, now or later.
        UnusablePosition: The position is none of this server's.
        Refused: It is no server of ours, or refuses for good.
    """
    request = _request(http, f"{url.rstrip('/')}/events/live", accounts, position)
    try:
        async with asyncio.timeout(CONNECT_S * 2):
            answer = await http.send(request, stream=True)
    except (httpx2.HTTPError, TimeoutError, OSError) as exc:
        raise Unavailable(_why(exc)) from exc
    try:
        await _check(answer, position)
        async with aclosing(_pieces(answer, silence_s)) as pieces:
            yield pieces
    finally:
        await answer.aclose()


def _request(
    http: httpx2.AsyncClient, url: str, accounts: Collection[int], position: str
) -> httpx2.Request:
    headers = {"Accept": _SSE, "Accept-Encoding": "identity"}
    subjects = [str(account) for account in accounts]
    if len(subjects) > QUERY_ACCOUNTS_MOST:
        asked = {"stream": STREAM, "subjects": subjects, "after": position}
        return http.build_request("POST", url, json=asked, headers=headers)
    if position:
        headers["Last-Event-ID"] = position
    params = {"stream": STREAM, "subject": subjects}
    return http.build_request("GET", url, params=params, headers=headers)


async def _pieces(
    answer: httpx2.Response, silence_s: float
) -> AsyncGenerator[bytes, None]:
    """Yield pieces, and b"" for each idle second, until the line is lost."""
    idle_s = 0.0
    step_s = min(IDLE_S, silence_s)
    async with aclosing(answer.aiter_raw()) as pieces:
        reading: asyncio.Task[bytes] | None = None
        try:
            while idle_s < silence_s:
                reading = reading or asyncio.create_task(_next(pieces), name="read")
                await asyncio.wait({reading}, timeout=step_s)
                if not reading.done():
                    idle_s += step_s
                    yield b""
                    continue
                idle_s = 0.0
                done, reading = reading, None
                yield _result(done)
        finally:
            await cancel_and_wait(reading)
    raise Unavailable(f"no sign of life for {silence_s:g} s")


async def _next(pieces: AsyncGenerator[bytes, None]) -> bytes:
    return await anext(pieces, b"")


def _result(done: asyncio.Task[bytes]) -> bytes:
    try:
        piece = done.result()
    except httpx2.HTTPError as exc:
        raise Unavailable(_why(exc)) from exc
    if not piece:
        raise Unavailable("the server closed the connection")
    return piece


async def _check(answer: httpx2.Response, position: str) -> None:
    """Let an answer pass that is an event stream.

    Raises:
        Unavailable: The server is away.
        UnusablePosition: It is ours, and does not know the position.
        Refused: It is none of ours, or refuses for good.
    """
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if answer.status_code == 200 and kind == _SSE:
        return
    told = await _told(answer)
    if answer.status_code in _AWAY:
        raise Unavailable(told or f"it answered {answer.status_code}")
    if answer.status_code == 400 and told and position:
        raise UnusablePosition(told)
    if answer.status_code in {401, 403}:
        raise Refused(
            f"it asks who you are ({answer.status_code}), and this client has no "
            "token to show"
        )
    if told:
        raise Refused(told)
    raise Refused(
        f"it answered {answer.status_code} with {shortened(kind, 60) or 'nothing'}, "
        f"not with {_SSE}; it is no Tallymill server, or one too old"
    )


async def _told(answer: httpx2.Response) -> str:
    """Return what a problem of ours says; "" if the answer is none."""
    if "problem+json" not in answer.headers.get("Content-Type", ""):
        return ""
    body = b""
    try:
        async with asyncio.timeout(CONNECT_S):
            async for piece in answer.aiter_raw():
                body += piece
                if len(body) > _PROBLEM_MOST:
                    return ""
        problem = msgspec.json.decode(body, type=_Problem)
    except (httpx2.HTTPError, TimeoutError, msgspec.MsgspecError):
        return ""
    return shortened(problem.detail.rstrip("."), _SHOWN)


def _why(error: Exception) -> str:
    """Return in few words why a server cannot be reached."""
    if isinstance(error, (httpx2.TimeoutException, TimeoutError)):
        return "it does not answer"
    if isinstance(error, httpx2.ConnectError):
        return f"it cannot be reached: {shortened(str(error), _SHOWN)}"
    if isinstance(error, (httpx2.ReadError, httpx2.RemoteProtocolError)):
        return "the connection was cut"
    return shortened(f"{type(error).__name__}: {error}", _SHOWN)
