"""The demo as a user meets it: made, served, its jobs run, their results posted.

Then everything that the command line can do to jobs, against it.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import closing

import pytest

from tallymill.cli import main as cli

DAYS = "registrations_per_day"
WEEK = "average-weight-of-last-week"


@pytest.fixture(scope="module")
def port():
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_demo(folder, port, stderr=subprocess.DEVNULL):
    environment = {
        key: value for key, value in os.environ.items() if key != "WORKERS_MAX"
    }
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "tallymill", "demo", str(folder)),
            *("--listen", f"127.0.0.1:{port}"),
        ],
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        env=environment,
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory, port):
    """Start the demo; give its folder and the lines up to the first two results."""
    folder = tmp_path_factory.mktemp("made") / "demo"
    with start_demo(folder, port) as server:
        lines = [server.stdout.readline().rstrip("\n") for _ in range(6)]
        yield folder, lines
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=30)
        assert server.returncode == 0


@pytest.fixture
def url(demo, port):
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def tallymill(monkeypatch, capsys, url):
    """Return a function that runs a command against the demo."""

    def run(*arguments):
        words = ["tallymill", *map(str, arguments), "--url", url]
        monkeypatch.setattr(sys, "argv", words)
        try:
            cli.main()
            status = 0
        except SystemExit as exc:
            status = exc.code or 0
        out, err = capsys.readouterr()
        return status, out, err

    return run


def get(url):
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


def test_the_demo_says_which_page_to_open_and_prints_the_first_results(demo, url):
    folder, lines = demo

    assert lines[0] == f"Made a demo project in {folder}"
    assert lines[2].startswith(f"Open {url}/ ")
    results = [json.loads(line) for line in lines[4:]]
    assert {frozenset(result) for result in results} == {
        frozenset({"average_weight", "registrations"}),
        frozenset({"date", "count"}),
    }
    day = next(result for result in results if "date" in result)
    assert day["date"] == "2022-12-21"


def test_a_second_start_says_that_this_demo_runs_already(demo, port, url):
    """
    It is no other program that has the port.
    """
    folder, _ = demo

    with start_demo(folder, port, stderr=subprocess.PIPE) as second:
        _, err = second.communicate(timeout=30)

    assert second.returncode == 1
    assert f"runs already: open {url}/" in err


def test_the_feed_moves_the_statistics(demo, url):
    statistics = {s["name"]: s for s in get(f"{url}/statistics")["statistics"]}

    assert set(statistics) == {
        "total_registrations",
        "average_weight",
        "heaviest_picture",
        "range_of_weights",
    }
    assert statistics["total_registrations"]["value"] > 0


def test_jobs_are_listed_and_shown(tallymill):
    status, out, _ = tallymill("jobs", "list")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == ["JOB", WEEK, DAYS]

    status, out, _ = tallymill("jobs", "show", WEEK, "--json")
    assert status == 0
    assert json.loads(out)["period"] == "week"


def test_a_job_runs_now_and_its_result_is_shown(tallymill):
    status, out, _ = tallymill("jobs", "run", DAYS, "--wait")

    assert status == 0
    assert re.search(r"^outcome +succeeded$", out, re.MULTILINE)
    assert '"date":"2022-12-21"' in out


def test_a_trial_shows_the_next_times_and_the_request_and_sends_nothing(tallymill, url):
    before = len(get(f"{url}/result"))

    status, out, _ = tallymill("jobs", "try", DAYS, "--json")

    trial = json.loads(out)
    assert status == 0
    assert len(trial["times"]) == 10
    assert trial["request"]["url"] == f"{url}/result"
    assert "Idempotency-Key" in trial["request"]["headers"]
    assert len(get(f"{url}/result")) == before


def test_a_backfill_posts_each_day_once_however_often_it_is_asked_for(tallymill, url):
    span = ("--from", "2022-12-01", "--to", "2022-12-11")

    _, out, _ = tallymill("jobs", "backfill", DAYS, *span, "--dry-run")
    assert "10 due times, 0 had run already, 10 would run." in out

    before = len(get(f"{url}/result"))
    status, out, _ = tallymill("jobs", "backfill", DAYS, *span, "--json")
    report = json.loads(out)
    assert status == 0
    assert (report["due"], report["new"], report["delivered"]) == (10, 10, 10)
    posted = get(f"{url}/result")[before:]
    assert {result["date"] for result in posted if "date" in result} >= {
        "2022-11-30",
        "2022-12-09",
    }

    status, out, _ = tallymill("jobs", "backfill", DAYS, *span, "--json")
    assert status == 0
    assert json.loads(out)["new"] == 0
    assert len(get(f"{url}/result")) == before + len(posted)


def test_a_job_is_added_paused_resumed_and_removed(tallymill):
    add = ("jobs", "add", "hourly", "--schedule", "every 1 hour")

    status, out, _ = tallymill(*add, "--statistic", "average_weight")
    assert status == 0
    assert out.startswith("Added hourly; it runs next at ")

    assert tallymill("jobs", "pause", "hourly")[0] == 0
    assert re.search(r"hourly .* paused", tallymill("jobs", "list")[1])
    assert tallymill("jobs", "resume", "hourly")[0] == 0
    assert " paused" not in tallymill("jobs", "list")[1]

    status, out, _ = tallymill("jobs", "run", "hourly", "--wait", "--json")
    assert status == 0
    assert json.loads(out)["outcome"] == "succeeded"

    assert tallymill("jobs", "remove", "hourly")[0] == 0
    status, _, err = tallymill("jobs", "show", "hourly")
    assert status == 1
    assert "(404)" in err


def test_a_bad_schedule_is_refused_with_the_servers_own_words(tallymill):
    status, out, err = tallymill("jobs", "add", "bad", "--schedule", "5 25 * * *")

    assert (status, out) == (1, "")
    assert "/schedule: " in err
    assert "25" in err


def test_a_result_is_sent_again_by_hand_and_the_history_shows_its_run(tallymill):
    _, out, _ = tallymill("jobs", "run", DAYS, "--wait", "--json")
    run_id = json.loads(out)["id"]

    status, out, _ = tallymill("jobs", "runs", DAYS)
    assert status == 0
    assert re.search(rf"{run_id} .* succeeded ", out)

    status, out, _ = tallymill("jobs", "redeliver", run_id)
    assert (status, out) == (0, f"The result of run {run_id} will be sent again.\n")


def test_a_second_demo_on_the_port_is_told_before_it_makes_anything(
    demo, port, tmp_path
):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tallymill", "demo", str(tmp_path / "two")),
            *("--listen", f"127.0.0.1:{port}"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert f"127.0.0.1:{port} is in use by another program" in done.stderr
    assert list(tmp_path.iterdir()) == []
