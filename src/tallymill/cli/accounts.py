"""`tallymill accounts`: the accounts of a running server.

Import and export are in a file of their own, joined here.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Final

import msgspec
import typer

from tallymill.cli import accounts_csv
from tallymill.cli.connection import Call, Server, connected, decoded, path_of
from tallymill.cli.options import Json, Url
from tallymill.cli.terminal import say, say_fields, say_json, say_table

PAGE: Final = 1000  #: accounts that are asked for at once

AccountId = Annotated[int, typer.Argument(help="The account's id.", metavar="ID")]

app = typer.Typer(help="Whom events are about.", no_args_is_help=True)
app.command("import")(accounts_csv.import_)
app.command("export")(accounts_csv.export)


@app.command("list")
def list_(
    *,
    name: Annotated[
        str | None, typer.Option(help="Only names with this in it, whatever the case.")
    ] = None,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="Only these.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    url: Url = None,
    json: Json = False,
) -> None:
    """List accounts by their ids."""
    with connected(url) as server:
        found = list(_accounts(server, limit, {"name": name, "active": active}))
    if json:
        say_json(found)
        return
    say_table(
        ("ID", "NAME", "ACTIVE"),
        [(each["ID"], each["Name"], _yes(each["IsActive"])) for each in found],
    )


@app.command()
def show(account_id: AccountId, *, url: Url = None, json: Json = False) -> None:
    """Show one account."""
    with connected(url) as server:
        _tell(server.get(path_of("accounts", account_id)), as_json=json)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="1 to 255 characters.")],
    *,
    inactive: Annotated[
        bool, typer.Option("--inactive", help="It takes no events at first.")
    ] = False,
    url: Url = None,
    json: Json = False,
) -> None:
    """Add an account with the next free id."""
    with connected(url) as server:
        account = server.post("/", {"Name": name, "IsActive": not inactive})
    _tell(account, as_json=json)


@app.command()
def activate(account_id: AccountId, *, url: Url = None, json: Json = False) -> None:
    """Let an account take events, from the next one on."""
    account = _change(url, account_id, {"IsActive": True})
    _said(account, f"Account {account_id} is active.", as_json=json)


@app.command()
def deactivate(account_id: AccountId, *, url: Url = None, json: Json = False) -> None:
    """Let an account take no more events, from the next one on."""
    account = _change(url, account_id, {"IsActive": False})
    _said(account, f"Account {account_id} is not active any more.", as_json=json)


@app.command()
def rename(
    account_id: AccountId,
    name: Annotated[str, typer.Argument(help="1 to 255 characters.")],
    *,
    url: Url = None,
    json: Json = False,
) -> None:
    """Give an account another name."""
    account = _change(url, account_id, {"Name": name})
    _said(account, f"Account {account_id} is called {name}.", as_json=json)


def _accounts(
    server: Server, limit: int, wanted: dict[str, object]
) -> Iterator[dict[str, Any]]:
    """Yield accounts page by page."""
    after = 0
    while limit > 0:
        size = min(limit, PAGE)
        page = server.get("/accounts", after=after, limit=size, **wanted)["accounts"]
        yield from page
        if len(page) < size:
            return
        limit -= size
        after = page[-1]["ID"]


def _change(url: str | None, account_id: int, change: dict[str, object]) -> Any:  # noqa: ANN401 - JSON
    with connected(url) as server:
        call = Call(
            method="PATCH",
            path=path_of("accounts", account_id),
            content=msgspec.json.encode(change),
        )
        return decoded(server.send(call))


def _tell(account: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        say_json(account)
        return
    say_fields(
        [
            ("id", account["ID"]),
            ("name", account["Name"]),
            ("active", _yes(account["IsActive"])),
        ]
    )


def _said(account: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    if as_json:
        say_json(account)
        return
    say(sentence)


def _yes(truth: object) -> str:
    return "yes" if truth else "no"
