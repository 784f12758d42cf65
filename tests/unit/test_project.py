"""A project folder: what is collected from it, and what is said of its faults."""

import sys
from datetime import date

import pytest

from tallymill.kernel.errors import Invalid, Malformed, NotFound
from tallymill.project import load_project
from tallymill.sources.model import Source

STATISTIC = '''
import msgspec
from tallymill.statistics.protocol import Statistic

class Widest(Statistic):
    """The widest picture."""
    stream, field = "picture", "width"

    class State(msgspec.Struct):
        most: float = 0.0

    def add(self, state, width): state.most = max(state.most, width)
    def merge(self, a, b): return self.State(max(a.most, b.most))
    def result(self, state): return state.most
'''


JOB = '''
from tallymill.jobs.decorator import job

@job(schedule="each day at 1PM", period="day")
async def registrations_per_day(run):
    """Total number of registrations on the day before."""
    return {"date": run.period.start.date()}
'''


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file of the project."""

    def write_file(name, text):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    return write_file


def load(folder, **options):
    return load_project(folder, environment={}, options=options)


def faults_of(folder):
    with pytest.raises(Invalid) as caught:
        load(folder)
    return [fault.detail for fault in caught.value.faults]


def test_an_empty_folder_is_a_working_project_with_two_statistics(tmp_path):
    project = load(tmp_path)

    assert [s.name for s in project.statistics] == [
        "total_registrations",
        "average_weight",
    ]
    assert (project.jobs, project.sources, project.streams) == ((), (), ())
    assert project.folder == tmp_path.resolve()


def test_a_folder_that_is_not_there_is_told_with_what_makes_one(tmp_path):
    with pytest.raises(NotFound, match=r"tallymill init"):
        load(tmp_path / "absent")


def test_tables_become_definitions(tmp_path, write):
    write(
        "tallymill.toml",
        "[streams.picture]\nkafka_topic = 'p'\n"
        "[statistics.heaviest]\nstream = 'picture'\nkind = 'max'\nfield = 'weight'\n"
        "where = { kind = 'parcel' }\n"
        "[sources.registrations]\nurl = 'sqlite:///registration.sqlite'\n"
        "[sources.elsewhere]\nurl = 'sqlite:////var/other.sqlite'\n"
        "[jobs.average-weight]\nschedule = 'each day at 1PM'\nsource = 'registrations'\n"
        "query = 'SELECT 1'\nas_of = 2022-12-22\nretries = 3\ntimeout = '2 minutes'\n",
    )

    project = load(tmp_path)

    assert project.streams[0].kafka_topic == "p"
    heaviest = project.statistics[-1]
    assert (heaviest.name, heaviest.where) == ("heaviest", (("kind", "parcel"),))
    assert [source.url for source in project.sources] == [
        f"sqlite:///{tmp_path.resolve()}/registration.sqlite",
        "sqlite:////var/other.sqlite",
    ]
    job = project.jobs[0]
    assert (job.name, job.as_of, job.retries) == (
        "average-weight",
        date(2022, 12, 22),
        3,
    )


def test_a_statistic_of_ones_own_is_one_file(tmp_path, write):
    write("statistics/widest.py", STATISTIC)

    widest = load(tmp_path).statistics[-1]

    assert (widest.name, widest.stream, widest.fields) == (
        "widest",
        "picture",
        ("width",),
    )


def test_files_that_start_with_an_underscore_are_left_alone(tmp_path, write):
    write("statistics/_draft.py", "raise RuntimeError")

    assert len(load(tmp_path).statistics) == 2


def test_a_users_file_shadows_no_module_of_the_same_name(tmp_path, write):
    json_before = sys.modules["json"]
    write("statistics/json.py", STATISTIC)

    load(tmp_path)

    assert sys.modules["json"] is json_before
    assert str(tmp_path) not in "".join(sys.path)


def test_two_statistics_with_one_name_are_a_fault(tmp_path, write):
    write("statistics/a.py", STATISTIC)
    write("statistics/b.py", STATISTIC)

    faults = faults_of(tmp_path)

    assert len(faults) == 1
    assert "Widest has the name of another" in faults[0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\n\n1 / 0\n", "line 3: ZeroDivisionError: division by zero"),
        ("def f(:\n", "line 1: SyntaxError: invalid syntax"),
        ("import nothing_such\n", "line 1: ModuleNotFoundError"),
        ("exit(3)\n", "SystemExit: 3"),
    ],
    ids=["raises", "syntax", "import", "exit"],
)
def test_a_file_that_fails_names_file_line_and_exception(tmp_path, write, text, told):
    write("statistics/wrong.py", text)

    faults = faults_of(tmp_path)

    assert len(faults) == 1
    assert faults[0].startswith("statistics/wrong.py")
    assert told in faults[0]


def test_a_file_that_failed_can_be_mended_and_loaded_again(tmp_path, write):
    write("statistics/widest.py", "1 / 0")
    faults_of(tmp_path)
    (tmp_path / "statistics" / "widest.py").unlink()
    write("statistics/mended.py", STATISTIC)

    assert load(tmp_path).statistics[-1].name == "widest"


def test_faults_of_settings_tables_and_files_come_together(tmp_path, write):
    write(
        "tallymill.toml",
        "shard = 5\n"
        "[streams.'a b']\n"
        "[streams.p]\ntopic = 'x'\n"
        "[statistics.s]\nstream = 'p'\nkind = 'maks'\n"
        "[sources.r]\nurl = 5\n"
        "[jobs.j]\nschedul = 'every hour'\nretries = 'many'\npaused = 1\n",
    )
    write("statistics/wrong.py", "1 / 0")

    faults = faults_of(tmp_path)

    told = "\n".join(faults)
    assert "line 1: there is no setting 'shard'; did you mean 'shards'?" in told
    assert "line 2: streams.a b: The stream's name 'a b' has ' '" in told
    assert "line 4: there is no setting 'topic' in [streams.p]" in told
    assert "line 7: statistics.s.kind: there is no kind 'maks'; did you mean" in told
    assert "line 9: sources.r.url: is missing or no URL" in told
    assert "line 11: jobs.j.schedul: is no field of a job; did you mean" in told
    assert "line 12: jobs.j.retries: " in told
    assert "line 13: jobs.j.paused: " in told
    assert "line 10: jobs.j.cron_string: is missing" in told
    assert "statistics/wrong.py line 1: ZeroDivisionError" in told
    assert len(faults) == 10


@pytest.mark.parametrize("kind", ["streams", "statistics", "sources", "jobs"])
def test_what_should_be_a_table_and_is_none_is_told(tmp_path, write, kind):
    write("tallymill.toml", f"{kind} = 5\n")
    assert f"[{kind}.NAME]" in faults_of(tmp_path)[0]

    write("tallymill.toml", f"{kind}.one = 5\n")
    assert "table" in faults_of(tmp_path)[0]


def test_a_toml_error_is_told_before_all_else(tmp_path, write):
    write("tallymill.toml", "shards == 5\n")

    with pytest.raises(Malformed, match="line 1, column"):
        load(tmp_path)


def test_a_job_is_one_decorated_function(tmp_path, write):
    write("jobs/registrations.py", JOB + "again = registrations_per_day\n")

    (marked,) = load(tmp_path).functions

    assert marked.definition.name == "registrations_per_day"
    assert marked.definition.schedule == "each day at 1PM"


def test_a_job_that_another_file_imports_is_not_counted_twice(tmp_path, write):
    write("jobs/registrations.py", JOB)
    write("jobs/other.py", "from tallymill.jobs.decorator import job\n")

    assert len(load(tmp_path).functions) == 1


def test_two_jobs_with_one_name_are_a_fault_that_names_both_places(tmp_path, write):
    write("tallymill.toml", "\n[jobs.registrations_per_day]\nschedule = '@daily'\n")
    write("jobs/a.py", JOB)

    (fault,) = faults_of(tmp_path)

    assert "jobs/a.py: the job 'registrations_per_day' is also in" in fault
    assert "tallymill.toml line 2" in fault


def test_what_is_wrong_with_a_function_that_is_a_job_names_its_file(tmp_path, write):
    write("jobs/a.py", JOB.replace("each day at 1PM", "now and then"))

    (fault,) = faults_of(tmp_path)

    assert fault.startswith("jobs/a.py: job registrations_per_day: schedule: ")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("schedule = '5 25 * * *'", "line 2: jobs.j.schedule: "),
        ("schedule = '@daily'\ntimezone = 'Mars/One'", "line 3: jobs.j.timezone: "),
        (
            "schedule = '@daily'\nsource = 'r'\nquery = 'SELECT 1'",
            "line 3: jobs.j.source",
        ),
        ("schedule = '@daily'\nname = 'k'", "line 3: jobs.j.name: is the name in the"),
    ],
    ids=["cron", "zone", "source", "name"],
)
def test_a_job_that_cannot_run_is_told_with_its_line(tmp_path, write, line, told):
    write("tallymill.toml", f"[jobs.j]\n{line}\n")

    (fault,) = faults_of(tmp_path)

    assert told in fault


def test_a_password_in_a_sources_url_is_not_shown():
    source = Source(name="r", url="postgresql://me:secret@host/db")

    assert source.shown_url == "postgresql://me:***@host/db"
    assert "secret" in source.url


WRONG_MARKS = """
from tallymill import job

