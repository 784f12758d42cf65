"""The client in a terminal, with prompt_toolkit.

The terminal stays in raw mode from beginning to end and is written to by this file
alone, so that neither an event nor the echo of a key can land within what is typed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.input import create_input
from prompt_toolkit.output import create_output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.shortcuts import CompleteStyle

from tallymill.client.dialogue import COMMANDS, PROMPT
from tallymill.client.escapes import escaped

HINT: Final = " listening; Ctrl+C returns to the options"


class Screen:
    """The terminal of standard input and output; see `people.Person`."""

    def __init__(self, history: Path | None) -> None:
        """Make a screen.

        Args:
            history: Where typed lines are kept; None for nowhere.
        """
        self._output = create_output()
        if isinstance(self._output, Vt100_Output):
            # Asking where the cursor is would bring a warning where nobody answers.
            self._output.enable_cpr = False
        self._input = create_input()
        self._commands = WordCompleter(list(COMMANDS), sentence=True)
        self._is_interrupted = False
        self._session: PromptSession[str] = PromptSession(
            input=self._input,
            output=self._output,
            history=_history(history),
            complete_while_typing=False,
            complete_style=CompleteStyle.READLINE_LIKE,
        )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the terminal while the block runs."""
        with self._input.raw_mode(), patch_stdout():
            yield

    def interrupt(self) -> None:
        """Do what Ctrl+C does."""
        if self._session.app.is_running and not self._session.app.is_done:
            self._session.app.exit(exception=KeyboardInterrupt)
        else:
            self._is_interrupted = True

    async def read(self, prompt: str) -> str | None:
        """See `Person.read`."""
        if self._is_interrupted:
            self._is_interrupted = False
            return None
        self._session.completer = self._commands if prompt == PROMPT else None
        # Without a prompt, what was typed would stay between the events.
        self._session.app.erase_when_done = not prompt
        try:
            return await self._session.prompt_async(
                prompt, handle_sigint=False, set_exception_handler=False
            )
        except (EOFError, KeyboardInterrupt):
            return None

    async def show(self, lines: Sequence[str]) -> None:
        """See `Person.show`; what is being typed moves below the lines."""
        app = self._session.app
        if app.is_running:
            app.renderer.erase()
        self._output.write("".join(f"{line}\r\n" for line in lines))
        self._output.flush()
        if app.is_running:
            app.invalidate()

    async def note(self, line: str) -> None:
        """See `Person.note`."""
        await self.show([escaped(line)])

    async def interrupted(self) -> None:
        """See `Person.interrupted`; keys are taken meanwhile, and shown below."""
        while (line := await self.read("")) is not None:
            if line.strip():
                await self.show([HINT])


class _KeptHistory(FileHistory):
    """A history in a file that may become unwritable at any time."""

    def store_string(self, string: str) -> None:
        """Keep a line, unless it cannot be kept: the person is not to be disturbed."""
        with suppress(OSError):
            super().store_string(string)


def _history(path: Path | None) -> History:
    """Return a history in a file, or, where that cannot be, for this run only."""
    if path is None:
        return InMemoryHistory()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.read_bytes()
    except OSError:
        return InMemoryHistory()
    return _KeptHistory(str(path))
