"""Commands that need no server: what they print, write, and exit with."""

import json
import sys
from io import StringIO

import pytest

from tallymill import __version__ as tallymill_version
from tallymill.cli import main as cli
from tallymill.cli.serve import LOCK_FILE, begins_empty
from tallymill.cli.terminal import clean, say_json, say_table


@pytest.fixture
def tallymill(monkeypatch, capsys):
    """Return a function that runs the command line and gives (status, out, err)."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["tallymill", *map(str, arguments)])
        try:
            cli.main()
            status = 0
        except SystemExit as exc:
            status = exc.code or 0
        out, err = capsys.readouterr()
        return status, out, err

    return run


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch):
    for name in ("WORKERS_MAX", "KAFKA_BROKER"):
        monkeypatch.delenv(name, raising=False)


def test_init_makes_a_project_that_is_in_order(tallymill, tmp_path):
    status, out, _ = tallymill("init", tmp_path / "new")
    assert status == 0
    assert "tallymill.toml" in out

    status, out, _ = tallymill("check", tmp_path / "new")
    assert status == 0
    assert "is in order" in out


def test_the_examples_of_init_work_once_they_are_uncommented(tallymill, tmp_path):
    """
    An example that does not run is worse than none.
    """
    tallymill("init", tmp_path)
    toml = tmp_path / "tallymill.toml"
    lines = toml.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if "listen" in line)
    code = [
        line.removeprefix("# ")
        for line in lines[start:]
        if "=" in line or line.startswith(("# [", "# SELECT", "# FROM", '# """'))
    ]
    toml.write_text("\n".join(code))
    for kind in ("statistics", "jobs"):
        for path in (tmp_path / kind).iterdir():
            path.rename(path.with_name(path.name.removeprefix("_")))

    status, out, err = tallymill("check", tmp_path, "--json")

    assert (status, err) == (0, "")
    checked = json.loads(out)
    assert checked["settings"]["shards"] == {
        "value": "5",
        "from": "tallymill.toml line 3",
    }
    assert [s["name"] for s in checked["statistics"]][2:] == [
        "heaviest_picture",
        "range_of_weights",
    ]
    assert [j["name"] for j in checked["jobs"]] == [
        "average-weight-of-last-week",
        "registrations_per_day",
    ]


def test_init_overwrites_nothing(tallymill, tmp_path):
    (tmp_path / "tallymill.toml").write_text("# mine\n")

    status, out, err = tallymill("init", tmp_path)

    assert (status, out) == (1, "")
    assert "is there already; nothing was written" in err
    assert [path.name for path in tmp_path.iterdir()] == ["tallymill.toml"]


def test_check_tells_every_fault_on_stderr_and_no_traceback(tallymill, tmp_path):
    (tmp_path / "tallymill.toml").write_text("shard = 5\nworkers = 0\n")

    status, out, err = tallymill("check", tmp_path)

    assert (status, out) == (1, "")
    assert "line 1: there is no setting 'shard'; did you mean 'shards'?" in err
    assert "line 2: workers must be from 1 to 100, not 0" in err
    assert "Traceback" not in err


def test_check_tries_the_users_statistics_and_tells_which_law_is_broken(
    tallymill, tmp_path
):
    """
    A statistic that depends on the order of events would change from run to run.
    """
    tallymill("init", tmp_path)
    text = (tmp_path / "statistics" / "_range_of_weights.py").read_text()
    wrong = text.replace("min(a.low, b.low)", "a.low")
    (tmp_path / "statistics" / "range_of_weights.py").write_text(wrong)

    status, out, err = tallymill("check", tmp_path)

    assert (status, out) == (1, "")
    assert "range_of_weights breaks the law of" in err


def test_check_prints_where_each_setting_came_from(tallymill, tmp_path, monkeypatch):
    (tmp_path / "tallymill.toml").write_text("shards = 2\n")
    monkeypatch.setenv("WORKERS_MAX", "4")

    _, out, _ = tallymill("check", tmp_path, "--json")

    settings = json.loads(out)["settings"]
    assert settings["shards"]["from"] == "tallymill.toml line 1"
    assert settings["workers"] == {"value": "4 a shard", "from": "WORKERS_MAX"}
    assert settings["batch_size"]["from"] == "default"


