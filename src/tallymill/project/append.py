"""Add a table to `tallymill.toml` and keep every other byte of it."""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from tallymill.kernel.errors import Conflict, Unavailable

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


def append_table(path: Path, name: tuple[str, ...], table: Mapping[str, str]) -> None:
    """Write a table at the end of a file, which is made if need be.

    The file is replaced as a whole, so that a crash leaves the old one or the new one.

    Raises:
        Conflict: The file as it stands cannot have such a table at its end.
        Unavailable: It cannot be read or written.
    """
    try:
        # Bytes, as reading text would turn the file's own line ends into others.
        old = path.read_bytes().decode() if path.exists() else ""
        new = appended(old, name, table)
        _replace(path.resolve(), new)
    except OSError as exc:
        raise Unavailable(f"Cannot change {path}: {exc.strerror}.") from exc


def appended(text: str, name: tuple[str, ...], table: Mapping[str, str]) -> str:
    """Return a TOML text with one more table at its end.

    Raises:
        Conflict: The result would be no TOML, as with a table that is there already or
            is written inline.
    """
    if text and not text.endswith("\n"):
        text += "\n"
    heading = ".".join(_key(part) for part in name)
    lines = [f"{_key(key)} = {_string(value)}" for key, value in table.items()]
    gap = "\n" if text else ""
    new = f"{text}{gap}[{heading}]\n" + "".join(f"{line}\n" for line in lines)
    try:
        tomllib.loads(new)
    except tomllib.TOMLDecodeError as exc:
        raise Conflict(
            f"[{heading}] cannot be added to the file as it is: {exc}."
        ) from exc
    return new


def _key(part: str) -> str:
    return part if _BARE.fullmatch(part) else _string(part)


def _string(value: str) -> str:
    # A JSON string is a TOML string too, but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _replace(path: Path, text: str) -> None:
    with NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    new = Path(file.name)
    new.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
    new.replace(path)
