"""A program in a terminal of its own: keys go in, and what a person would see comes out.

`Glass` is as much of a VT100 as line editors use; `Seat` runs a program behind one.
"""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

ENTER, TAB, CTRL_C, CTRL_D, UP = "\r", "\t", "\x03", "\x04", "\x1b[A"
WITHIN_S = 30.0

_CSI = re.compile(r"\x1b\[([?>=!]?)([0-9;]*)([@-~])")
_OTHER = re.compile(r"\x1b(?:\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Z0-9]|[=>78cM])")


class Glass:
    """What is written to a terminal, as it looks; all that has scrolled away is kept."""

    def __init__(self, columns: int, rows: int) -> None:
        self._columns = columns
        self._rows = rows
        self._lines: list[list[str]] = [[]]
        self._row = self._column = 0
        self._rest = ""
        self.strange: list[str] = []  #: what a terminal would obey and this does not

    @property
    def count(self) -> int:
        """How many lines there are so far."""
        return len(self._lines)

    def lines(self, first: int = 0) -> list[str]:
        """Return the lines from one on; cells never written to are not there."""
        return ["".join(line) for line in self._lines[first:]]

    def write(self, text: str) -> None:
        """Obey a piece of output."""
        text, self._rest = self._rest + text, ""
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                end = self._escape(text, at)
                if end < 0:
                    self._rest = text[at:]
                    return
                at = end
                continue
            self._plain(text[at])
            at += 1

    def _escape(self, text: str, at: int) -> int:
        """Obey an escape sequence; return where it ends, or -1 if it is not all here."""
        if match := _CSI.match(text, at):
            if not match[1]:
                self._control(match[2], match[3])
            return match.end()
        if match := _OTHER.match(text, at):
            return match.end()
        if len(text) - at < 64:
            return -1
        self.strange.append(text[at : at + 20])
        return at + 1

    def _control(self, numbers: str, kind: str) -> None:
        count = int(numbers.split(";", maxsplit=1)[0] or 0) if numbers else 0
        steps = max(1, count)
        if kind == "A":
            self._row = max(self._row - steps, len(self._lines) - self._rows, 0)
        elif kind == "B":
            self._down(steps)
        elif kind == "C":
            self._column = min(self._column + steps, self._columns - 1)
        elif kind == "D":
            self._column = max(0, self._column - steps)
        elif kind == "K" and count == 0:
            del self._lines[self._row][self._column :]
        elif kind == "J" and count == 0:
            del self._lines[self._row][self._column :]
            del self._lines[self._row + 1 :]
        elif kind != "m":
            self.strange.append(f"CSI {numbers}{kind}")

    def _plain(self, character: str) -> None:
        if character == "\r":
            self._column = 0
        elif character == "\n":
            self._down(1)
        elif character == "\b":
            self._column = max(0, self._column - 1)
        elif character == "\x07":
            return
        elif unicodedata.category(character) in {"Cc", "Cs"}:
            self.strange.append(repr(character))
        else:
            self._put(character)

    def _put(self, character: str) -> None:
        width = 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if self._column + width > self._columns:
            self._column = 0
            self._down(1)
        line = self._lines[self._row]
        line += [" "] * (self._column + width - len(line))
        line[self._column : self._column + width] = [character, ""][:width]
        self._column += width

    def _down(self, steps: int) -> None:
        self._row += steps
        while len(self._lines) <= self._row:
            self._lines.append([])


class Seat:
    """A program that runs in a pseudo-terminal until the block ends."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: dict[str, str],
        folder: Path,
        columns: int = 120,
        rows: int = 40,
    ) -> None:
        self._command = command
        self._environment = {**environment, "TERM": "xterm"}
        self._folder = folder
        self._size = columns, rows
        self.glass = Glass(columns, rows)
        self.raw = bytearray()  #: every byte that was written

    def __enter__(self) -> Self:
        self._keys, theirs = pty.openpty()
        columns, rows = self._size
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
        self.process = subprocess.Popen(
            self._command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=self._environment,
            cwd=self._folder,
            start_new_session=True,
        )
        os.close(theirs)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._keys)

    @property
    def lines(self) -> list[str]:
        """What has been on the screen from the first line to the last."""
        return self.glass.lines()

    def type(self, keys: str) -> None:
        """Press keys."""
        left = keys.encode()
        while left:
            written = os.write(self._keys, left[:512])
            left = left[written:]
            self.look(0)

    def look(self, within_s: float) -> bool:
        """Take in what is written within some seconds; False if that was nothing."""
        if not select.select([self._keys], [], [], within_s)[0]:
            return False
        try:
            piece = os.read(self._keys, 65536)
        except OSError:  # the program has closed its end
            return False
        self.raw += piece
        self.glass.write(piece.decode("utf-8", "replace"))
        return bool(piece)

    def wait_for(
        self,
        is_there: str | Callable[[list[str]], object],
        *,
        first: int = 0,
        within_s: float = WITHIN_S,
    ) -> None:
        """Return once a line is on the screen, or what a function looks for.

        Args:
            is_there: A whole line, or a function of the lines.
            first: Number of the first line to look at.
            within_s: After which the test fails.
        """
        found = is_there if callable(is_there) else lambda lines: is_there in lines
        until = time.monotonic() + within_s
        is_new = True
        while not (is_new and found(self.glass.lines(first))):
            assert time.monotonic() < until, "\n".join(self.lines[-60:])
            is_new = self.look(0.05)

    def end(self, within_s: float = WITHIN_S) -> int:
        """Return the exit status once the program has ended."""
        until = time.monotonic() + within_s
        while self.process.poll() is None:
            assert time.monotonic() < until, "\n".join(self.lines[-60:])
            self.look(0.05)
        while self.look(0):
            pass
        return self.process.returncode

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
