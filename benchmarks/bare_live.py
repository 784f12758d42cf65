"""The ceiling of fan-out: one ready frame to everybody, and nothing else.

A GET stays and is written to. A POST of N events has a frame of N of them written to
all, and is then answered. No HTTP is parsed beyond its first letter, nothing is stored,
nothing is decoded.

    python benchmarks/bare_live.py PORT
"""

import asyncio
import sys
from typing import ClassVar

import uvloop

EVENT = (
    b"id: 3132bec03c4e-1000.1000.1000.1000.1000\n"
    b'data: {"timestamp":"2019-10-04T01:52:07-03:00","stream":"events","shard_id":0,'
    b'"offset":1000,"data":12312,"subject":"7","instance":"bench"}\n\n'
)
ANSWER = b'HTTP/1.1 202 Accepted\r\ncontent-length: 14\r\n\r\n{"accepted":1}'


class Bare(asyncio.Protocol):
    """One connection."""

    readers: ClassVar[set[asyncio.Transport]] = set()

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        if data.startswith(b"GET"):
            self.transport.write(b"HTTP/1.1 200 OK\r\n\r\nready\n")
            self.readers.add(self.transport)
            return
        piece = EVENT * data.count(b"timestamp")
        chunk = b"%x\r\n%b\r\n" % (len(piece), piece)
        for reader in self.readers:
            reader.write(chunk)
        self.transport.write(ANSWER)

    def connection_lost(self, _):
        self.readers.discard(self.transport)


async def main() -> None:
    """Serve for ever."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Bare, "127.0.0.1", int(sys.argv[1]), backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
