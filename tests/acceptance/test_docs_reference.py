"""The reference pages name everything that the code has, and nothing else.

Each test reads a page's tables and holds them against the code that they describe.
"""

import ast
import re
import tomllib
from functools import reduce
from importlib import import_module
from pathlib import Path

import pytest
import typer
from acceptance.doc_pages import ROOT

from tallymill.cli.main import build
from tallymill.config import TomlFile, load_settings
from tallymill.config.settings import RULES, Settings
from tallymill.jobs.fields import READERS
from tallymill.jobs.model import RunState
from tallymill.jobs.schedule import parse_schedule
from tallymill.kernel.errors import TallymillError
from tallymill.statistics.registry import KINDS, SHIPPED
from tallymill.web import problems
from tallymill.web.metrics import Metrics

SOURCE = ROOT / "src" / "tallymill"
REFERENCE = ROOT / "docs" / "reference"
SIZES = {"KiB": 1024, "MiB": 1024**2}


def rows_of(page, heading):
    """Return the cells of the table whose first heading is this; backticks dropped."""
    text = (REFERENCE / f"{page}.md").read_text("utf-8")
    found = re.findall(
        rf"^\| {re.escape(heading)} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE
    )
    lines = [line for table in found for line in table.splitlines()]
    assert lines, f"{page}.md has no table of {heading!r}"
    return [
        [c.strip().strip("`") for c in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in lines
    ]


def test_settings_are_all_listed_with_their_defaults_and_units():
    listed = {row[0]: (row[1], row[2]) for row in rows_of("settings", "setting")}
    defaults = Settings()

    assert list(listed) == [rule.name for rule in RULES]
    for rule in RULES:
        shown, unit = listed[rule.name]
        value = ast.literal_eval({"false": "False"}.get(shown, shown))
        assert rule.read(value) == getattr(defaults, rule.field), rule.name
        assert unit == rule.unit, rule.name


def test_settings_that_are_refused_for_now_are_named():
    text = (REFERENCE / "settings.md").read_text("utf-8")

    assert load_settings(TomlFile(path=Path()), environment={}, options={}).faults == ()
    for name in ("redis", "tls_certificate", "tls_key", "KAFKA_BROKER"):
        assert f"`{name}`" in text


def test_every_command_and_option_is_listed():
    text = (REFERENCE / "command-line.md").read_text("utf-8")
    sections = dict(re.findall(r"^#+ (tallymill .+)\n([^#]*)", text, re.MULTILINE))
    commands = dict(_commands(typer.main.get_command(build([])), "tallymill"))

    groups = {name.rpartition(" ")[0] for name in commands} - {"tallymill"}
    assert sections.keys() == commands.keys() | groups
    for name, options in commands.items():
        listed = set(re.findall(r"^\| `(--[\w-]+)`", sections[name], re.MULTILINE))
        assert listed == options, name


def _commands(group, path):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{path} {name}")
        else:
            shown = [p for p in command.params if not getattr(p, "hidden", False)]
            options = {option for p in shown for option in p.opts}
            yield (
                f"{path} {name}",
                {o for o in options if o.startswith("--")} - {"--help"},
            )


def test_every_route_is_described():
    text = (REFERENCE / "http.md").read_text("utf-8")
    headings = "\n".join(re.findall(r"^### (.+)$", text, re.MULTILINE))
    table = "\n".join(" ".join(row) for row in rows_of("http", "call"))
    routes = set()
    for path in [*(SOURCE / "web" / "routes").glob("*.py"), *SOURCE.glob("web/*.py")]:
        code = path.read_text("utf-8")
        routes |= set(re.findall(r'@(?:get|post|patch|delete)\(\s*"([^"]+)"', code))
        routes |= set(
            re.findall(r'\("(?:GET|POST|PUT|PATCH|DELETE)", "(/[^"]*)"\)', code)
        )

    assert len(routes) > 20
    for route in (each for each in routes if not each.endswith((".js", ".css"))):
        plain = re.sub(r"\{[a-z_]*?(id|name):str\}", r"{\1}", route)
        tail = plain.removeprefix("/jobs/{id}") or plain
        assert plain in headings + table or tail in headings, route


def test_statistics_kinds_and_shipped_statistics_are_listed():
    kinds = [row[0] for row in rows_of("statistics", "kind")]
    shipped = [row[0] for row in rows_of("statistics", "name")]

    assert kinds == list(KINDS)
    assert shipped == [definition.name for definition in SHIPPED]


@pytest.mark.parametrize(
    ("text", "cron", "words"),
    rows_of("schedules", "schedule | cron string"),
    ids=lambda v: v,
)
def test_each_form_of_schedule_means_what_is_shown(text, cron, words):
    schedule = parse_schedule(text, timezone="Asia/Kolkata")

    assert (schedule.cron_string or "") == cron
    assert schedule.words() == words


def test_job_fields_and_outcomes_of_runs_are_listed():
    fields = {row[0] for row in rows_of("jobs", "field")}
    outcomes = {row[0] for row in rows_of("jobs", "outcome")}

    assert fields == READERS.keys()
    assert outcomes == {state.value for state in RunState}


def test_every_code_of_an_error_is_listed_with_its_status():
    listed = {row[0]: int(row[1]) for row in rows_of("errors", "code")}

    assert listed == problems.STATUS
    assert {each.code for each in _tree(TallymillError)} - {"error"} <= listed.keys()


def _tree(cls):
    yield cls
    for below in cls.__subclasses__():
        if below.__module__ == "tallymill.kernel.errors":
            yield from _tree(below)


def test_every_log_event_is_listed_and_none_else():
    listed = {row[0] for row in rows_of("telemetry", "event")}

    assert listed == {name for path in SOURCE.rglob("*.py") for name in _events(path)}


def _events(path):
    """Yield what looks like an event's name in the first argument of a log's call.

    `tell` is a variable that holds a method of the log.
    """
    for call in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(call, ast.Call) or not call.args:
            continue
        if re.fullmatch(r"log\.\w+|.*\)\.log|tell", ast.unparse(call.func)):
            texts = re.findall(r"'([a-z_]+\.[a-z_]+)'", ast.unparse(call.args[0]))
            yield from texts or re.findall(r"'(library\.logged)'", ast.unparse(call))


def test_every_metric_is_listed_with_its_type():
    listed = {row[0]: row[1] for row in rows_of("telemetry", "metric")}

    assert listed == {
        family.name: family.type for family in Metrics().registry.collect()
    }


@pytest.mark.parametrize(
    ("what", "limit", "place"), rows_of("limits", "what"), ids=lambda v: v
)
def test_a_limit_is_that_of_the_code(what, limit, place):
    number, _, unit = limit.partition(" ")
    name, _, divisor = place.partition(" / ")

    assert _constant(name) / int(divisor or 1) == int(number) * SIZES.get(unit, 1), what


def test_each_dependency_has_its_line_of_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    text = (ROOT / "docs" / "adr" / "0002-chosen-parts.md").read_text("utf-8").lower()
    needed = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    names = [re.match(r"[\w-]+", each)[0] for each in needed]

    missing = [
        n
        for n in names
        if n.removeprefix("pytest-").replace("-", "") not in text.replace("-", "")
    ]

    assert missing == []


def _constant(place):
    """Return "events.model.Limits.faults": a constant, or a field's default."""
    parts = place.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        if (SOURCE / Path(*parts[:cut])).with_suffix(".py").exists():
            module = import_module(f"tallymill.{'.'.join(parts[:cut])}")
            first, *rest = parts[cut:]
            found = getattr(module, first)
            return reduce(getattr, rest, found() if rest else found)
    raise AssertionError(f"there is no module for {place}")
