"""`POST /events` and the workers, with events as the third seed generates them."""

import random
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from product import Product, wait_for


@pytest.fixture
def product(tmp_path):
    with Product(tmp_path) as server:
        yield server


def generated(seed):
    """10,000 to 15,000 events with timestamps of any offset since 2014."""
    chance = random.Random(seed)
    begun = datetime(2014, 1, 1, tzinfo=UTC)
    return [
        {
            "timestamp": (begun + timedelta(seconds=chance.randrange(400_000_000)))
            .astimezone(timezone(timedelta(minutes=15 * chance.randrange(-48, 57))))
            .isoformat(),
            "data": 12312,
        }
        for _ in range(chance.randint(10_000, 15_000))
    ]


def counted(product):
    return sum(worker["events_count"] for worker in product.get("/workers")["workers"])


def by_shard(product):
    found = {}
    for worker in product.get("/workers")["workers"]:
        shard = worker["shard_id"]
        found[shard] = found.get(shard, 0) + worker["events_count"]
    return found


def test_every_accepted_event_is_taken_by_a_worker_once(product):
    """
    The sum of the workers' counts is what was accepted, over all five shards.
    """
    total = 0
    for seed in range(4):
        events = generated(seed)
        answer = product.http.post("/events", json=events)
        assert answer.status_code == 202
        assert answer.json() == {"accepted": len(events)}
        total += len(events)

    wait_for(lambda: counted(product) == total)
    shares = by_shard(product)
    assert set(shares) == {0, 1, 2, 3, 4}
    assert max(shares.values()) - min(shares.values()) <= 4


def test_a_single_shard_takes_all_of_a_request(product):
    """
    `single_shard=true` is how a sender keeps the order of a whole request.
    """
    events = generated(9)

    product.http.post("/events?single_shard=true", json=events).raise_for_status()

    wait_for(lambda: counted(product) == len(events))
    assert list(by_shard(product).values()) == [len(events)]


def test_a_worker_is_found_by_its_id(product):
    """
    `/workers/{id}` shows one of them, in the seed's own form.
    """
    product.post("/events", generated(1))
    wait_for(lambda: counted(product) > 0)
    listed = product.get("/workers")["workers"][0]

    found = product.get(f"/workers/{listed['id']}")["workerData"]

    assert found["id"] == listed["id"]
    assert set(found) == {"id", "shard_id", "events_count", "created_at"}
    assert 0 < found["id"] < 2**63
    assert product.http.get("/workers/1").status_code == 404


def test_the_events_come_back_as_they_were_sent(product):
    """
    Page after page, oldest first, each once.
    """
    sent = generated(2)
    product.post("/events", sent)

    found, path = [], "/events?limit=1000"
    while path:
        answer = product.http.get(path).raise_for_status()
        found += msgspec.json.decode(answer.content)["events"]
        path = answer.links.get("next", {}).get("url")

    def key(event):
        at = datetime.fromisoformat(event["timestamp"])
        return at, at.utcoffset()

    assert sorted(map(key, found)) == sorted(map(key, sent))
    assert all(event["data"] == 12312 for event in found)
