"""A reader of live events over a raw socket, that is cut and comes back."""

import asyncio
import contextlib
import json
from collections import defaultdict

from tallymill.live.frames import SseReader


class LiveClient:
    """Follows a subscription; keeps each subject's data in the order of arrival."""

    def __init__(self, port, body, last_id):
        self.port = port
        self.body = body
        self.last_id = last_id
        self.datas = defaultdict(list)
        self.seen = 0
        self.cuts = 0
        self.others = []  #: events other than events proper
        self.arrived = asyncio.Event()

    async def run(self, cut_after):
        """Read for ever; `cut_after()` says after how many events to hang up."""
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._connection(cut_after())
            self.cuts += 1

    async def _connection(self, events):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            body = json.dumps({**self.body, "after": self.last_id}).encode()
            writer.write(
                b"POST /events/live HTTP/1.1\r\nHost: localhost\r\n"
                b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                % (len(body), body)
            )
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 "), head
            await self._read(reader, events)
        finally:
            writer.transport.abort()

    async def _read(self, reader, events):
        stream = SseReader(self.last_id)
        until = self.seen + events
        while piece := await reader.read(65536):
            for event in stream.feed(piece):
                self.last_id = event.id
                if event.type == "message":
                    self._take(json.loads(event.data))
                else:
                    self.others.append(event)
                if self.seen == until:
                    return  # the rest of the piece is lost with the connection
            self.last_id = stream.last_event_id

    def _take(self, told):
        self.datas[told["subject"]].append(told["data"])
        self.seen += 1
        self.arrived.set()
