"""The client without a terminal: lines from standard input, lines to standard output."""

import asyncio
import os
import sys
from collections.abc import Sequence
from typing import Final, TextIO

from tallymill.client.dialogue import LINE_MOST
from tallymill.client.escapes import escaped

_STDIN: Final = 0
_PIECE: Final = 64 * 1024  #: bytes read at once
_LINE_BYTES_MOST: Final = LINE_MOST * 4


class Pipe:
    """Standard input and output; see `people.Person`."""

    def __init__(self, *, notes: TextIO, shows_prompt: bool = False) -> None:
        """Make a pipe.

        Args:
            notes: Where lines about how it goes are written.
            shows_prompt: Whether somebody types the lines.
        """
        self._notes = notes
        self._shows_prompt = shows_prompt
        self._buffer = bytearray()
        self._has_ended = False
        self._interrupt = asyncio.Event()

    def interrupt(self) -> None:
        """Do what Ctrl+C does."""
        self._interrupt.set()

    async def read(self, prompt: str) -> str | None:
        """See `Person.read`."""
        if self._shows_prompt:
            sys.stdout.write(prompt)
            sys.stdout.flush()
        line = asyncio.ensure_future(self._line())
        interrupt = asyncio.ensure_future(self._interrupt.wait())
        try:
            await asyncio.wait({line, interrupt}, return_when=asyncio.FIRST_COMPLETED)
            return None if interrupt.done() else line.result()
        finally:
            line.cancel()
            interrupt.cancel()

    async def show(self, lines: Sequence[str]) -> None:
        """See `Person.show`."""
        text = "".join(f"{line}\n" for line in lines)
        sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
        sys.stdout.buffer.flush()

    async def note(self, line: str) -> None:
        """See `Person.note`."""
        self._notes.write(f"{escaped(line)}\n")
        self._notes.flush()

    async def interrupted(self) -> None:
        """See `Person.interrupted`; the end of standard input is no interruption."""
        await self._interrupt.wait()
        self._interrupt.clear()

    async def _line(self) -> str | None:
        """Return the next line; None at the end. An endless one is cut where too long."""
        while (end := self._buffer.find(b"\n")) < 0 and not self._has_ended:
            if len(self._buffer) > _LINE_BYTES_MOST:
                # Enough to be refused as too long; the rest of the line goes unkept.
                del self._buffer[_LINE_BYTES_MOST:]
            piece = await _read()
            self._has_ended = not piece
            self._buffer += piece
        if end < 0:
            end = len(self._buffer)
            if not end:
                return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.decode("utf-8", "replace").removesuffix("\r")


async def _read() -> bytes:
    """Return some bytes of standard input; none at its end."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    try:
        loop.add_reader(_STDIN, _set, ready)
    except PermissionError:
        # A file: never waited for.
        return os.read(_STDIN, _PIECE)
    except OSError:
        return b""
    try:
        await ready
        return os.read(_STDIN, _PIECE)
    except OSError:
        return b""
    finally:
        loop.remove_reader(_STDIN)


def _set(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)
