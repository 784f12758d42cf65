"""`tallymill client` without a terminal: lines in, lines or NDJSON out."""

import os
import signal
import subprocess
import sys
import threading

import msgspec
import pytest
from product import Product, wait_for


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    with Product(tmp_path_factory.mktemp("served")) as server:
        yield server


class Piped:
    """The client with pipes for its three files."""

    def __init__(self, folder, *options):
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("TALLYMILL_")
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tallymill", "client", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=folder,
        )
        self.out, self.err = [], []
        self._readers = [
            threading.Thread(target=self._read, args=pair, daemon=True)
            for pair in (
                (self.process.stdout, self.out),
                (self.process.stderr, self.err),
            )
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, file, lines):
        with file:
            for line in file:
                lines.append(line.decode().rstrip("\n"))

    def interrupt(self):
        """Press Ctrl+C and return the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.end()

    def end(self):
        if not self.process.stdin.closed:
            self.process.stdin.close()
        status = self.process.wait(30)
        for reader in self._readers:
            reader.join(30)
        return status


@pytest.fixture
def piped(product, tmp_path):
    opened = []

    def start(*options):
        state = ["--state", str(tmp_path / "state.json")]
        opened.append(Piped(tmp_path, "--url", product.url, *state, *options))
        return opened[-1]

    yield start
    for each in opened:
        if each.process.poll() is None:
            each.process.kill()
        each.end()


def put(product, account, data):
    product.http.put(f"/{account}", params={"data": data}).raise_for_status()


def test_json_is_one_object_a_line_and_nothing_else(piped, product):
    """
    What is said about the line goes to standard error; Ctrl+C ends it with 0.
    """
    client = piped("--json", "--accounts", "1,2")
    wait_for(lambda: client.err)
    put(product, 1, 'a "b"\n\x1b[2J')
    put(product, 2, "two")
    wait_for(lambda: len(client.out) == 2)

    assert client.interrupt() == 0
    first, second = map(msgspec.json.decode, client.out)
    assert (first["subject"], first["data"]) == ("1", 'a "b"\n\x1b[2J')
    assert (second["subject"], second["data"]) == ("2", "two")
    assert first["position"] != second["position"]
    assert client.err == ["listening for events from: [1 2]"]


def test_the_screens_work_by_lines(piped, product):
    """
    Without prompts; the end of standard input does not end the listening.
    """
    client = piped()
    client.process.stdin.write(b"accounts\n3 x\nevents\n")
    client.process.stdin.close()
    wait_for(lambda: "listening for events from: [3]" in client.out)
    put(product, 3, "three")
    wait_for(lambda: '"three"' in client.out[-1])

    assert client.interrupt() == 0
    assert client.out[1:7] == [
        "options: [accounts events]",
        " already selected accounts: []",
        " input space separated account IDs",
        ' "x" should be an (positive) number',
        " current selected accounts: [3]",
        "options: [accounts events]",
    ]
    assert client.err == []


def test_the_end_of_the_lines_is_the_end(piped):
    """
    At the prompt, as Ctrl+D is.
    """
    client = piped()
    client.process.stdin.write(b"help\n" + b"x" * 2_000_000 + b"\naccounts 4")

    assert client.end() == 0
    assert " too long" in "".join(client.out)
    assert client.out[-2:] == [
        " current selected accounts: [4]",
        "options: [accounts events]",
    ]


def test_a_reader_that_leaves_is_no_failure(product, tmp_path):
    """
    As with `| head -1`: quiet, and what it did not take comes the next time.
    """
    state = ["--state", str(tmp_path / "state.json"), "--accounts", "6"]
    command = [sys.executable, "-m", "tallymill", "client", "--url", product.url]
    with subprocess.Popen(
        [*command, "--json", *state],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    ) as client:
        assert b"listening" in client.stderr.readline()
        put(product, 6, "one")
        assert b"one" in client.stdout.readline()
        client.stdout.close()
        put(product, 6, "two")

        assert client.wait(30) == 0
        assert client.stderr.read() == b""


def test_a_server_that_is_none_of_ours_ends_it_with_1(product, tmp_path):
    """
    With a sentence on standard error, and nothing on standard output.
    """
    state = ["--state", str(tmp_path / "state.json")]
    wanted = ["--json", "--accounts", "1", "--url", f"{product.url}/docs"]
    client = Piped(tmp_path, *wanted, *state)

    assert client.end() == 1
    assert client.out == []
    assert "cannot be listened to" in "".join(client.err)
