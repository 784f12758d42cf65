"""The interactive client in a terminal of its own, against a running server."""

import os
import re
import signal
import sys

import pytest
from product import Product
from pseudo_terminal import CTRL_C, CTRL_D, ENTER, TAB, UP, Seat

OPTIONS = "options: [accounts events]"


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    with Product(tmp_path_factory.mktemp("served")) as server:
        yield server


@pytest.fixture
def seat(product, tmp_path):
    """Opens the client in a terminal, at the first prompt."""
    opened = []

    def sit(*options, url=product.url, at_prompt=True):
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("TALLYMILL_")
        }
        command = [sys.executable, "-m", "tallymill", "client", "--url", url]
        state = ["--state", str(tmp_path / "state.json")]
        found = Seat(
            [*command, *state, *options], environment=environment, folder=tmp_path
        )
        opened.append(found.__enter__())
        if at_prompt:
            found.wait_for(lambda lines: lines[-1] == ">")
        return found

    yield sit
    for each in opened:
        each.__exit__()


def put(product, account, data):
    answer = product.http.put(f"/{account}", params={"data": data})
    assert answer.status_code == 202, answer.text


def answer(client, keys, prompt=">"):
    """Type a line, and wait until the next one is asked for."""
    before = len(client.lines)
    client.type(keys + ENTER)
    client.wait_for(lambda lines: len(lines) > before and lines[-1] == prompt)


def data_of(lines):
    return [line.split(']: "')[1].split('" [')[0] for line in lines if ']: "' in line]


def test_the_screens_are_those_of_the_seed(seat, product):
    """
    Character by character, with our server's name in the first line.
    """
    client = seat()
    answer(client, "accounts", "accounts >")
    answer(client, "1 2 3")
    answer(client, "accounts", "accounts >")
    answer(client, "")
    client.type("events" + ENTER)
    client.wait_for("listening for events from: [1 2 3]")
    for account in (1, 2, 3, 4):
        put(product, account, "test data")
    client.wait_for(lambda lines: any(": [3]: " in line for line in lines))
    client.type(CTRL_C)
    client.wait_for(lambda lines: lines[-1] == ">")
    client.type(CTRL_C)

    assert client.end() == 0
    form = r'<\d{4}-\d\d-\d\d \d\d:\d\d:\d\d:\d{3}>: \[%d\]: "test data" \[\S+\]'
    shown = client.lines[17:20]
    assert all(re.fullmatch(form % n, line) for n, line in enumerate(shown, 1)), shown
    assert client.lines[:-2] == [
        f"Connecting to Tallymill@127.0.0.1:{product.port}",
        "options: [accounts events]",
        ">accounts",
        " already selected accounts: []",
        " input space separated account IDs",
        "accounts >1 2 3",
        " current selected accounts: [1 2 3]",
        "options: [accounts events]",
        ">accounts",
        " already selected accounts: [1 2 3]",
        " input space separated account IDs",
        "accounts >",
        ' "" should be an (positive) number',
        " current selected accounts: [1 2 3]",
        "options: [accounts events]",
        ">events",
        "listening for events from: [1 2 3]",
        *shown,
        "options: [accounts events]",
    ]
    assert [line.strip() for line in client.lines[-2:]] == [">", ""]
    assert client.glass.strange == []


def test_every_wrong_token_is_named_and_the_right_ones_are_kept(seat):
    """
    One complaint a token, in order; the selection goes on as if they were not there.
    """
    client = seat()
    answer(client, "accounts", "accounts >")
    answer(client, "7 x 0 -1 9223372036854775808 1.5 8 7")

    assert client.lines[-8:] == [
        ' "x" should be an (positive) number',
        ' "0" should be an (positive) number',
        ' "-1" should be an (positive) number',
        ' "9223372036854775808" should be at most 9223372036854775807',
        ' "1.5" should be an (positive) number',
        " current selected accounts: [7 8]",
        OPTIONS,
        ">",
    ]


def test_what_is_no_command_is_refused(seat):
    """
    By name, cut short, and nothing of it is obeyed by the terminal.
    """
    client = seat()
    answer(client, "acounts")
    answer(client, "events")
    answer(client, "z" * 3000)

    assert client.lines[2:8] == [
        ">acounts",
        ' "acounts" should be one of [accounts events]',
        OPTIONS,
        ">events",
        " no accounts are selected; choose some with accounts",
        OPTIONS,
    ]
    assert client.lines[-3:] == [
        f' "{"z" * 40}..." should be one of [accounts events]',
        OPTIONS,
        ">",
    ]


