"""The command `tallymill` without its start-up time.

Importing the program takes a second or two, and the pages have dozens of commands. So
one process imports it once and forks for each command (`doc_fork_server`); a small
script named `tallymill`, first in PATH, asks it and passes signals on.
"""

import subprocess
import sys
from pathlib import Path

#: Started without site packages, it takes some hundredths of a second.
SHIM = """\
#!{python} -SE
import json, os, signal, socket, sys
with socket.socket(socket.AF_UNIX) as door:
    door.connect({door!r})
    asked = {{"folder": os.getcwd(), "arguments": sys.argv[1:], "environment": dict(os.environ)}}
    body = json.dumps(asked).encode()
    socket.send_fds(door, [len(body).to_bytes(4, "big")], [0, 1, 2])
    door.sendall(body)
    told = door.makefile("rb")
    command = int(told.readline())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: os.kill(command, number))
    sys.exit(int(told.readline() or b"1"))
"""


class Commands:
    """A folder for PATH with a quick `tallymill` in it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "bin"
        self.path.mkdir()
        door = str(folder / "door")
        shim = self.path / "tallymill"
        shim.write_text(SHIM.format(python=sys.executable, door=door))
        shim.chmod(0o755)
        server = Path(__file__).with_name("doc_fork_server.py")
        self._process = subprocess.Popen(
            [sys.executable, server, door], stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def close(self) -> None:
        """End the process; a command that still runs goes on to its own end."""
        self._process.terminate()
        self._process.communicate()
