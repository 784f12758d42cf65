"""`GET /`: the page for a browser, the rate of events for everybody else."""

from tallymill.web.asgi import App, Receive, Scope, Send, answer, header
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
        body = b'{"Rate":%d}' % self._ingest.rate()
        await answer(send, 200, body, headers=((b"vary", b"accept"),))
