"""A process that has imported Tallymill, and forks for each command that it is asked.

A script, started by `doc_commands`: `doc_fork_server.py SOCKET`. What runs is the
program's own `main`, in a process of its own, with the caller's arguments, folder,
environment and streams.
"""

import json
import os
import signal
import socket
import sys
from importlib import import_module

from tallymill.cli import main

STREAMS = 3


def serve(door: str) -> None:
    """Fork for each connection, for ever."""
    for name in main.COMMANDS:
        import_module(f"tallymill.cli.{name}")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(door)
        listener.listen(100)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _carry_out(connection)
            connection.close()


def _carry_out(connection: socket.socket) -> None:
    """Fork once more, so that somebody can tell the command's exit status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size, streams, _, _ = socket.recv_fds(connection, 4, STREAMS)
    body = b""
    while len(body) < int.from_bytes(size, "big"):
        body += connection.recv(65536)
    child = os.fork()
    if child == 0:
        connection.close()
        _become(streams, json.loads(body))
    for stream in streams:
        os.close(stream)
    connection.sendall(b"%d\n" % child)
    _, status = os.waitpid(child, 0)
    connection.sendall(b"%d\n" % abs(os.waitstatus_to_exitcode(status)))
    os._exit(0)


def _become(streams: list[int], asked: dict[str, object]) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.chdir(str(asked["folder"]))
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = ["tallymill", *asked["arguments"]]
    status = 0
    try:
        main.main()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    serve(sys.argv[1])
