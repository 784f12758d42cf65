"""A reader who types everything that a page shows, in a folder and on a port of its own.

Port 8000 of the page is a free port here, in commands, files and outputs. A server that
the page starts is a process of the product; it ends with the page, or when the page
starts the next one.
"""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from acceptance.doc_commands import Commands
from acceptance.doc_match import matches
from acceptance.doc_pages import ROOT, Block

WAIT_S = 15.0  #: how long a reading is repeated until it shows what the page shows
SHOWN_FOLDER = "/home/you"
EXAMPLES = str(ROOT / "examples")
READY = "Stop it with Ctrl+C."

_CHANGES = (" -d", " --data", " -X", " -T", " -F")
_READINGS = ("list", "show", "runs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A command of a console block, and what is shown under it."""

    command: str
    shown: str

    @property
    def is_reading(self) -> bool:
        """Whether it may be typed again until the server has got so far."""
        words = self.command.split()
        if not self.shown:
            return False
        if words[0] == "tallymill":
            return len(words) > 2 and words[2] in _READINGS
        return words[0] == "curl" and not any(c in self.command for c in _CHANGES)


def steps_of(block: Block) -> list[Step]:
    """Return the commands of a console block; "$ " begins one."""
    steps: list[Step] = []
    command, shown, is_open = "", "", False
    for line in block.text.splitlines():
        if is_open:
            command += f"\n{line}"
        elif line.startswith("$ "):
            if command:
                steps.append(Step(command=command, shown=shown))
            command, shown = line[2:], ""
        else:
            assert command, f"{block.where}: output before the first command"
            shown += f"{line}\n"
            continue
        is_open = _is_open(command)
    return [*steps, Step(command=command, shown=shown)]


def _is_open(command: str) -> bool:
    if command.endswith("\\"):
        return True
    first, _, rest = command.partition("\n")
    if "<<'EOF'" in first:
        return not f"\n{rest}".endswith("\nEOF")
    try:
        shlex.split(command)
    except ValueError:
        return True
    return False


class Session:
    """One page's reader."""

    def __init__(self, folder: Path, commands: Commands) -> None:
        self._home = folder
        self.folder = folder
        self._port = _free_port()
        self._server: subprocess.Popen[str] | None = None
        self._errors = folder / ".errors"  #: what the server last started has logged
        self._environment = {
            # As in a shell with the environment activated.
            "PATH": f"{commands.path}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "COLUMNS": "200",
            "TALLYMILL_LISTEN": f"127.0.0.1:{self._port}",
        }

    def type(self, block: Block) -> None:
        """Type a console block; each output has to be the one shown."""
        for step in steps_of(block):
            self._take(step, block)

    def run_script(self, block: Block) -> None:
        """Run a sh block as one script; it has to end well."""
        ended = self._run(f"set -e\n{block.text}")
        assert ended.returncode == 0, f"{block.where}: {ended.stdout}"

    def write(self, file: str, text: str) -> None:
        """Put a block into the project: appended to a TOML file, else as the file."""
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        old = (
            path.read_text("utf-8") if path.suffix == ".toml" and path.exists() else ""
        )
        path.write_text(f"{old}\n{self._here(text)}", "utf-8")

    def close(self) -> None:
        """End the server, as a service manager does; it has to end well."""
        server, self._server = self._server, None
        if server is None:
            return
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=40)
        assert server.returncode == 0, self._errors.read_text("utf-8")

    def _take(self, step: Step, block: Block) -> None:
        words = shlex.split(step.command)
        if words[0] == "cd":
            self.folder = self.folder / words[1]
            return
        if words[:2] == ["tallymill", "serve"]:
            printed = self._start(words)
        else:
            printed = self._output(step)
        assert not step.shown or matches(step.shown, printed), (
            f"{block.where}: $ {step.command}\n--- shown\n{step.shown}--- printed\n{printed}"
        )

    def _output(self, step: Step) -> str:
        until_s = time.monotonic() + WAIT_S
        while True:
            printed = self._there(self._run(step.command).stdout)
            if not step.is_reading or time.monotonic() > until_s:
                return printed
            if matches(step.shown, printed):
                return printed

    def _run(self, script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", self._here(script)],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )

    def _start(self, words: list[str]) -> str:
        self.close()
        with self._errors.open("w") as errors:
            self._server = subprocess.Popen(
                words,
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self._server.stdout is not None
        printed = ""
        while READY not in printed:
            line = self._server.stdout.readline()
            assert line, f"the server ended: {printed}{self._errors.read_text()}"
            printed += line
        return self._there(printed)

    def _here(self, text: str) -> str:
        """Return the page's text for this session."""
        for host in ("127.0.0.1", "localhost"):
            text = text.replace(f"{host}:8000", f"{host}:{self._port}")
        text = text.replace("EXAMPLES/", f"{EXAMPLES}/")
        return text.replace(SHOWN_FOLDER, str(self._home))

    def _there(self, text: str) -> str:
        """Return this session's text as the page has it."""
        for host in ("127.0.0.1", "localhost"):
            text = text.replace(f"{host}:{self._port}", f"{host}:8000")
        return text.replace(str(self._home), SHOWN_FOLDER)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
