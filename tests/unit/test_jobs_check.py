"""What a definition of a job may say, and where each fault is told."""

from datetime import UTC, date, datetime

import pytest
from job_parts import NOON, SURROUNDINGS, job_from

from tallymill.jobs.check import (
    Surroundings,
    Writing,
    check_definition,
    fields_of,
    nearest,
)
from tallymill.jobs.fields import READERS
from tallymill.jobs.model import JobDefinition
from tallymill.kernel.errors import Invalid


def faults_of(origin="api", **fields):
    writing = Writing(origin=origin, now=NOON)
    with pytest.raises(Invalid) as refused:
        check_definition(fields, surroundings=SURROUNDINGS, writing=writing)
    return {fault.pointer: fault.detail for fault in refused.value.faults}


def test_a_cron_string_alone_is_enough():
    """
    It is all that the smallest request has.
    """
    job = job_from(cron_string="5 4 * * *")

    assert job.ask.cron_string == "5 4 * * *"
    assert len(job.id) == 16
    assert job.next_run == datetime(2026, 11, 22, 4, 5, tzinfo=UTC)
    assert job.last_run is None


def test_a_name_is_the_id():
    assert job_from(name="daily-count").id == "daily-count"


def test_plain_words_come_with_the_cron_string_that_says_the_same():
    job = job_from(schedule="each day at 1PM")

    assert job.ask.schedule == "each day at 1PM"
    assert job.ask.cron_string == "0 13 * * *"


def test_a_schedule_that_is_no_cron_has_no_cron_string():
    assert job_from(schedule="every 15 minutes").ask.cron_string is None


def test_the_zone_is_the_settings_unless_given():
    surroundings = Surroundings(timezone="Asia/Kolkata")

    assert job_from(surroundings=surroundings).ask.timezone == "Asia/Kolkata"
    assert job_from(timezone="Europe/Riga").ask.timezone == "Europe/Riga"


def test_every_fault_is_told_with_its_pointer():
    """
    Whoever mends one fault a request gives up before the last.
    """
    faults = faults_of(
        cron_string="61 4 * * *",
        timezone="Asia/Kolkatta",
        source="shopp",
        query="SELECT :start",
        deliver_to="ftp://host/x",
        misfire="twice",
        retries=-1,
        jitter="a while",
        as_of="tomorrow",
        paused="yes",
        quary="SELECT 1",
    )

    assert set(faults) == {
        "/cron_string",
        "/timezone",
        "/source",
        "/period",
        "/deliver_to",
        "/misfire",
        "/retries",
        "/jitter",
        "/as_of",
        "/paused",
        "/quary",
    }
    assert "field 1 (minute)" in faults["/cron_string"]
    assert "'shop'" in faults["/source"]
    assert "'query'" in faults["/quary"]
    assert "Asia/Kolkata" in faults["/timezone"]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({}, "/cron_string"),
        ({"cron_string": ""}, "/cron_string"),
        ({"cron_string": 5}, "/cron_string"),
        ({"cron_string": "0 0 31 2 *"}, "/cron_string"),
        ({"cron_string": "each day at 1PM"}, "/cron_string"),
        ({"cron_string": "* * * * *", "schedule": "every hour"}, "/schedule"),
        ({"schedule": "whenever"}, "/schedule"),
        ({"schedule": "at 2020-01-01T00:00"}, "/schedule"),
        ({"query": "SELECT 1"}, "/source"),
        ({"source": "shop"}, "/query"),
        ({"source": "shop", "query": "SELECT :today"}, "/query"),
        ({"source": "shop", "query": "   "}, "/query"),
        ({"source": "shop", "query": "x" * 100_001}, "/query"),
        ({"source": "shop", "query": "SELECT 1", "period": "year"}, "/period"),
        ({"statistic": "avarage_weight"}, "/statistic"),
        (
            {"statistic": "average_weight", "source": "shop", "query": "SELECT 1"},
            "/statistic",
        ),
        ({"name": "a/b"}, "/name"),
        ({"name": "x" * 101}, "/name"),
        ({"name": ""}, "/name"),
        ({"deliver_to": "http://"}, "/deliver_to"),
        ({"deliver_to": "http://host:99999/"}, "/deliver_to"),
        ({"deliver_to": "http://[::1/"}, "/deliver_to"),
        ({"deliver_to": "http://host/a b"}, "/deliver_to"),
        ({"deliver_to": "http://host/\r\nX: y"}, "/deliver_to"),
        ({"deliver_to": "//host/result"}, "/deliver_to"),
        ({"timeout": 0}, "/timeout"),
        ({"timeout": "2 days"}, "/timeout"),
        ({"timeout": float("nan")}, "/timeout"),
        ({"jitter": -1}, "/jitter"),
        ({"retries": 1.5}, "/retries"),
        ({"retries": True}, "/retries"),
        ({"overlap": ["skip"]}, "/overlap"),
        ({"dst": "posix"}, "/dst"),
        ({"a/b~c": 1}, "/a~1b~0c"),
    ],
)
def test_a_fault_is_refused_at_its_place(fields, pointer):
    if "schedule" not in fields and pointer != "/cron_string":
        fields = {"cron_string": "* * * * *", **fields}

    faults = faults_of(**fields)

    assert set(faults) == {pointer}