def test_commands_are_completed_and_remembered(seat):
    """
    Tab completes a command; the arrow brings it back, in the next run as well.
    """
    client = seat()
    client.type("acc" + TAB + ENTER)
    client.wait_for(lambda lines: lines[-1] == "accounts >")
    answer(client, "5")
    client.type(CTRL_D)
    assert client.end() == 0

    again = seat()
    again.type(UP + UP)
    again.wait_for(lambda lines: lines[-1] == ">accounts")
    again.type(ENTER)
    again.wait_for(" already selected accounts: [5]")


def test_events_never_break_what_is_typed(seat, product):
    """
    What one types stays in one piece below the events, however many come.
    """
    client = seat("--accounts", "11", "--events", at_prompt=False)
    client.wait_for("listening for events from: [11]")
    typed = "the quick brown fox"
    for number, key in enumerate(typed):
        client.type(key)
        put(product, 11, f"n{number}")
    client.wait_for(lambda lines: len(data_of(lines)) == len(typed))
    client.wait_for(lambda lines: lines[-1] == typed)

    assert data_of(client.lines) == [f"n{number}" for number in range(len(typed))]
    assert all(line.startswith("<") for line in client.lines[2:-1])
    client.send(signal.SIGINT)
    client.wait_for(lambda lines: lines[-2:] == [OPTIONS, ">"])
    assert typed not in "".join(client.lines)


def test_data_cannot_command_the_terminal(seat, product):
    """
    Escapes, line ends and what hides text are shown by name, emoji as they are.
    """
    client = seat("--accounts", "12", "--events", at_prompt=False)
    client.wait_for("listening for events from: [12]")
    put(
        product,
        12,
        '\x1b]0;owned\x07\x1b[2Jgone\r\n\x9b5n\u202egnp.exe \U0001f600 "q" \\',
    )
    client.wait_for(data_of)

    shown = next(line for line in client.lines if "owned" in line)
    assert (
        r'"\u001b]0;owned\u0007\u001b[2Jgone\r\n\u009b5n\u202egnp.exe'
        ' \U0001f600 \\"q\\" \\\\"'
    ) in shown
    assert b"\x1b]0;owned" not in client.raw
    assert b"\x1b[2J" not in client.raw


def test_a_restarted_client_shows_what_came_meanwhile(seat, product):
    """
    Its accounts and its place are kept; nothing is shown twice.
    """
    first = seat("--accounts", "21,22", "--events", at_prompt=False)
    first.wait_for("listening for events from: [21 22]")
    put(product, 21, "before")
    first.wait_for(lambda lines: data_of(lines) == ["before"])
    first.send(signal.SIGTERM)
    assert first.end() == 0
    for number in range(3):
        put(product, 22, f"between {number}")
    put(product, 23, "of another")

    second = seat("--events", at_prompt=False)
    second.wait_for("listening for events from: [21 22]")
    second.wait_for(lambda lines: "3 events missed" in lines[-2])
    put(product, 21, "after")
    second.wait_for(lambda lines: "after" in data_of(lines))

    assert data_of(second.lines) == [
        *(f"between {number}" for number in range(3)),
        "after",
    ]


def test_a_server_that_is_none_of_ours_is_told_from_one(seat, product):
    """
    A clear sentence, and one is back at the options.
    """
    client = seat(
        "--accounts", "1", "--events", url=f"{product.url}/docs", at_prompt=False
    )
    client.wait_for(lambda lines: lines[-1] == ">")

    assert "cannot be listened to" in client.lines[1]
    client.type(CTRL_D)
    assert client.end() == 0


@pytest.mark.parametrize(
    "options",
    [
        ("--url", "localhost:8000"),
        ("--url", "ftp://localhost"),
        ("--url", "http://localhost:99999"),
        ("--accounts", "1,zwei"),
        ("--json",),
    ],
    ids=["no scheme", "wrong scheme", "wrong port", "no id", "nothing chosen"],
)
def test_bad_usage_ends_with_2(seat, options):
    """
    Before anything else is done.
    """
    client = seat(*options, at_prompt=False)

    assert client.end() == 2


def test_a_damaged_state_file_is_put_aside(seat, tmp_path):
    """
    Said once; the old one is kept, and a new one begun.
    """
    (tmp_path / "state.json").write_text('{"accounts": [1, 2')

    client = seat()
    answer(client, "accounts 3")

    assert "".join(client.lines).count("is damaged") == 1
    assert (tmp_path / "state.json.damaged-1").read_text() == '{"accounts": [1, 2'
    assert '"accounts":[3]' in (tmp_path / "state.json").read_text()
