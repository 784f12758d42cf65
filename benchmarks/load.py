"""A closed-loop HTTP/1.1 sender for the benchmarks: threads on raw sockets.

Each connection sends the same prepared request again and again and notes how long
each answer took. It runs in a process of its own, on the same cores as the server.

    python benchmarks/load.py HOST:PORT PATH --body FILE --connections 4 --seconds 5
"""

import argparse
import json
import socket
import threading
import time
from pathlib import Path
from statistics import median


def request_bytes(
    path: str,
    body: bytes,
    *,
    method: str = "POST",
    headers: dict[str, str] | None = None,
) -> bytes:
    """Return a whole HTTP/1.1 request."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def read_answer(connection: socket.socket) -> tuple[int, bytes]:
    """Read one answer that has a Content-Length; return its status and body."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            raise ConnectionError("the server closed the connection")
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        body += connection.recv(65536)
    return int(head.split(b" ", 2)[1]), body


class Sender(threading.Thread):
    """One connection's loop until a moment of the monotonic clock."""

    def __init__(
        self, address: tuple[str, int], request: bytes, until_s: float
    ) -> None:
        super().__init__()
        self._address, self._request, self._until_s = address, request, until_s
        self.took_s: list[float] = []
        self.statuses: dict[int, int] = {}

    def run(self) -> None:
        """Send and wait, again and again."""
        with socket.create_connection(self._address) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while (begun := time.perf_counter()) < self._until_s:
                connection.sendall(self._request)
                status, _ = read_answer(connection)
                self.took_s.append(time.perf_counter() - begun)
                self.statuses[status] = self.statuses.get(status, 0) + 1


def run(
    address: tuple[str, int], request: bytes, *, connections: int, seconds: float
) -> dict[str, object]:
    """Send from several connections; return counts and times in milliseconds."""
    begun = time.perf_counter()
    senders = [Sender(address, request, begun + seconds) for _ in range(connections)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    passed_s = time.perf_counter() - begun
    took = sorted(t for sender in senders for t in sender.took_s)
    statuses: dict[int, int] = {}
    for sender in senders:
        for status, count in sender.statuses.items():
            statuses[status] = statuses.get(status, 0) + count
    return {
        "requests": len(took),
        "per_s": len(took) / passed_s,
        "p50_ms": median(took) * 1e3 if took else None,
        "p99_ms": took[int(len(took) * 0.99)] * 1e3 if took else None,
        "max_ms": took[-1] * 1e3 if took else None,
        "statuses": statuses,
    }


def main() -> None:
    """Read the command line, send, print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address")
    parser.add_argument("path")
    parser.add_argument("--method", default="POST")
    parser.add_argument("--body", type=Path)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5)
    args = parser.parse_args()
    host, _, port = args.address.rpartition(":")
    body = args.body.read_bytes() if args.body else b""
    request = request_bytes(args.path, body, method=args.method)
    print(
        json.dumps(
            run(
                (host, int(port)),
                request,
                connections=args.connections,
                seconds=args.seconds,
            )
        )
    )


if __name__ == "__main__":
    main()
