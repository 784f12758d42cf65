"""Commands against a running server, started as a user starts it."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from io import BytesIO, TextIOWrapper

import pytest

from tallymill.cli import main as cli


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("project")


@contextmanager
def started(folder):
    """Start a server on any free port, give its URL, and see it end well on SIGTERM."""
    command = [sys.executable, "-m", "tallymill", "serve", str(folder)]
    environment = {
        key: value for key, value in os.environ.items() if key != "WORKERS_MAX"
    }
    with subprocess.Popen(
        [*command, "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as server:
        lines = [server.stdout.readline() for _ in range(2)]
        opened = re.search(r"Open (http://[\d.:]+)/", "".join(lines))
        if opened is None:
            server.kill()
            pytest.fail(f"the server did not start: {server.stderr.read()}")
        yield opened[1]
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=30)
        assert server.returncode == 0


@pytest.fixture(scope="module")
def url(folder):
    with started(folder) as url:
        yield url


@pytest.fixture
def tallymill(monkeypatch, capsys):
    """Return a function that runs the command line and gives (status, out, err)."""

    def run(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "argv", ["tallymill", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(stdin)))
        try:
            cli.main()
            status = 0
        except SystemExit as exc:
            status = exc.code or 0
        out, err = capsys.readouterr()
        return status, out, err

    return run


def stored(url, stream):
    with urllib.request.urlopen(f"{url}/events?stream={stream}&limit=1000") as answer:
        events = json.load(answer)
    return events["events"] if isinstance(events, dict) else events


EVENT = '{"timestamp": "2019-10-04T01:52:07-03:00", "data": %s}'


def test_events_come_from_arguments_files_and_standard_input(tallymill, url, tmp_path):
    file = tmp_path / "events.ndjson"
    file.write_text(f"{EVENT % 3}\n{EVENT % 4}\n")
    stdin = f"[{EVENT % 5}]".encode()

    status, out, err = tallymill(
        "send", EVENT % 1, f"[{EVENT % 2}]", file, "-",
        "--stream", "all-ways", "--url", url, stdin=stdin,
    )  # fmt: skip

    assert (status, err) == (0, "")
    assert "5 events taken" in out
    assert sorted(event["data"] for event in stored(url, "all-ways")) == [1, 2, 3, 4, 5]


def test_events_are_cut_into_batches_and_counted_as_json(tallymill, url):
    stdin = "\n".join(EVENT % n for n in range(25)).encode()

    status, out, _ = tallymill(
        "send", "--batch", 10, "--stream", "cut", "--url", url, "--json", stdin=stdin
    )

    assert status == 0
    assert json.loads(out) == {
        "accepted": 25, "duplicates": 0, "rejected": 0, "requests": 3,
    }  # fmt: skip


def test_the_same_command_with_the_same_key_stores_nothing_twice(tallymill, url):
    command = ["send", EVENT % 1, EVENT % 2, "--stream", "once", "--key", "k1"]

    for _ in range(2):
        assert tallymill(*command, "--url", url)[0] == 0

    assert len(stored(url, "once")) == 2


def test_data_alone_is_an_event_of_now(tallymill, url):
    status, _, _ = tallymill(
        "send", "--data", '{"weight": 5}', "--stream", "now", "--url", url
    )

    assert status == 0
    assert stored(url, "now")[0]["data"] == {"weight": 5}


def test_a_refused_batch_tells_each_fault_and_what_is_stored(tallymill, url):
    status, out, err = tallymill(
        "send", EVENT % 1, '{"data": 5}', "--batch", 1, "--stream", "bad", "--url", url
    )

    assert (status, out) == (1, "")
    assert "Stopped after 1 events that are stored." in err
    assert "/0/timestamp" in err
    assert len(stored(url, "bad")) == 1


def test_partial_sets_bad_events_aside_and_tells_each(tallymill, url):
    status, out, err = tallymill(
        "send", EVENT % 1, '{"data": 5}', "--partial", "--stream", "some", "--url", url
    )

    assert status == 0
    assert "1 event taken" in out
    assert "1 set aside" in out
    assert err.startswith("event 1: ")


def test_the_feed_sends_pictures_and_says_so_as_it_goes(tallymill, url):
    status, out, _ = tallymill("feed", "--count", 3, "--rate", 100, "--url", url)

    assert status == 0
    assert out == (
        "Sending random message...\nWaiting 0.01 seconds...\n" * 2
        + "Sending random message...\n"
    )
    events = stored(url, "picture")
    assert len(events) >= 3
    assert set(events[0]["data"]) == {"picture_id", "weight"}


def test_statistics_are_listed_and_shown(tallymill, url):
    status, out, _ = tallymill("statistics", "list", "--url", url, "--json")
    assert status == 0
    names = [statistic["name"] for statistic in json.loads(out)]
    assert names == ["total_registrations", "average_weight"]

    status, out, _ = tallymill("statistics", "show", "average_weight", "--url", url)
    assert status == 0
    assert re.search(r"^kind +mean$", out, re.MULTILINE)

    status, _, err = tallymill("statistics", "show", "nothing", "--url", url)
    assert status == 1
    assert "(404)" in err


def test_a_second_server_on_the_same_folder_or_port_is_one_clear_line(url, folder):
    port = url.rpartition(":")[2]
    serve = [sys.executable, "-m", "tallymill", "serve"]

    locked = subprocess.run(
        [*serve, folder, "--listen", "127.0.0.1:0"],
        capture_output=True,
        text=True,
        check=False,
    )
    taken = subprocess.run(
        [*serve, folder.parent, "--listen", f"127.0.0.1:{port}"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert locked.returncode == 1
    assert re.fullmatch(r"Error: .*data.*\n", locked.stderr)
    assert taken.returncode == 1
    assert re.fullmatch(rf"Error: .*{port}.*", taken.stderr.splitlines()[-1])


def test_a_server_starts_again_on_what_it_has_kept(tallymill, tmp_path):
    with started(tmp_path) as url:
        assert tallymill("send", EVENT % 1, "--stream", "kept", "--url", url)[0] == 0

    with started(tmp_path) as url:
        assert [event["data"] for event in stored(url, "kept")] == [1]


def test_an_address_that_others_reach_is_refused_without_no_auth(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tallymill", "serve", tmp_path, "--listen", "0.0.0.0:0"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "--no-auth" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_waiting_for_a_run_waits_for_its_delivery_and_tells_that_it_was_given_up(
    tallymill, url
):
    """
    A result that nobody received was a success.
    """
    nowhere = f"{url}/nowhere"
    add = ["jobs", "add", "lost", "--schedule", "0 13 * * *", "--deliver-to", nowhere]
    tallymill(*add, "--url", url)

    status, out, _ = tallymill("jobs", "run", "lost", "--wait", "--url", url)
    _, listed, _ = tallymill("jobs", "list", "--url", url)

    assert status == 1
    assert re.search(r"delivery +undelivered: The destination answered 40\d", out)
    (line,) = [line for line in listed.splitlines() if line.startswith("lost ")]
    assert line.split()[-2:] == ["succeeded", "undelivered"]


def test_waiting_for_a_run_ends_after_its_time(tallymill, url):
    away = "http://127.0.0.1:9/"
    add = ["jobs", "add", "away", "--schedule", "0 13 * * *", "--deliver-to", away]
    tallymill(*add, "--url", url)

    status, out, _ = tallymill(
        "jobs", "run", "away", "--wait", "--timeout", "1", "--url", url
    )

    assert status == 1
    assert re.search(r"delivery +waiting: ", out)
