"""Files that a browser is given: read once, sent whole, known again by their ETag."""

import hashlib
from importlib.resources.abc import Traversable
from typing import Final

from tallymill.web.asgi import Receive, Scope, Send, answer, header

_TYPES: Final = {
    "html": b"text/html; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "css": b"text/css; charset=utf-8",
}
#: Only what this server sends runs, and nothing frames it.
PAGE_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    b"img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class StaticFile:
    """One file of a package."""

    def __init__(self, source: Traversable, *, policy: bytes = PAGE_POLICY) -> None:
        self._source = source
        self._type = _TYPES[source.name.rpartition(".")[2]]
        self._policy = policy
        self._read: tuple[bytes, bytes] | None = None

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        """Send the file, or 304 to whoever has it."""
        body, etag = self._content()
        headers = (
            (b"etag", etag),
            # Kept, but asked for again each time: a new version is seen at once.
            (b"cache-control", b"no-cache"),
            (b"content-security-policy", self._policy),
            (b"referrer-policy", b"no-referrer"),
            (b"vary", b"accept"),
        )
        known = header(scope, b"if-none-match") == etag
        await answer(
            send,
            304 if known else 200,
            b"" if known else body,
            content_type=self._type,
            headers=headers,
        )

    def _content(self) -> tuple[bytes, bytes]:
        if self._read is None:
            body = self._source.read_bytes()
            etag = b'"%s"' % hashlib.sha256(body).hexdigest()[:32].encode("ascii")
            self._read = body, etag
        return self._read
