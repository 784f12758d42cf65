"""Settings: where they come from, what they may be, and how faults are told."""

import pytest

from tallymill.config import Address, Settings, load_settings, read_toml
from tallymill.config.settings import RULES
from tallymill.config.values import size_bytes, truth
from tallymill.kernel.errors import Malformed


@pytest.fixture
def project(tmp_path):
    """Return a function that loads settings from a TOML text."""

    def load(text="", environment=None, **options):
        (tmp_path / "tallymill.toml").write_text(text)
        toml = read_toml(tmp_path / "tallymill.toml")
        return load_settings(toml, environment=environment or {}, options=options)

    return load


def origins(loaded):
    return {item.name: item.origin for item in loaded.provenance}


def details(loaded):
    return {fault.pointer: fault.detail for fault in loaded.faults}


def test_without_any_source_the_defaults_of_the_contract_hold(tmp_path):
    loaded = load_settings(
        read_toml(tmp_path / "tallymill.toml"), environment={}, options={}
    )

    settings = loaded.settings
    assert loaded.faults == ()
    assert settings.listen == (Address("127.0.0.1", 8000),)
    assert (settings.shards, settings.workers, settings.batch_size) == (5, 3, 5)
    assert (settings.worker_timeout_s, settings.shutdown_timeout_s) == (120.0, 30.0)
    assert (settings.body_max_bytes, settings.event_max_bytes) == (16 << 20, 256 << 10)
    assert settings.timezone == "Asia/Kolkata"
    assert settings.database_path == tmp_path / "data" / "tallymill.db"
    assert set(origins(loaded).values()) == {"default"}


def test_an_option_overrides_the_environment_which_overrides_the_file(project):
    loaded = project(
        "shards = 2\nworkers = 2\nbatch_size = 2\n",
        {"TALLYMILL_WORKERS": "3", "TALLYMILL_BATCH_SIZE": "3"},
        batch_size=4,
    )

    settings = loaded.settings
    assert (settings.shards, settings.workers, settings.batch_size) == (2, 3, 4)
    assert origins(loaded)["shards"] == "tallymill.toml line 1"
    assert origins(loaded)["workers"] == "TALLYMILL_WORKERS"
    assert origins(loaded)["batch_size"] == "--batch-size"


def test_workers_are_also_read_from_workers_max_below_our_own_variable(project):
    assert project("workers = 2", {"WORKERS_MAX": "7"}).settings.workers == 7
    both = project(environment={"TALLYMILL_WORKERS": "4", "WORKERS_MAX": "7"})
    assert both.settings.workers == 4


def test_every_fault_of_every_source_is_told_at_once_with_its_place(project):
    loaded = project(
        '# a comment\nshards = 0\nlisten = ["nowhere"]\nworker_time = "1 minute"\n',
        {"TALLYMILL_BATCHSIZE": "5", "TALLYMILL_WORKERS": "many"},
        timezone="Mars/Olympus",
    )

    found = details(loaded)
    assert found["shards"].startswith("tallymill.toml line 2: shards must be from 1")
    assert found["listen"].startswith("tallymill.toml line 3: listen must be host:port")
    assert "line 4" in found["worker_time"]
    assert "did you mean 'worker_timeout'?" in found["worker_time"]
    assert "did you mean 'TALLYMILL_BATCH_SIZE'?" in found["TALLYMILL_BATCHSIZE"]
    assert found["workers"].startswith("TALLYMILL_WORKERS: workers must be a whole")
    assert found["timezone"].startswith("--timezone: timezone must be a time zone")
    assert len(loaded.faults) == 6


def test_what_is_promised_but_not_built_is_refused_and_says_so(project):
    loaded = project(
        'database = "postgresql://user:secret@host/name"\nredis = "redis://h"\n'
        'tls_key = "key.pem"\n',
        {"KAFKA_BROKER": "localhost:9094"},
    )

    found = details(loaded)
    assert set(found) == {"database", "redis", "tls_key", "KAFKA_BROKER"}
    assert all("not built yet" in detail for detail in found.values())
    assert "secret" not in str(found)


def test_an_empty_database_may_begin_without_accounts(project):
    loaded = project("seed_accounts = 0")

    assert (loaded.faults, loaded.notices) == ((), ())
    assert loaded.settings.seed_accounts == 0