@job
async def bare(run): ...

@job("each day at 1PM")
async def unnamed(run): ...

@job(schedule="each day at 1PM", perod="day")
def misspelt(run): ...

@job(schedule="each dya at 1PM")
def noargs(): ...

@job(schedule="each day at 1PM")
async def two(run, more): ...

@job(schedule="each day at 1PM")
async def optional(run, more=1): ...
"""


def test_each_wrong_mark_of_a_file_is_told_at_once_and_in_our_words(tmp_path, write):
    """
    Python's own words name a file of ours, and end at the first.
    """
    write("jobs/a.py", WRONG_MARKS)

    told = [fault.removeprefix("jobs/a.py: job ") for fault in faults_of(tmp_path)]

    assert told[0] == 'bare: says not when: write @job(schedule="each day at 1PM")'
    assert told[1].startswith("unnamed: has an argument without a name: write @job(s")
    assert told[2] == "misspelt: perod: is no field of a job; did you mean 'period'?"
    assert told[3] == (
        "noargs: is called with one argument, the run, and takes (): "
        "write `def noargs(run)`"
    )
    assert told[4].startswith("noargs: schedule: 'dya' is not understood")
    assert told[5].startswith("two: is called with one argument, the run, and takes (r")
    assert len(told) == 6


def test_a_source_that_can_never_be_asked_is_a_fault(tmp_path, write):
    """
    A job over it would fail at each due time, after "is in order".
    """
    write(
        "tallymill.toml",
        "[sources.a]\nurl = 'nodb://x'\n"
        "[sources.b]\nurl = 'mysql+mysqldb://me:secret@there/b'\n"
        "[sources.c]\nurl = 'sqlite://'\n"
        "[sources.d]\nurl = 'sqlite:///new.sqlite'\n",
    )

    told = faults_of(tmp_path)

    assert told[0].startswith(
        "tallymill.toml line 2: sources.a.url: begins with 'nodb'"
    )
    assert "line 4: sources.b.url: needs the Python module 'MySQLdb'" in told[1]
    assert "line 6: sources.c.url: names no file" in told[2]
    assert len(told) == 3
    assert "secret" not in "".join(told)


def test_what_may_not_be_meant_so_is_noted(tmp_path, write):
    write("tallymill.toml", "[sources.s]\nurl = 'sqlite:///new.sqlite'\n")
    write("statistics/a.py", STATISTIC.replace("Widest", "AverageWeight"))
    write("statistics/b.py", "x = 1")
    write("jobs/c.py", "x = 1")

    absent, empty, replaced, jobless = load(tmp_path).notices

    assert f"the source s has no file {tmp_path.resolve()}/new.sqlite yet" in absent
    assert empty.startswith("statistics/b.py holds no class of Statistic")
    assert replaced.startswith("average_weight is one of your own, in place of the one")
    assert jobless.startswith("jobs/c.py holds no function with @job")
    assert "_c.py" in jobless


def test_a_file_in_place_of_the_folder_is_said_to_be_a_file(tmp_path, write):
    write("tallymill.toml", "")

    with pytest.raises(NotFound, match=r"tallymill.toml is a file; name the project's"):
        load(tmp_path / "tallymill.toml")
