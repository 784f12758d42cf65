"""What the client keeps between its runs, and how it takes a bad file."""

import math

import pytest

from tallymill.client.state import PAUSE_S, Kept, default_path, opened

KEPT = Kept(accounts=(3, 1), position="ab12-0.4")


def keep(path, kept=KEPT):
    with opened(path) as (state, _):
        state.load()
        assert state.save(kept, math.inf) is None


def test_what_was_kept_is_found_again(tmp_path):
    path = tmp_path / "deep" / "state.json"
    keep(path)

    with opened(path) as (state, complaint):
        assert complaint is None
        assert state.load() == (KEPT, None)
    assert path.stat().st_mode & 0o777 == 0o600


def test_writes_are_apart_while_events_pour_in(tmp_path):
    path = tmp_path / "state.json"
    with opened(path) as (state, _):
        state.save(Kept(position="a-1"), 10.0)
        state.save(Kept(position="a-2"), 10.0 + PAUSE_S / 2)
        assert b"a-1" in path.read_bytes()
        state.save(Kept(position="a-2"), 10.0 + PAUSE_S * 2)
        assert b"a-2" in path.read_bytes()
        state.save(Kept(position="a-3"), math.inf)
        assert b"a-3" in path.read_bytes()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"accounts":[0]}', '{"version":2}', '{"more":1}', "\0" * 100],
)
def test_a_damaged_file_is_put_aside_and_begun_anew(tmp_path, text):
    path = tmp_path / "state.json"
    (tmp_path / "state.json.damaged-1").write_text("an older one")
    path.write_text(text)

    with opened(path) as (state, _):
        kept, complaint = state.load()
        state.save(KEPT, math.inf)

    assert kept == Kept()
    assert "damaged" in complaint
    assert (tmp_path / "state.json.damaged-2").read_text() == text
    assert (tmp_path / "state.json.damaged-1").read_text() == "an older one"
    with opened(path) as (state, _):
        assert state.load() == (KEPT, None)


def test_a_second_client_keeps_nothing(tmp_path):
    path = tmp_path / "state.json"
    keep(path)
    with opened(path), opened(path) as (second, complaint):
        assert "in use" in complaint
        assert second.load() == (Kept(), None)
        second.save(Kept(accounts=(9,)), math.inf)

    with opened(path) as (state, _):
        assert state.load() == (KEPT, None)


def test_a_folder_in_the_place_of_the_file_is_told_once(tmp_path):
    path = tmp_path / "state.json"
    path.mkdir()
    with opened(path) as (state, _):
        kept, complaint = state.load()
        assert kept == Kept()
        assert "cannot be read" in complaint
        assert state.save(KEPT, math.inf) is None


def test_what_cannot_be_written_is_told_once(tmp_path):
    path = tmp_path / "state.json"
    with opened(path) as (state, _):
        (tmp_path / "state.json.part").mkdir()
        assert "cannot be written" in state.save(KEPT, math.inf)
        assert state.save(Kept(), math.inf) is None


def test_a_state_that_cannot_be_kept_is_no_reason_to_stop(tmp_path):
    (tmp_path / "file").write_text("")
    with opened(tmp_path / "file" / "state.json") as (state, complaint):
        assert "cannot be used" in complaint
        assert state.load() == (Kept(), None)
        assert state.save(KEPT, math.inf) is None
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_each_server_has_a_file_of_its_own(tmp_path):
    def name(url, **environment):
        return default_path([url], environment, tmp_path)

    home = tmp_path / ".local/state/tallymill"
    assert name("http://localhost:8080") == home / "client-localhost_8080.json"
    assert name("http://[::1]:80/a") == home / "client-1_80_a.json"
    assert name("http://a", XDG_STATE_HOME="/x").parent.parent.as_posix() == "/x"
    assert name("http://a", XDG_STATE_HOME="relative").parent == home
