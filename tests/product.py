"""The product as a process: started on a folder, asked over HTTP, ended or killed."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import httpx2

READY_WITHIN_S = 30
DEADLINE_S = 60


class Product:
    """`tallymill serve FOLDER` on a port of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.http = httpx2.Client(base_url=self.url, timeout=30)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        if self._process and self._process.poll() is None:
            self.terminate()

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text()

    def start(self) -> None:
        """Start it, and return once it is ready."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("TALLYMILL_", "WORKERS_MAX", "KAFKA_"))
        }
        command = [sys.executable, "-m", "tallymill", "serve", str(self.folder)]
        listen = ["--listen", f"127.0.0.1:{self.port}", *self._options]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *listen], env=environment, stdout=log, stderr=log
            )
        wait_for(self._is_ready, within_s=READY_WITHIN_S)

    def kill(self) -> None:
        """End it as `kill -9` does."""
        assert self._process
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def terminate(self, within_s: float = DEADLINE_S) -> int:
        """End it as a service manager does; returns its exit status."""
        assert self._process
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(within_s)

    def get(self, path: str) -> Any:
        """Return the JSON of a GET that must succeed."""
        return self.http.get(path).raise_for_status().json()

    def post(self, path: str, body: Any = None) -> Any:
        """Return the JSON of a POST that must succeed."""
        return self.http.post(path, json=body).raise_for_status().json()

    def _is_ready(self) -> bool:
        assert self._process
        assert self._process.poll() is None, self.log
        try:
            return self.http.get("/health/ready").status_code == 200
        except httpx2.TransportError:
            return False


def wait_for(condition: Callable[[], object], *, within_s: float = DEADLINE_S) -> None:
    """Return once a condition holds; another process's work can only be polled."""
    until = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until, "it did not come about in time"
        time.sleep(0.02)


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
