"""What a client keeps between its runs: the accounts chosen, and how far it has shown.

One small JSON file for each server, replaced as a whole, so that a crash leaves either
the old or the new one. It is locked by the client that uses it.
"""

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import msgspec

from tallymill.client.dialogue import ACCOUNTS_MOST
from tallymill.client.selection import LARGEST_ID

#: Between two writes while events pour in; what a killed client may show again.
PAUSE_S: Final = 0.1
_SIZE_MOST: Final = 16 * 1024 * 1024  #: bytes; what is larger was not written by us

Account = Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID)]


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file holds."""

    version: Annotated[int, msgspec.Meta(ge=1, le=1)] = 1
    accounts: Annotated[
        tuple[Account, ...], msgspec.Meta(max_length=ACCOUNTS_MOST)
    ] = ()
    position: str | None = None  #: id of the last event shown; None before the first


class StateFile:
    """A file that keeps, or, where that cannot be, one that only says so."""

    def __init__(self, path: Path, *, is_kept: bool) -> None:
        self._path = path
        self._is_kept = is_kept
        self._saved: Kept | None = None
        self._saved_s = float("-inf")

    def load(self) -> tuple[Kept, str | None]:
        """Return what is kept, and a sentence if that could not be read."""
        if not self._is_kept:
            return Kept(), None
        try:
            with self._path.open("rb") as file:
                text = file.read(_SIZE_MOST)
            self._saved = msgspec.json.decode(text, type=Kept)
        except FileNotFoundError:
            return Kept(), None
        except OSError as exc:
            self._is_kept = False
            return Kept(), f"{self._path} cannot be read ({exc.strerror}); {_UNKEPT}"
        except msgspec.MsgspecError as exc:
            return Kept(), self._set_aside(str(exc))
        return self._saved, None

    def save(self, kept: Kept, now_s: float) -> str | None:
        """Keep something if it is new and the last write is long enough ago.

        Args:
            kept: What to keep.
            now_s: Seconds of a monotonic clock; infinity writes at once.

        Returns:
            A sentence if it cannot be written; that is said once.
        """
        is_due = now_s - self._saved_s >= PAUSE_S
        if not self._is_kept or kept == self._saved or not is_due:
            return None
        try:
            self._write(msgspec.json.encode(kept))
        except OSError as exc:
            self._is_kept = False
            return f"{self._path} cannot be written ({exc.strerror}); {_UNKEPT}"
        self._saved = kept
        if now_s < float("inf"):
            self._saved_s = now_s
        return None

    def _write(self, text: bytes) -> None:
        part = self._path.with_name(f"{self._path.name}.part")
        part.write_bytes(text)
        part.chmod(0o600)
        part.replace(self._path)

    def _set_aside(self, why: str) -> str:
        """Move a damaged file out of the way, under a name that is free."""
        aside = next(
            path
            for number in range(1, 10_000)
            if not (path := self._path.with_name(f"{self._path.name}.damaged-{number}"))
            .exists()
        )  # fmt: skip
        try:
            self._path.rename(aside)
        except OSError as exc:
            self._is_kept = False
            return (
                f"{self._path} is damaged ({why}) and stays ({exc.strerror}); {_UNKEPT}"
            )
        return (
            f"{self._path} is damaged ({why}); it is kept as {aside.name}, begun anew"
        )


_UNKEPT: Final = "selection and position are not kept this time"


@contextmanager
def opened(path: Path) -> Iterator[tuple[StateFile, str | None]]:
    """Offer a state file that is locked while the block runs, or say why there is none.

    Yields:
        The file, and a sentence if it keeps nothing.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        why = f"{path} cannot be used ({exc.strerror}); {_UNKEPT}"
        yield StateFile(path, is_kept=False), why
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        why = f"{path} is in use by another client; {_UNKEPT}"
        yield StateFile(path, is_kept=False), why
        return
    else:
        yield StateFile(path, is_kept=True), None
    finally:
        # The lock file stays: to remove it would take it from whoever waits for it.
        with contextlib.suppress(OSError):
            os.close(lock)


def default_path(urls: Sequence[str], environment: dict[str, str], home: Path) -> Path:
    """Return where the state of the servers at some URLs is kept.

    Args:
        urls: One or more; the first one names the file.
        environment: `XDG_STATE_HOME` in it takes the place of ~/.local/state.
        home: The user's home folder.
    """
    base = environment.get("XDG_STATE_HOME", "")
    folder = Path(base) if base.startswith("/") else home / ".local" / "state"
    name = re.sub(r"[^A-Za-z0-9.]+", "_", urls[0].partition("://")[2]).strip("_")
    return folder / "tallymill" / f"client-{name[:100]}.json"
