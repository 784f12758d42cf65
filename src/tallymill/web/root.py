"""`GET /`: the page for a browser, the rate of events for everybody else."""

from functools import lru_cache

from tallymill.web.asgi import App, Message, Receive, Scope, Send, header, prepared
from tallymill.web.services import Services


class GetRoot:
    """Answers by what the client would rather have."""

    def __init__(self, services: Services, page: App) -> None:
        self._ingest = services.ingest
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the page to who accepts HTML, `{"Rate": N}` to who does not."""
        if b"text/html" in (header(scope, b"accept") or b""):
            await self._page(scope, receive, send)
            return
        start, body = _told(self._ingest.rate())
        await send(start)
        await send(body)


@lru_cache(maxsize=64)
def _told(rate: int) -> tuple[Message, Message]:
    return prepared(200, b'{"Rate":%d}' % rate, headers=((b"vary", b"accept"),))