@pytest.mark.parametrize("address", ["0.0.0.0:80", "[::]:80", "192.168.1.2:80", "h:80"])
def test_an_address_that_others_reach_needs_no_auth_said_aloud(project, address):
    assert "--no-auth" in details(project(listen=[address]))["listen"]
    assert project("no_auth = true", listen=[address]).faults == ()


@pytest.mark.parametrize(
    "address", ["127.0.0.1:0", "127.9.9.9:1", "[::1]:1", "localhost:1"]
)
def test_a_loopback_address_needs_no_leave(project, address):
    loaded = project(environment={"TALLYMILL_LISTEN": address})

    assert loaded.faults == ()
    assert str(loaded.settings.listen[0]) == address


@pytest.mark.parametrize(
    "address",
    ["8000", ":8000", "::1:8000", "h:", "h:65536", "h:-1", "h:\uff18", "[]:1"],
)
def test_what_is_no_address_is_refused(project, address):
    assert "listen" in details(project(listen=[address]))


def test_several_addresses_may_stand_in_one_variable(project):
    loaded = project(environment={"TALLYMILL_LISTEN": "127.0.0.1:1, [::1]:2"})

    assert [a.port for a in loaded.settings.listen] == [1, 2]


def test_a_database_file_is_relative_to_the_project(project, tmp_path):
    settings = project('database = "sqlite:///kept/all.db"').settings

    assert settings.database_path == tmp_path / "kept" / "all.db"


def test_sizes_are_bytes_or_words():
    assert [size_bytes(v) for v in (5, "5", "1 KiB", "1kB", "1.5 MiB")] == [
        5, 5, 1024, 1000, 1572864,
    ]  # fmt: skip
    for wrong in ("big", 0, "", None, "1 XB"):
        with pytest.raises(ValueError, match="must be"):
            size_bytes(wrong)


def test_truth_has_words():
    assert truth("yes")
    assert not truth("0")
    with pytest.raises(ValueError, match="true or false"):
        truth("perhaps")


def test_a_syntax_error_names_file_line_and_column(tmp_path):
    path = tmp_path / "tallymill.toml"
    path.write_text('shards = 5\nlisten = "127.0.0.1:8000\n')

    with pytest.raises(
        Malformed, match=r"tallymill\.toml is not valid.*line 2, column"
    ):
        read_toml(path)


def test_a_file_that_is_no_utf8_names_the_line(tmp_path):
    path = tmp_path / "tallymill.toml"
    path.write_bytes(b"shards = 5\n# caf\xe9\n")

    with pytest.raises(Malformed, match=r"not UTF-8 \(at line 2\)"):
        read_toml(path)


def test_a_folder_in_place_of_the_file_is_told(tmp_path):
    with pytest.raises(Malformed, match="cannot be read"):
        read_toml(tmp_path)


def test_each_key_knows_its_line_through_multi_line_values_and_headings(tmp_path):
    path = tmp_path / "tallymill.toml"
    path.write_text(
        '# first\nlisten = [\n  "a:1",\n]\n\n[jobs."a b"]\nquery = """\nx = 1\n"""\n'
        "as_of = 2022-12-22\n[statistics.s]\nwhere = { kind = 'x' }\nby.x = 1\n"
    )

    toml = read_toml(path)

    assert toml.place("listen") == "tallymill.toml line 2"
    assert toml.place("jobs", "a b", "query") == "tallymill.toml line 7"
    assert toml.place("jobs", "a b", "as_of") == "tallymill.toml line 10"
    assert toml.place("statistics", "s", "where", "kind") == "tallymill.toml line 12"
    assert toml.place("statistics", "s", "by", "x") == "tallymill.toml line 13"
    assert toml.place("statistics", "s", "absent") == "tallymill.toml line 11"
    assert toml.place("absent") == "tallymill.toml"
    assert ("x",) not in toml.lines


def test_every_field_of_the_settings_can_be_set_by_one_rule():
    assert {rule.field for rule in RULES} == set(Settings.__struct_fields__)


def test_each_wrong_address_is_told(project):
    told = details(project(listen=["127.0.0.1:99999", "nonsense"]))["listen"]

    assert "'99999'" in told
    assert "not 'nonsense'" in told