@pytest.mark.parametrize(
    "arguments",
    [
        ("nothing-such",),
        ("serve", "--listen", "nowhere"),
        ("jobs", "add", "x"),
        ("send", "--batch", "0"),
        ("check", "--nothing"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_bad_usage_exits_with_2(tallymill, arguments):
    status, out, err = tallymill(*arguments)

    assert (status, out) == (2, "")
    assert "Usage" in err


@pytest.mark.parametrize(
    "command",
    [
        "init", "serve", "demo", "send", "feed", "check", "version", "jobs",
        "jobs add", "jobs backfill", "jobs try", "jobs runs", "jobs redeliver",
        "statistics", "statistics add",
    ],
)  # fmt: skip
def test_every_command_has_help(tallymill, command):
    status, out, _ = tallymill(*command.split(), "--help")

    assert status == 0
    assert "Usage" in out


def test_version_as_json_names_what_a_report_needs(tallymill):
    _, out, _ = tallymill("version", "--json")

    assert set(json.loads(out)) == {"tallymill", "python", "sqlite", "platform"}


def test_a_statistic_is_added_as_lines_at_the_end_and_all_else_stays(
    tallymill, tmp_path
):
    before = "# mine  \r\nshards   = 5 # five\n\n[jobs.j]\nschedule = '@daily'"
    path = tmp_path / "tallymill.toml"
    path.write_bytes(before.encode())

    status, _, _ = tallymill(
        "statistics", "add", "heaviest", "--project", tmp_path,
        "--stream", "picture", "--kind", "max", "--field", "weight", "--from", "now",
    )  # fmt: skip

    assert status == 0
    assert path.read_bytes().decode() == (
        f'{before}\n\n[statistics.heaviest]\nstream = "picture"\nkind = "max"\n'
        'field = "weight"\nfrom = "now"\n'
    )
    assert tallymill("check", tmp_path)[0] == 0


@pytest.mark.parametrize(
    ("toml", "kind", "told"),
    [
        ("", "maxx", "did you mean 'max'?"),
        (
            "[statistics.heaviest]\nstream='p'\nkind='sum'\nfield='w'\n",
            "max",
            "already",
        ),
        ("statistics = {}\n", "max", "cannot be added to the file as it is"),
        ("= 5\n", "max", "not valid TOML"),
    ],
    ids=["kind", "there", "inline", "broken"],
)
def test_a_statistic_that_cannot_be_added_changes_nothing(
    tallymill, tmp_path, toml, kind, told
):
    path = tmp_path / "tallymill.toml"
    path.write_text(toml)

    status, out, err = tallymill(
        "statistics", "add", "heaviest", "--project", tmp_path,
        "--stream", "picture", "--kind", kind, "--field", "weight",
    )  # fmt: skip

    assert (status, out) == (1, "")
    assert told in err
    assert path.read_text() == toml


def test_without_a_server_a_command_says_so_in_one_sentence(tallymill):
    status, out, err = tallymill("jobs", "list", "--url", "http://127.0.0.1:9")

    assert (status, out) == (1, "")
    assert "Cannot reach http://127.0.0.1:9" in err
    assert "is `tallymill serve` running there?" in err


@pytest.mark.parametrize("url", ["nowhere", "ftp://host", "http://", "http://h:x"])
def test_what_is_no_url_is_told(tallymill, url):
    status, _, err = tallymill("jobs", "list", "--url", url)

    assert status == 1
    assert "is no URL" in err


def test_control_characters_of_data_never_reach_the_terminal(capsys):
    """
    A name with an escape sequence in it could otherwise rewrite the screen.
    """
    evil = "a\x1b[2Jb\x07\x9bc\u202ed[bold]\x7f"

    assert clean(evil) == r"a\x1b[2Jb\x07\x9bc\u202ed[bold]\x7f"
    say_table(("NAME",), [(evil,)])
    say_json({"name": evil})

    out = capsys.readouterr().out
    assert not {"\x1b", "\x07", "\x9b", "\u202e", "\x7f"} & set(out)
    assert "[bold]" in out
    assert json.loads(out.splitlines()[-1])["name"] == evil


def test_a_key_of_data_keeps_its_tabs_and_newlines():
    assert clean("a\tb\nc") == "a\tb\nc"
    assert StringIO(clean("é ☃")).read() == "é ☃"


@pytest.mark.parametrize("command", ["init", "demo", "check", "serve"])
def test_a_folder_that_cannot_be_used_is_one_line_and_no_traceback(
    tallymill, tmp_path, command
):
    """
    Not even its owner may make a folder below a file.
    """
    (tmp_path / "file").write_text("")

    status, out, err = tallymill(command, tmp_path / "file" / "p" / "x")

    assert (status, out) == (1, "")
    assert err.startswith("Error: ")
    assert len(err.splitlines()) <= 2
    assert "Traceback" not in err


def test_init_tells_a_name_that_cannot_be_one(tallymill, tmp_path):
    status, _, err = tallymill("init", tmp_path / ("x" * 300) / "p")

    assert status == 1
    assert "File name too long" in err


def test_permission_that_is_missing_anywhere_is_one_line(
    tallymill, tmp_path, monkeypatch
):
    """
    The tests may run as root, whom nothing is forbidden.
    """

    def forbid(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("tallymill.project.load.read_toml", forbid)

    status, _, err = tallymill("check", tmp_path)

    assert status == 1
    assert err == f"Error: {tmp_path}/tallymill.toml: Permission denied.\n"


def test_the_version_is_told_by_an_option_too(tallymill):
    assert tallymill("--version") == (0, f"Tallymill {tallymill_version}\n", "")


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_an_option_for_the_port_is_answered_with_the_right_one(tallymill, command):
    status, _, err = tallymill(command, "--port", "8001")

    assert status == 2
    assert "--listen" in err


def test_a_server_that_has_lost_its_database_says_so(tmp_path):
    """
    Beginning with nothing is right for a new folder, and a shock for an old one.
    """
    assert begins_empty(tmp_path / "tallymill.db") == []

    (tmp_path / LOCK_FILE).write_text("")
    (gone,) = begins_empty(tmp_path / "tallymill.db")
    (tmp_path / "tallymill.db").write_text("")
    (empty,) = begins_empty(tmp_path / "tallymill.db")
    (tmp_path / "tallymill.db").write_text("SQLite")

    assert "tallymill.db is gone" in gone
    assert "tallymill.db is empty" in empty
    assert begins_empty(tmp_path / "tallymill.db") == []
