"""`@job` leaves the function as it is and its definition on it."""

from tallymill import job
from tallymill.jobs.decorator import marked_job


def test_a_job_is_named_as_its_function():
    @job(schedule="each day at 1PM", period="day")
    async def registrations_per_day(run):
        return run

    marked = marked_job(registrations_per_day)

    assert marked.definition.name == "registrations_per_day"
    assert marked.definition.schedule == "each day at 1PM"
    assert marked.function is registrations_per_day
    assert marked.place == "unit/test_jobs_decorator.py"


def test_a_function_of_no_file_is_placed_by_its_module():
    def report(run):
        return run

    report.__module__ = "somewhere"

    assert marked_job(job(schedule="every hour")(report)).place == "somewhere.report"


def test_another_name_may_be_given():
    @job(cron_string="* * * * *", name="other")
    def function(run):
        return run

    assert marked_job(function).definition.name == "other"
    assert function(5) == 5


def test_other_things_are_no_jobs():
    """
    The loader looks at everything in a module, at objects that claim all names too.
    """

    class Claims:
        def __getattr__(self, name):
            return self

    assert marked_job(print) is None
    assert marked_job(Claims()) is None
    assert marked_job(3) is None
