"""`tallymill check --deep` beside a running server, and on a database that lies."""

import sqlite3
import subprocess
import sys

import pytest
from product import Product, wait_for

EVENTS = [
    {"timestamp": "2026-11-20T08:00:00+05:30", "data": {"weight": weight}}
    for weight in range(100)
]


def deep_check(folder):
    return subprocess.run(
        [sys.executable, "-m", "tallymill", "check", str(folder), "--deep"],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def product(tmp_path):
    with Product(tmp_path) as server:
        server.post("/events?stream=picture", EVENTS)
        wait_for(lambda: server.get("/statistics/average_weight")["value"] == 49.5)
        yield server


def test_what_a_server_keeps_is_found_to_be_in_order(product):
    """
    The check reads beside the server that writes.
    """
    found = deep_check(product.folder)

    assert found.returncode == 0, found.stderr
    assert "in order" in found.stdout
    assert "WRONG" not in found.stdout


def test_a_count_that_the_log_does_not_bear_out_is_told(product):
    """
    A check that cannot fail is none.
    """
    product.terminate()
    with sqlite3.connect(product.folder / "data" / "tallymill.db") as database:
        database.execute("UPDATE worker SET events_count = events_count + 1")

    found = deep_check(product.folder)

    assert found.returncode == 1
    assert "WRONG" in found.stdout
