"""A little HTTP server of the test's own: it answers as told, and keeps what it got."""

import asyncio
from contextlib import asynccontextmanager


class Receiver:
    """Answers requests with `answer(headers, body)`, a pair of status and headers."""

    def __init__(self, answer):
        self._answer = answer
        self.requests = []
        self.port = 0
        self.got = asyncio.Condition()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/result"

    async def wait_for(self, count):
        """Wait until so many requests have come."""
        async with self.got:
            await self.got.wait_for(lambda: len(self.requests) >= count)

    async def serve(self, reader, writer):
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                headers = _headers(head)
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                async with self.got:
                    self.requests.append((headers, body))
                    self.got.notify_all()
                status, more, reply = await self._answer(headers, body)
                lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(reply)}", *more]
                writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def _headers(head):
    lines = head.decode().split("\r\n")[1:]
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return {name.lower(): value.strip() for name, value in pairs}


def always(status, *headers, reply=b"ok"):
    async def answer(_headers, _body):
        return status, headers, reply

    return answer


@asynccontextmanager
async def receiving(answer):
    """Serve on a free port of 127.0.0.1."""
    receiver = Receiver(answer)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
