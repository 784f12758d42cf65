"""Events of accounts through `kill -9`: what was acknowledged is there, once."""

import random
import threading
import time

import httpx2
import pytest
from product import Product

KILLS = 5
SENDERS = 4


class Sender(threading.Thread):
    """Sends numbered events to its own account; notes what was acknowledged."""

    def __init__(self, product, account):
        super().__init__(daemon=True)
        self.product, self.account = product, account
        self.acknowledged, self.sent = [], 0
        self.ended = threading.Event()

    def run(self):
        with httpx2.Client(base_url=self.product.url, timeout=5) as client:
            while not self.ended.is_set():
                try:
                    answer = client.put(f"/{self.account}", params={"data": self.sent})
                except httpx2.TransportError:
                    time.sleep(0.02)
                else:
                    if answer.status_code == 202:
                        self.acknowledged.append(str(self.sent))
                self.sent += 1


@pytest.fixture
def product(tmp_path):
    (tmp_path / "tallymill.toml").write_text("seed_accounts = 10\n")
    with Product(tmp_path) as product:
        yield product


def stored(product, account):
    found, path = [], f"/events?stream=accounts&subject={account}&limit=1000"
    while path:
        answer = product.http.get(path).raise_for_status()
        found += [each["data"] for each in answer.json()["events"]]
        path = answer.links.get("next", {}).get("url")
    return found


def test_acknowledged_events_survive_kills_in_order_and_once(product):
    """
    An event whose answer was lost may be there or not; one that was acknowledged is.
    """
    chance = random.Random(4)
    senders = [Sender(product, account) for account in range(1, SENDERS + 1)]
    for sender in senders:
        sender.start()
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.05, 0.4))
        product.kill()
        product.start()
    for sender in senders:
        sender.ended.set()
        sender.join()

    for sender in senders:
        found = stored(product, sender.account)
        assert set(sender.acknowledged) <= set(found)
        assert found == sorted(set(found), key=int)
        assert len(sender.acknowledged) > 0


def test_the_rate_is_true_over_ten_seconds_and_back_to_nought_in_two(product):
    """
    Sent at a known pace, 200 a second; asked for all the while.
    """
    told, sent = [], 0
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < 11:
        while sent < passed * 200:
            assert product.http.put("/1", params={"data": "x"}).status_code == 202
            sent += 1
        if passed > 1.2:
            told.append(product.get("/")["Rate"])
    average = sum(told) / len(told)

    assert abs(average - 200) <= 4
    time.sleep(2)  # the promise is about real time
    assert product.get("/")["Rate"] == 0
    history = product.get("/rate")["history"]
    assert abs(sum(history) - sent) <= 200
