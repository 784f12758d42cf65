"""Readers of event streams by the thousand, in a process of their own.

Connects, says so, and then answers each line on standard input with one JSON object:
how many events came since the last, and over how many seconds from the first byte to
the last. A reader here only counts, so that it is not what is measured.

    python benchmarks/live_readers.py PORT PATH READERS
"""

import json
import resource
import selectors
import socket
import sys
import time

MARK = b"\ndata: "
QUIET_S = 0.3


def connect(port: int, path: str, readers: int) -> list[socket.socket]:
    """Return sockets whose streams have begun."""
    request = f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()
    opened = []
    for _ in range(readers):
        one = socket.create_connection(("127.0.0.1", port))
        one.sendall(request)
        opened.append(one)
    for one in opened:
        head = b""
        while b"\nid: " not in head and b"ready" not in head:
            head += one.recv(65536)
        one.setblocking(False)  # noqa: FBT003 - takes no keyword
    return opened


def count(selector: selectors.BaseSelector, wanted: int) -> dict[str, float]:
    """Count events until so many came, or none for a while; return how many, and when."""
    buffer = bytearray(1 << 20)
    view = memoryview(buffer)
    seen, first, last = 0, 0.0, 0.0
    began = time.monotonic()
    while seen < wanted:
        ready = selector.select(QUIET_S)
        now = time.monotonic()
        if not ready and (seen or now - began > 10):
            break
        for key, _ in ready:
            size = key.fileobj.recv_into(view)
            seen += buffer.count(MARK, 0, size)
        if ready:
            first = first or now
            last = time.monotonic()
    return {"events": seen, "first_s": first, "last_s": last}


def main() -> None:
    """Read the command line, connect, count."""
    port, path, readers = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    selector = selectors.DefaultSelector()
    for one in connect(port, path, readers):
        selector.register(one, selectors.EVENT_READ)
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(count(selector, int(line))), flush=True)


if __name__ == "__main__":
    main()
