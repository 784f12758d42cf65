"""A backfill whose server is killed again and again, and what the destination has."""

import random
import sqlite3
from collections import Counter

import pytest
from product import Product, wait_for

DAYS = 120
KILLS = 3
TOML = """
[sources.shop]
url = "sqlite:///shop.sqlite"

[jobs.per-day]
schedule = "each day at 1PM"
source = "shop"
period = "day"
query = "SELECT :start AS day, count(*) AS count FROM sale WHERE at >= :start AND at < :end"
deliver_to = "{url}/result"
retries = 100
"""


@pytest.fixture
def product(tmp_path):
    connection = sqlite3.connect(tmp_path / "shop.sqlite")
    connection.execute("CREATE TABLE sale (at TEXT)")
    connection.commit()
    connection.close()
    server = Product(tmp_path)
    (tmp_path / "tallymill.toml").write_text(TOML.format(url=server.url))
    with server:
        yield server


def results(product):
    return product.get("/result?limit=1000")


def test_each_day_is_delivered_and_received_once_through_kills(product):
    """
    A run that was cut off is the same run, with the same Idempotency-Key: what it
    delivers twice, the receiver stores once.
    """
    asked = {"from": "2022-01-02", "to": "2022-05-02"}
    planned = product.post("/jobs/per-day/backfill", asked)
    chance = random.Random(5)

    for _ in range(KILLS):
        have = len(results(product))
        more = min(DAYS, have + chance.randint(1, 12))
        wait_for(lambda more=more: len(results(product)) >= more)
        product.kill()
        product.start()
    wait_for(lambda: len(results(product)) >= DAYS)
    again = product.post("/jobs/per-day/backfill", asked)

    days = Counter(result["day"] for result in results(product))
    runs = product.get("/jobs/per-day/runs?limit=1000")
    assert (planned["due"], planned["new"]) == (DAYS, DAYS)
    assert (again["due"], again["new"]) == (DAYS, 0)
    assert len(days) == DAYS
    assert set(days.values()) == {1}
    assert Counter(run["kind"] for run in runs)["backfill"] == DAYS