def test_none_is_the_same_as_left_out():
    job = job_from(cron_string="5 4 * * *", schedule=None, query=None, retries=None)

    assert job.ask.retries == 16


def test_durations_are_seconds_or_words():
    job = job_from(timeout="2 minutes", jitter=30)

    assert job.ask.timeout_s == 120
    assert job.ask.jitter_s == 30


@pytest.mark.parametrize(
    ("as_of", "kept"),
    [
        (date(2022, 12, 22), "2022-12-22"),
        ("2022-12-22", "2022-12-22"),
        (datetime(2022, 12, 22, 8), "2022-12-22T08:00:00"),  # noqa: DTZ001 - naive is what is tried
        (datetime(2022, 12, 22, 8, tzinfo=UTC), "2022-12-22T08:00:00+00:00"),
    ],
)
def test_as_of_is_kept_as_written(as_of, kept):
    """
    A date means its first moment in the job's zone, and the zone may be changed later.
    """
    assert job_from(as_of=as_of).ask.as_of == kept


def test_a_moment_in_a_file_may_be_over():
    """
    The file is read again at each start; a job that had its day must not stop one.
    """
    job = job_from(origin="file", schedule="at 2020-01-01T00:00")

    assert job.next_run is None


def test_a_function_asks_for_itself():
    with pytest.raises(Invalid) as refused:
        job_from(function="jobs.f", statistic="average_weight")

    assert [fault.pointer for fault in refused.value.faults] == ["/statistic"]


def test_a_casts_two_colons_bind_nothing():
    job = job_from(source="shop", query=r"SELECT '1'::int, '12:30', '\:x'")

    assert job.ask.query


def test_the_fields_of_a_job_make_the_same_job():
    """
    A change is these fields with some of them replaced.
    """
    job = job_from(
        name="a",
        schedule="each day at 1PM",
        source="shop",
        query="SELECT :start",
        period="day",
        deliver_to="http://h/result",
        as_of=date(2022, 12, 22),
        jitter="5 s",
        dst="skip",
    )

    again = job_from(**fields_of(job))

    assert again == job


def test_a_definition_as_a_struct_is_checked_alike():
    definition = JobDefinition(name="a", cron_string="* * * * *", retries=200)
    writing = Writing(origin="code", now=NOON)

    with pytest.raises(Invalid) as refused:
        check_definition(definition, surroundings=SURROUNDINGS, writing=writing)

    assert [fault.pointer for fault in refused.value.faults] == ["/retries"]


def test_a_name_that_is_like_no_other_is_answered_with_all_there_are():
    """
    Ten of them looked as if they were all.
    """
    many = [f"n{number:02}" for number in range(30)]

    assert nearest("zzz", READERS) == f"there are {', '.join(sorted(READERS))}"
    assert nearest("zzz", many).endswith("n22, n23, and 6 more")
    assert nearest("n07x", many) == "did you mean 'n07'?"
