"""`tallymill accounts import | export`: accounts as CSV, with progress.

The columns are `id`, `name` and `active`, in any order, with a heading; `id` and
`active` may be left out. What is exported can be imported again, and changes nothing.
"""

import contextlib
import csv
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Annotated, Any, Final

import msgspec
import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tallymill.accounts.model import CHOSEN_ID_MOST
from tallymill.cli.connection import Call, Server, connected, decoded
from tallymill.cli.options import Json, Url
from tallymill.cli.terminal import note, say, say_json, stderr
from tallymill.kernel.errors import Fault, Invalid, Malformed, NotFound, TallymillError

COLUMNS: Final = ("id", "name", "active")
BATCH: Final = 1000  #: accounts in a request
STDIO: Final = "-"

_TRUTH: Final = {
    "": True, "yes": True, "true": True, "1": True,
    "no": False, "false": False, "0": False,
}  # fmt: skip


class _Done(msgspec.Struct):
    """What has become of the rows so far."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0


def import_(
    file: Annotated[str, typer.Argument(help="A CSV file; - is standard input.")],
    *,
    url: Url = None,
    json: Json = False,
) -> None:
    """Make or change accounts as a CSV file says; the whole file is checked first.

    A row with an id makes or changes that account; one without makes a new one.
    """
    with _opened(file) as lines:
        rows = _read(lines, "standard input" if file == STDIO else file)
    done = _Done()
    with connected(url) as server, _progress(len(rows)) as progress:
        task = progress.add_task("accounts", total=len(rows))
        try:
            for start in range(0, len(rows), BATCH):
                _save(server, rows[start : start + BATCH], done)
                progress.update(task, advance=len(rows[start : start + BATCH]))
        except TallymillError:
            progress.stop()
            stored = done.added + done.changed + done.unchanged
            note(f"Stopped after {stored} of {len(rows)} accounts that are stored.")
            raise
    if json:
        say_json(done)
        return
    say(
        f"{len(rows)} accounts read: {done.added} added, {done.changed} changed, "
        f"{done.unchanged} as they were."
    )


def export(
    file: Annotated[
        str, typer.Argument(help="Where to write; - is standard output.")
    ] = STDIO,
    *,
    url: Url = None,
) -> None:
    """Write all accounts as CSV."""
    with connected(url) as server, contextlib.ExitStack() as opened:
        first = server.get("/accounts", limit=BATCH)
        output: IO[str] = sys.stdout
        if file != STDIO:
            output = opened.enter_context(_new(Path(file)))
        writer = csv.writer(output, lineterminator="\n")
        writer.writerow(COLUMNS)
        progress = opened.enter_context(_progress(first["total"]))
        task = progress.add_task("accounts", total=first["total"])
        for page in _pages(server, first):
            writer.writerows(
                (each["ID"], each["Name"], "yes" if each["IsActive"] else "no")
                for each in page
            )
            progress.update(task, advance=len(page))
    if file != STDIO:
        note(f"{first['total']} accounts written to {file}.")


def _pages(server: Server, first: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    page = first["accounts"]
    while page:
        yield page
        if len(page) < BATCH:
            return
        after = page[-1]["ID"]
        page = server.get("/accounts", after=after, limit=BATCH)["accounts"]


def _save(server: Server, rows: list[dict[str, Any]], done: _Done) -> None:
    call = Call(method="POST", path="/accounts", content=msgspec.json.encode(rows))
    # Only what names its accounts may be sent again after a lost answer.
    again = all("ID" in row for row in rows)
    answer = decoded(server.send_until_taken(call) if again else server.send(call))
    done.added += answer["added"]
    done.changed += answer["changed"]
    done.unchanged += answer["unchanged"]


def _read(lines: Iterable[str], name: str) -> list[dict[str, Any]]:
    """Return every row as the server takes it; all faults are told at once."""
    faults: list[Fault] = []
    reader = csv.DictReader(lines, strict=True)
    try:
        _check_columns(reader.fieldnames, name)
        found = [_row(row, f"{name} line {reader.line_num}", faults) for row in reader]
    except (csv.Error, UnicodeDecodeError) as exc:
        raise Malformed(f"{name} line {reader.line_num} is no CSV: {exc}.") from exc
    if faults:
        raise Invalid(
            f"{len(faults)} rows of {name} are wrong; nothing was sent.", faults=faults
        )
    return [row for row in found if row is not None]


def _check_columns(names: Iterable[str] | None, file: str) -> None:
    found = list(names or ())
    strange = [name for name in found if name not in COLUMNS]
    if strange or "name" not in found or len(set(found)) < len(found):
        raise Malformed(
            f"{file} must begin with a heading of the columns id, name and active "
            f"(name at least, each once), not {','.join(found)[:80]!r}."
        )


def _row(row: dict[str, Any], place: str, faults: list[Fault]) -> dict[str, Any] | None:
    """Return a row as the server takes it; None, and faults, if it is wrong."""
    before = len(faults)
    if None in row or None in row.values():
        faults.append(Fault(place, f"{place} has too many or too few fields"))
        return None
    number, active = row.get("id", "").strip(), row.get("active", "").strip().lower()
    read: dict[str, Any] = {"Name": row["name"], "IsActive": _TRUTH.get(active)}
    if number:
        read["ID"] = _id(number)
        if read["ID"] is None:
            faults.append(Fault(place, f"{place}: {number[:40]!r} is no positive id"))
    if read["IsActive"] is None:
        faults.append(
            Fault(place, f"{place}: active is {active[:40]!r}, not yes or no")
        )
    if not row["name"].strip():
        faults.append(Fault(place, f"{place}: the name is empty"))
    return read if len(faults) == before else None


def _id(text: str) -> int | None:
    if not (
        text.isascii() and text.isdigit() and len(text) <= len(str(CHOSEN_ID_MOST))
    ):
        return None
    return int(text) if 1 <= int(text) <= CHOSEN_ID_MOST else None


@contextlib.contextmanager
def _opened(file: str) -> Iterator[Iterable[str]]:
    if file == STDIO:
        yield sys.stdin
        return
    try:
        with Path(file).open(encoding="utf-8-sig", newline="") as lines:
            yield lines
    except FileNotFoundError as exc:
        raise NotFound(f"There is no file {file}.") from exc
    except OSError as exc:
        raise Malformed(f"{file} cannot be read: {exc.strerror}.") from exc


@contextlib.contextmanager
def _new(path: Path) -> Iterator[IO[str]]:
    try:
        with path.open("w", encoding="utf-8", newline="") as output:
            yield output
    except OSError as exc:
        raise Malformed(f"{path} cannot be written: {exc.strerror}.") from exc


def _progress(total: int) -> Progress:
    console = stderr()
    return Progress(
        BarColumn(),
        TextColumn("{task.completed:,} of {task.total:,} accounts"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal or total <= BATCH,
        transient=True,
    )
