"""Starts what is measured as a process of its own, and ends it again."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Server:
    """A running server."""

    pid: int
    port: int
    folder: Path

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    def memory_mb(self) -> float:
        """Return the most memory that it had resident so far."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024


@contextlib.contextmanager
def tallymill(toml: str = "", folder: Path | None = None) -> Iterator[Server]:
    """Serve a project in a folder of its own, or in the one given."""
    with contextlib.ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "tallymill.toml").write_text(toml)
        port = free_port()
        command = [sys.executable, "-m", "tallymill", "serve", str(folder)]
        options = ["--listen", f"127.0.0.1:{port}"]
        yield stack.enter_context(_process([*command, *options], port, folder))


@contextlib.contextmanager
def bare(kind: str) -> Iterator[Server]:
    """Serve one of the handlers of `bare.py`."""
    with tempfile.TemporaryDirectory() as name:
        port = free_port()
        command = [sys.executable, str(HERE / "bare.py"), kind, str(port), name]
        with _process(command, port, Path(name)) as server:
            yield server


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def _process(command: list[str], port: int, folder: Path) -> Iterator[Server]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TALLYMILL")}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_until_open(port, process)
        yield Server(process.pid, port, folder)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()


def wait_until_open(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Return once the port answers; at most 20 seconds."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", port), 1),
        ):
            return
        time.sleep(0.05)
    raise RuntimeError("the server did not open its port")
