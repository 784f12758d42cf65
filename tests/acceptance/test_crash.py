"""Killed at random moments under load: nothing acknowledged is lost or counted twice."""

import itertools
import random
import sqlite3
import threading
from collections import Counter
from pathlib import Path

import httpx2
import msgspec
import pytest
from product import Product, wait_for

from tallymill.events.codec import decode_block
from tallymill.project import load_project
from tallymill.store.check import deep_check

EVENTS = 300  #: of a request
NEW_STATISTIC = """
[statistics.heaviest]
stream = "picture"
kind = "max"
field = "weight"

[statistics.weight_in_all]
stream = "picture"
kind = "sum"
field = "weight"
"""


class Sender:
    """Sends requests one after another until it is told to stop."""

    def __init__(self, url, number, stream, *, keyed):
        self.acknowledged, self.sent = [], 0
        self._url, self._number, self._stream = url, number, stream
        self._keyed = keyed
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self):
        self._stopping.set()
        self._thread.join()

    def _run(self):
        with httpx2.Client(base_url=self._url, timeout=30) as http:
            for request in itertools.count():
                if self._stopping.is_set():
                    return
                self.sent = request + 1
                while not self._is_stored(http, request) and self._keyed:
                    self._stopping.wait(0.01)
                    # With a key it is tried until it is told, also after the end.

    def _is_stored(self, http, request):
        name = f"{self._number}.{request}"
        events = [
            {
                "timestamp": "2026-11-21T12:00:00Z",
                "data": {"request": name, "weight": request % 1000 + n % 7},
            }
            for n in range(EVENTS)
        ]
        headers = {"Idempotency-Key": name} if self._keyed else {}
        try:
            answer = http.post(
                "/events", params={"stream": self._stream}, json=events, headers=headers
            )
        except httpx2.TransportError:
            return False
        if answer.status_code != 202:
            return False
        assert answer.json() == {"accepted": EVENTS}
        self.acknowledged.append(name)
        return True


def stored_requests(database, stream):
    """How many events of each request are in the log."""
    with sqlite3.connect(database) as driver:
        blocks = driver.execute(
            "SELECT payload FROM block WHERE stream = ?", (stream,)
        ).fetchall()
    driver.close()
    return Counter(
        msgspec.json.decode(event.data)["request"]
        for (payload,) in blocks
        for event in decode_block(payload)
    )


def kill_often(folder: Path, kills: int, seed: int):
    """Serve a folder under load and kill it, again and again; returns the senders."""
    moment = random.Random(seed)
    product = Product(folder)
    product.start()
    keyed = [Sender(product.url, n, "picture", keyed=True) for n in range(2)]
    plain = [Sender(product.url, n, "plain", keyed=False) for n in range(2, 4)]
    every = [*keyed, *plain]
    try:
        for turn in range(kills):
            done = sum(len(each.acknowledged) for each in keyed)
            wanted = done + moment.randrange(1, 40)
            wait_for(lambda: sum(len(e.acknowledged) for e in keyed) >= wanted)  # noqa: B023 - called at once
            threading.Event().wait(moment.uniform(0, 0.02))
            product.kill()
            if turn == kills // 2:
                (folder / "tallymill.toml").write_text(NEW_STATISTIC)
            product.start()
    finally:
        for each in every:
            each.stop()
        product.http.close()
        status = product.terminate()
    assert status == 0, product.log
    return keyed, plain


def reconcile(folder: Path, keyed, plain):
    """Compare what was told with what is there."""
    database = folder / "data" / "tallymill.db"
    told = {name for each in keyed for name in each.acknowledged}
    assert sum(each.sent for each in keyed) == len(told)
    assert stored_requests(database, "picture") == dict.fromkeys(told, EVENTS)

    stored = stored_requests(database, "plain")
    told = {name for each in plain for name in each.acknowledged}
    assert set(stored.values()) <= {EVENTS}, "a request was stored by halves"
    assert told <= stored.keys(), "an acknowledged request was lost"

    report = deep_check(database, statistics=load_project(folder).statistics)
    assert report.ok, [check for check in report.checks if not check.ok]


def answers(folder: Path):
    with Product(folder) as product:
        views = product.get("/statistics")["statistics"]
    return {view["name"]: view["value"] for view in views}


def crash(folder: Path, kills: int, seed: int):
    keyed, plain = kill_often(folder, kills, seed)
    reconcile(folder, keyed, plain)

    weights = [
        request % 1000 + n % 7
        for each in keyed
        for request in range(each.sent)
        for n in range(EVENTS)
    ]
    assert answers(folder) == {
        "total_registrations": len(weights),
        "average_weight": sum(weights) / len(weights),
        "heaviest": max(weights),
        "weight_in_all": sum(weights),
    }


def test_a_few_kills_lose_nothing(tmp_path):
    crash(tmp_path, kills=3, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_fifty_kills_lose_nothing(tmp_path):
    crash(tmp_path, kills=50, seed=2)
