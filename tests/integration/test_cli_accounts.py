"""`tallymill accounts` and `tallymill send --account` against a running server."""

import csv
import io
import json
import sys

import pytest
from product import Product

from tallymill.cli import main as cli


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "tallymill.toml").write_text("seed_accounts = 3\n")
    with Product(folder) as product:
        yield product


@pytest.fixture
def tallymill(product, monkeypatch, capsys):
    """Return a function that runs a command and gives (status, out, err)."""

    def run(*arguments, stdin=""):
        words = ["tallymill", *map(str, arguments), "--url", product.url]
        monkeypatch.setattr(sys, "argv", words)
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        try:
            cli.main()
            status = 0
        except SystemExit as exc:
            status = exc.code or 0
        out, err = capsys.readouterr()
        return status, out, err

    return run


def stored(product, account):
    found = product.get(f"/events?stream=accounts&subject={account}&limit=1000")
    return [each["data"] for each in found["events"]]


def test_an_account_is_added_shown_renamed_and_switched(tallymill):
    status, out, _ = tallymill("accounts", "add", "Ada", "--json")
    ada = json.loads(out)
    assert (status, ada["Name"], ada["IsActive"]) == (0, "Ada", True)

    for command in (["deactivate"], ["rename"], ["activate"], ["deactivate"]):
        more = ["Eve"] if command == ["rename"] else []
        assert tallymill("accounts", *command, ada["ID"], *more)[0] == 0

    assert tallymill("accounts", "show", ada["ID"])[1] == (
        f"id      {ada['ID']}\nname    Eve\nactive  no\n"
    )
    _, out, _ = tallymill("accounts", "list", "--name", "eVE", "--inactive", "--json")
    assert [each["ID"] for each in json.loads(out)] == [ada["ID"]]


def test_who_is_not_there_is_one_clear_line(tallymill):
    status, out, err = tallymill("accounts", "show", 99_999)

    assert (status, out) == (1, "")
    assert "no account 99999" in err


def test_a_name_with_an_escape_is_refused_and_never_reaches_the_terminal(tallymill):
    status, out, err = tallymill("accounts", "add", "a\x1b[31mred")

    assert (status, out) == (1, "")
    assert "control character" in err
    assert "\x1b" not in err


def test_what_is_exported_can_be_imported_and_changes_nothing(tallymill, tmp_path):
    tallymill("accounts", "import", "-", stdin='name,active\n"a, b",no\nZoë,\n')
    file = tmp_path / "accounts.csv"

    status, _, err = tallymill("accounts", "export", file)
    rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    again = tallymill("accounts", "import", file, "--json")

    assert (status, f"{len(rows)} accounts written" in err) == (0, True)
    assert {("a, b", "no"), ("Zoë", "yes")} <= {(r["name"], r["active"]) for r in rows}
    assert json.loads(again[1]) == {"added": 0, "changed": 0, "unchanged": len(rows)}


def test_many_are_imported_in_pieces_and_exported_page_by_page(tallymill):
    rows = [f"{n},bulk {n},no" for n in range(10_000, 12_500)]
    status, out, _ = tallymill(
        "accounts", "import", "-", "--json", stdin="\n".join(["id,name,active", *rows])
    )

    assert (status, json.loads(out)["added"]) == (0, 2_500)
    _, out, _ = tallymill("accounts", "export")
    assert [line for line in out.splitlines() if "bulk" in line] == rows


def test_a_file_with_faults_is_told_whole_and_nothing_of_it_is_stored(tallymill):
    faulty = (
        "id,name,active\n0,zero,yes\n1,,yes\nx,x,yes\n2,two,perhaps\n3\n60000,good,\n"
    )
    status, _, err = tallymill("accounts", "import", "-", stdin=faulty)

    assert status == 1
    for line in (2, 3, 4, 5, 6):
        assert f"line {line}" in err
    assert tallymill("accounts", "show", 60_000)[0] == 1


@pytest.mark.parametrize(
    "text", ["", "id,surname\n1,x\n", "1,Ada,yes\n", "name,name\na,b\n", '"name\na']
)
def test_what_is_no_table_of_accounts_is_refused(tallymill, text):
    assert tallymill("accounts", "import", "-", stdin=text)[0] == 1


def test_a_missing_file_is_one_clear_line(tallymill, tmp_path):
    status, _, err = tallymill("accounts", "import", tmp_path / "none.csv")

    assert (status, "There is no file" in err) == (1, True)


def test_texts_are_sent_to_an_account_each_once(tallymill, product):
    command = ["send", "--account", 2, "one", "-", "--data", "two", "--key", "k"]
    for _ in range(2):
        status, out, _ = tallymill(*command, stdin="from\n\nstdin 🦊\n")
        assert (status, out.startswith("4 events of account 2")) == (0, True)

    assert stored(product, 2) == ["one", "from", "stdin 🦊", "two"]


def test_an_account_that_is_not_active_takes_none(tallymill, product):
    tallymill("accounts", "deactivate", 3)
    status, _, err = tallymill("send", "--account", 3, "x")

    assert (status, "not active" in err) == (1, True)
    assert stored(product, 3) == []
