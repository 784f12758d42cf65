"""Every example of the documentation works as shown; every link leads somewhere.

How a page is read is in `doc_pages`, how its commands are typed in `doc_session`, how
outputs are compared in `doc_match`; for people, in docs/how-these-pages-are-tested.md.
"""

import ast
import configparser
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter

import pytest
from acceptance.doc_commands import Commands
from acceptance.doc_match import matches
from acceptance.doc_pages import (
    LANGUAGES,
    PAGES,
    ROOT,
    anchors_of,
    blocks_of,
    links_of,
    name_of,
)
from acceptance.doc_session import Session

from tallymill.project import load_project

#: Blocks that cannot be run, by page; each says why in a comment before it.
NOT_RUN = {
    "README.md": 2,
    "CONTRIBUTING.md": 3,
    "docs/tutorial/first-project.md": 1,
    "docs/how-to/run-as-a-service.md": 1,
}

BLOCKS = [block for page in PAGES for block in blocks_of(page)]


@pytest.fixture(scope="session")
def commands(tmp_path_factory):
    missing = [tool for tool in ("bash", "curl") if shutil.which(tool) is None]
    if missing and "CI" not in os.environ:
        pytest.skip(f"the pages' examples need {' and '.join(missing)}; install it")
    assert not missing
    commands = Commands(tmp_path_factory.mktemp("commands"))
    yield commands
    commands.close()


@pytest.fixture
def session(tmp_path, commands):
    session = Session(tmp_path, commands)
    yield session
    session.close()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_does_what_it_shows(page, session, tmp_path_factory):
    for block in blocks_of(page):
        if block.reason is not None:
            continue
        if block.language == "console":
            session.type(block)
        elif block.language == "sh":
            session.run_script(block)
        elif block.file is not None:
            session.write(block.file, block.text)
            _load(session.folder, block.where)
        elif block.language in ("toml", "python"):
            _load_alone(block, tmp_path_factory.mktemp("alone"))


@pytest.mark.parametrize(
    "block", [b for b in BLOCKS if b.language in ("json", "ini")], ids=lambda b: b.where
)
def test_a_block_of_data_can_be_read(block):
    if block.language == "json":
        assert json.loads(block.text) is not None
    else:
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        parser.read_string(block.text)
        assert parser.sections()


def test_every_block_is_in_a_language_that_is_checked():
    unchecked = [block.where for block in BLOCKS if block.language not in LANGUAGES]

    assert unchecked == []


def test_few_blocks_are_not_run_and_each_says_why():
    for block in BLOCKS:
        if block.reason:
            print(f"not run: {block.where}: {block.reason}")

    found = Counter(name_of(b.page) for b in BLOCKS if b.reason is not None)

    assert found == NOT_RUN
    assert all(len(block.reason.split()) > 2 for block in BLOCKS if block.reason)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_of_a_page_leads_to_something(page):
    for target in links_of(page):
        if re.match(r"https?://|mailto:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page

        assert found.exists(), f"{target}: there is no such file"
        if anchor:
            assert anchor in anchors_of(found), f"{target}: there is no such heading"


EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/tallymill.toml"))


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_an_example_is_a_project_in_order(folder, tmp_path):
    project = shutil.copytree(folder, tmp_path / "project")

    _load(project, folder.name)


def test_every_page_is_reached_from_the_index():
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in PAGES
        for target in links_of(page)
    }

    assert [name_of(page) for page in PAGES[1:] if page not in linked] == []


@pytest.mark.parametrize(
    ("shown", "printed", "is_same"),
    [
        ('{"a": 1}', '{"a":1}\n', True),
        ('{"a": 1}', '{"a":1.0}', False),
        ('{"a": 1}', '{"a":1,"b":2}', False),
        ('{"a": 1, "...": "..."}', '{"a":1,"b":2}', True),
        ('{"at": "2026-11-21T10:00:00Z"}', '{"at":"2027-01-02T03:04:05Z"}', True),
        ('{"at": "2026-11-20T10:00:00Z"}', '{"at":"2027-01-02T03:04:05Z"}', False),
        ('{"at": "2026-11-21T10:00:00Z"}', '{"at":"2027-01-02T03:04:05+00:00"}', False),
        ("at 2026-11-21 10:00:00.123 a", "at 2027-01-02 03:04:05.678 a\n", True),
        ("run 7h3k9m2p5q8r4t6v ends", "run 0123456789abcdef ends", True),
        ("run 7h3k9m2p5q8r4t6v ends", "run none ends", False),
        ("A   B\n...\nC", "A B\n1\n2\nC\n", True),
        ("A\nC", "A\n1\nC\n", False),
    ],
)
def test_only_samples_give_way_when_outputs_are_compared(shown, printed, is_same):
    assert matches(shown, printed) is is_same


def _load(folder, where):
    try:
        load_project(folder, environment={})
    except Exception as error:
        faults = [fault.detail for fault in getattr(error, "faults", ())]
        raise AssertionError(f"{where}: {error} {faults}") from error


def _load_alone(block, folder):
    """Load a block as a project of its own, or run it where it is no part of one."""
    if block.language == "toml":
        (folder / "tallymill.toml").write_text(block.text, "utf-8")
    elif "import Statistic" in block.text or "import job" in block.text:
        kind = "statistics" if "import Statistic" in block.text else "jobs"
        (folder / kind).mkdir()
        (folder / kind / "example.py").write_text(block.text, "utf-8")
    else:
        ast.parse(block.text)
        subprocess.run([sys.executable, "-c", block.text], cwd=folder, check=True)
    _load(folder, block.where)
