"""`GET /`: the page for a browser, the rate of events for everybody else."""

from functools import lru_cache

from tallymill.web.asgi import App, Message, Receive, Scope, Send, header, whole
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
        for message in rate_messages(self._ingest.rate()):
            await send(message)


@lru_cache(maxsize=64)
def rate_messages(rate: int) -> tuple[Message, Message]:
    """Return the answer that tells a rate."""
    return whole(200, b'{"Rate":%d}' % rate, headers=((b"vary", b"accept"),))
