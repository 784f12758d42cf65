"""The demo's folder: a project that loads, made whole or not at all."""

import pytest

from tallymill.config import Address
from tallymill.demo.project import JOBS, make_demo, move_demo
from tallymill.kernel.errors import Conflict
from tallymill.project import load_project

HERE = Address("127.0.0.1", 8000)
THERE = Address("127.0.0.1", 8001)


def load(folder):
    return load_project(folder, environment={})


def destinations(project):
    definitions = [*project.jobs, *(marked.definition for marked in project.functions)]
    return {job.name: job.deliver_to for job in definitions}


def test_the_demo_is_a_project_with_both_jobs_a_source_and_a_statistic(tmp_path):
    assert make_demo(tmp_path / "demo", address=HERE)

    project = load(tmp_path / "demo")

    assert set(destinations(project)) == set(JOBS)
    assert set(destinations(project).values()) == {"http://127.0.0.1:8000/result"}
    assert [source.name for source in project.sources] == ["registrations"]
    assert "range_of_weights" in [s.name for s in project.statistics]
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


def test_a_demo_that_is_there_is_left_as_it_is(tmp_path):
    make_demo(tmp_path, address=HERE)
    (tmp_path / "tallymill.toml").write_text("# mine\n")

    assert not make_demo(tmp_path, address=HERE)
    assert (tmp_path / "tallymill.toml").read_text() == "# mine\n"


def test_a_folder_with_other_things_is_not_touched(tmp_path):
    (tmp_path / "thesis.txt").write_text("")

    with pytest.raises(Conflict, match="is no demo project"):
        make_demo(tmp_path, address=HERE)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_demo_moves_to_another_address_with_its_jobs(tmp_path):
    make_demo(tmp_path, address=HERE)

    move_demo(tmp_path, before=HERE, after=THERE)

    project = load(tmp_path)
    assert project.settings.listen == (THERE,)
    assert set(destinations(project).values()) == {"http://127.0.0.1:8001/result"}
