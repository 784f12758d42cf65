"""The two jobs of the first seed, on its own data of 1,002 registrations."""

import os
from pathlib import Path

import pytest
from product import Product, wait_for

DATA = Path(__file__).parents[3] / "shared" / "data" / "registration.sqlite"

TOML = """
[sources.registrations]
url = "sqlite:///{data}"

[jobs.average-weight-of-last-week]
schedule = "each day at 1PM"
source = "registrations"
period = "week"
query = '''
SELECT avg(weight) AS average_weight, count(*) AS registrations
FROM registration WHERE timestamp >= :start AND timestamp < :end
'''
deliver_to = "{url}/result"
as_of = 2022-12-22
"""

JOB = '''
from tallymill import job


@job(schedule="each day at 1PM", period="day", deliver_to="{url}/result", as_of="2022-12-22")
async def registrations_per_day(run):
    """Total number of registrations on the day before."""
    rows = await run.query("registrations", "SELECT count(*) AS count FROM registration WHERE timestamp >= :start AND timestamp < :end")
    return {{"date": run.period.start.date(), "count": rows[0]["count"]}}
'''


@pytest.fixture
def product(tmp_path):
    if not DATA.exists():
        assert not os.environ.get("CI"), f"CI has to have {DATA}"
        pytest.skip(f"the seed's data is not here: {DATA.name} in shared/data")
    server = Product(tmp_path)
    (tmp_path / "tallymill.toml").write_text(TOML.format(data=DATA, url=server.url))
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "per_day.py").write_text(JOB.format(url=server.url))
    with server:
        yield server


def results(product):
    return product.get("/result?limit=1000")


def test_both_jobs_post_what_the_seed_asks_for(product):
    """
    Week 50 of 2022 and the day before its last one, to the last digit.
    """
    for job in ("average-weight-of-last-week", "registrations_per_day"):
        product.post(f"/jobs/{job}/run")

    wait_for(lambda: len(results(product)) == 2)
    assert {"average_weight": 2140.3333333333335, "registrations": 18} in results(
        product
    )
    assert {"date": "2022-12-21", "count": 3} in results(product)


def test_a_backfill_posts_every_day_once(product):
    """
    366 days, all 1,002 registrations; the same backfill again posts nothing.
    """
    path = "/jobs/registrations_per_day/backfill"
    span = {"from": "2021-12-23", "to": "2022-12-24"}

    planned = product.post(path, span)

    assert (planned["due"], planned["new"], planned["already"]) == (366, 366, 0)
    wait_for(
        lambda: product.get(f"{path}?from=2021-12-23&to=2022-12-24")["delivered"] == 366
    )
    posted = results(product)
    assert len({result["date"] for result in posted}) == len(posted) == 366
    assert sum(result["count"] for result in posted) == 1002

    again = product.post(path, span)

    assert (again["due"], again["new"], again["already"]) == (366, 0, 366)
    product.post("/jobs/average-weight-of-last-week/run")
    wait_for(lambda: len(results(product)) > 366)
    assert len(results(product)) == 367
