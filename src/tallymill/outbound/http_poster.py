"""`Poster` over httpx2: one request, one reply, every wait bounded."""

import asyncio
from collections.abc import Mapping

import httpx2

from tallymill import __version__
from tallymill.delivery.model import REPLY_KEPT_BYTES, Reply
from tallymill.kernel.errors import Unavailable

_CONNECT_S = 5.0
#: The courier bounds what is under way; the pool must not be a second queue.
_LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=20)


class HttpPoster:
    """Sends requests over connections that are kept alive. A service."""

    def __init__(self) -> None:
        self._client: httpx2.AsyncClient | None = None

    async def start(self) -> None:
        """Make the client."""
        self._client = httpx2.AsyncClient(
            follow_redirects=False,
            limits=_LIMITS,
            headers={"User-Agent": f"tallymill/{__version__}"},
        )

    async def stop(self) -> None:
        """Close all connections; idempotent."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def post(
        self, url: str, *, body: bytes, headers: Mapping[str, str], timeout_s: float
    ) -> Reply:
        """See `Poster.post`."""
        if self._client is None:
            raise Unavailable("The server is shutting down.")
        try:
            # The client's own limits are for each step; a reply that drips would pass.
            async with asyncio.timeout(timeout_s):
                return await self._post(self._client, url, body, headers, timeout_s)
        except TimeoutError as exc:
            raise Unavailable(f"No reply within {timeout_s:g} seconds.") from exc
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as exc:
            raise Unavailable(_told(exc)) from exc
        except (OSError, ValueError) as exc:
            raise Unavailable(_told(exc)) from exc

    async def _post(
        self,
        client: httpx2.AsyncClient,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        timeout_s: float,
    ) -> Reply:
        timeout = httpx2.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s))
        async with client.stream(
            "POST", url, content=body, headers=dict(headers), timeout=timeout
        ) as response:
            return Reply(
                status=response.status_code,
                body=await _beginning(response),
                retry_after=response.headers.get("Retry-After"),
            )


async def _beginning(response: httpx2.Response) -> bytes:
    """Return the first bytes of a reply as sent; the rest is not waited for."""
    kept = b""
    async for chunk in response.aiter_raw():
        kept += chunk
        if len(kept) >= REPLY_KEPT_BYTES:
            break
    return kept[:REPLY_KEPT_BYTES]


def _told(exc: Exception) -> str:
    said = str(exc).strip()
    kind = type(exc).__name__
    return f"No reply: {kind}: {said}." if said else f"No reply: {kind}."
