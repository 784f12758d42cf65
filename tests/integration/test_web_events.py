"""`POST /events` over a socket, in all of its forms, and what it refuses."""

import asyncio
import gzip
import json
from collections import Counter

import pytest
import zstandard
from web_house import web_house

from tallymill.events.model import Limits

AT = "2019-10-04T01:52:07-03:00"
JSON = {"Content-Type": "application/json"}
ONE = b'[{"timestamp": "2019-10-04T01:52:07-03:00", "data": 12312}]'
CLOUD_EVENT = b'{"specversion":"1.0","id":"%s","source":"/","type":"t","time":"AT"}'
DATA = [
    "73786976294838206464",
    "0.100000000000000000000000000001",
    "1e400",
    '"\\ud83d\\ude00 \\u0000"',
    '{"a":1,"a":2}',
    "null",
    '"é€😀"',
    "[[[[]]]]",
]


@pytest.fixture
async def house(tmp_path):
    async with web_house(tmp_path) as found:
        yield found


@pytest.fixture
async def small(tmp_path):
    """A server with limits that a test can reach."""
    limits = Limits(body_bytes=100_000, event_bytes=1000)
    async with web_house(tmp_path, limits=limits) as found:
        yield found


async def send(house, body, query="", **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {k.replace("_", "-"): v for k, v in headers.items()}
    return await house.client.post(
        f"/events{query}", content=content, headers={**JSON, **named}
    )


async def stored(house, query=""):
    answer = await house.client.get(f"/events{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()["events"]


async def refused(house, status, body=ONE, query="", **headers):
    """Send a request that must be refused, and return the problem."""
    answer = await send(house, body, query, **headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert await stored(house) == []
    problem = answer.json()
    assert problem["status"] == status
    return problem


async def test_the_seeds_request_is_accepted_and_kept(house):
    answer = await send(house, ONE)

    assert (answer.status_code, answer.json()) == (202, {"accepted": 1})
    (event,) = await stored(house)
    assert (event["timestamp"], event["data"]) == (AT, 12312)


async def test_a_usual_request_is_accepted_whole_and_spread_over_the_shards(house):
    events = [{"timestamp": AT, "data": number} for number in range(12_500)]

    answer = await send(house, events)

    assert answer.json() == {"accepted": 12_500}
    page = await stored(house, "?limit=1000")
    assert len(page) == 1000


@pytest.mark.parametrize("data", DATA)
async def test_data_comes_back_as_it_was_sent(house, data):
    await send(house, b'[{"timestamp":"%s","data":%s}]' % (AT.encode(), data.encode()))

    answer = await house.client.get("/events")

    assert f'"data":{data},' in answer.text


async def test_an_event_without_data_stays_without(house):
    await send(house, {"timestamp": AT, "id": "a", "subject": "s"})

    (event,) = await stored(house)

    assert "data" not in event
    assert (event["id"], event["subject"]) == ("a", "s")


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("zstd", zstandard.ZstdCompressor().compress)],
)
async def test_compressed_bodies_are_taken(house, encoding, pack):
    events = json.dumps([{"timestamp": AT}] * 20_000).encode()

    answer = await send(house, pack(events), Content_Encoding=encoding)

    assert answer.json() == {"accepted": 20_000}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-ndjson", b'{"timestamp":"AT"}\n\n{"timestamp":"AT"}\n'),
        ("application/json; charset=utf-8", b'[{"timestamp":"AT"},{"timestamp":"AT"}]'),
        (
            "application/cloudevents-batch+json",
            b"[" + CLOUD_EVENT % b"1" + b"," + CLOUD_EVENT % b"2" + b"]",
        ),
    ],
    ids=["ndjson", "json", "cloudevents"],
)
async def test_many_events_come_in_several_forms(house, content_type, body):
    answer = await send(
        house, body.replace(b"AT", AT.encode()), Content_Type=content_type
    )

    assert (answer.status_code, answer.json()) == (202, {"accepted": 2})


async def test_a_cloudevent_comes_structured_or_binary(house):
    structured = {
        "specversion": "1.0",
        "id": "1",
        "source": "/cameras/7",
        "type": "picture",
        "time": AT,
        "data": {"weight": 5},
    }
    await send(house, structured, Content_Type="application/cloudevents+json")
    binary = await send(
        house,
        b'{"weight": 5}',
        ce_specversion="1.0",
        ce_id="2",
        ce_source="/cameras/7",
        ce_type="picture",
        ce_time=AT,
    )

    assert binary.json() == {"accepted": 1}
    assert len(await stored(house)) == 2


async def test_a_stream_is_a_parameter_and_events_is_its_default(house):
    await send(house, ONE, "?stream=picture")

    assert await stored(house) == []
    assert len(await stored(house, "?stream=picture")) == 1


async def test_a_single_shard_takes_all_events_of_its_request(house):
    events = [{"timestamp": AT}] * 50

    await send(house, events, "?single_shard=true")
    await send(house, events, "?stream=other")

    assert len({event["shard_id"] for event in await stored(house)}) == 1
    spread = Counter(e["shard_id"] for e in await stored(house, "?stream=other"))
    assert set(spread.values()) == {10}


async def test_an_id_is_stored_once_and_its_repeats_are_counted(house):
    events = [{"timestamp": AT, "id": str(number % 3)} for number in range(5)]

    first = await send(house, events)
    again = await send(house, events)

    assert first.json() == {"accepted": 3, "duplicates": 2}
    assert again.json() == {"accepted": 0, "duplicates": 5}


async def test_a_key_is_answered_as_the_first_time(house):
    first = await send(house, ONE, Idempotency_Key="k")
    again = await send(house, ONE, Idempotency_Key="k")

    assert first.json() == again.json() == {"accepted": 1}
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert len(await stored(house)) == 1


async def test_one_key_from_many_at_once_is_stored_once(house):
    answers = await asyncio.gather(
        *(send(house, ONE, Idempotency_Key="k") for _ in range(10))
    )

    assert [answer.json() for answer in answers] == [{"accepted": 1}] * 10
    assert len(await stored(house)) == 1


async def test_a_partial_request_stores_the_good_and_lists_the_bad(house):
    events = [{"timestamp": AT}, {"timestamp": "x"}, {"timestamp": AT, "extra": 1}]

    answer = await send(house, events, "?partial=true", Idempotency_Key="k")
    again = await send(house, events, "?partial=true", Idempotency_Key="k")

    assert answer.status_code == again.status_code == 207
    assert answer.json() == again.json()
    assert (answer.json()["accepted"], answer.json()["rejected"]) == (1, 2)
    places = [(e["index"], e["pointer"]) for e in answer.json()["errors"]]
    assert places == [(1, "/1/timestamp"), (2, "/2/extra")]
    assert len(await stored(house)) == 1


async def test_a_partial_request_without_a_bad_event_is_a_202(house):
    answer = await send(house, ONE, "?partial=true")

    assert (answer.status_code, answer.json()) == (202, {"accepted": 1})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty"),
        (b"[{", "byte"),
        (b'[{"timestamp": "%s", "data": NaN}]' % AT.encode(), "NaN"),
        (b'[{"timestamp": "%s", "data": "\xff"}]' % AT.encode(), "UTF-8"),
        (b"[" * 100_000 + b"]" * 100_000, "nested deeper than 128"),
        (
            b'{"timestamp":"%s","data":%s}'
            % (AT.encode(), b"[" * 10**5 + b"]" * 10**5),
            "nested deeper than 128",
        ),
        (b"\xef\xbb\xbf[]", "byte order mark"),
        (b"[] []", "after its end"),
    ],
    ids=["empty", "cut", "nan", "utf-8", "deep", "deep data", "bom", "two values"],
)
async def test_what_is_no_json_is_refused_with_its_byte(house, body, said):
    problem = await refused(house, 400, body)

    assert said in problem["detail"]


@pytest.mark.parametrize(
    ("event", "pointer"),
    [
        ({}, "/0/timestamp"),
        ({"timestamp": "2019-10-04T01:52:07"}, "/0/timestamp"),
        ({"timestamp": AT, "colour": "red"}, "/0/colour"),
        ({"timestamp": AT, "id": 5}, "/0/id"),
        ({"timestamp": AT, "id": "x" * 256}, "/0/id"),
    ],
    ids=["no timestamp", "no offset", "unknown key", "id is a number", "long id"],
)
async def test_a_bad_event_is_refused_by_place(house, event, pointer):
    problem = await refused(house, 422, [event])

    assert problem["errors"][0]["pointer"] == pointer


async def test_the_first_hundred_faults_are_listed_and_all_are_counted(house):
    problem = await refused(house, 422, [{"timestamp": AT}] * 10 + [{}] * 250)

    assert len(problem["errors"]) == 100
    assert problem["errors_total"] == 250
    assert problem["errors"][0]["pointer"] == "/10/timestamp"


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("?strem=a", "strem"),
        ("?stream=a&stream=b", "stream"),
        ("?stream=", "stream"),
        ("?stream=a/b", "stream"),
        ("?stream=%F0%9F%98%80", "stream"),
        (f"?stream={'x' * 129}", "stream"),
        ("?single_shard=1", "single_shard"),
        ("?partial=True", "partial"),
    ],
)
async def test_parameters_are_refused_by_name(house, query, named):
    problem = await refused(house, 422, query=query)

    assert problem["errors"][0]["pointer"] == named


@pytest.mark.parametrize(
    ("headers", "status", "said"),
    [
        ({"Content_Type": "text/plain"}, 415, "application/x-ndjson"),
        ({"Content_Type": "application/json; charset=utf-16"}, 415, "utf-16"),
        ({"Content_Encoding": "br"}, 415, "gzip, zstd"),
        ({"Content_Encoding": "gzip"}, 400, "gzip"),
        ({"Content_Encoding": "zstd"}, 400, "zstd"),
        ({"Idempotency_Key": "a b"}, 400, "Idempotency-Key"),
        ({"Idempotency_Key": "k" * 256}, 400, "256 characters"),
    ],
)
async def test_headers_are_refused_with_what_would_be_taken(
    house, headers, status, said
):
    problem = await refused(house, status, **headers)

    assert said in problem["detail"]


async def test_a_body_over_the_limit_is_refused_whether_it_says_so_or_not(small):
    async def pieces():
        for _ in range(200):
            yield b" " * 1000

    problem = await refused(small, 413, b" " * 100_001)
    chunked = await small.client.post("/events", content=pieces(), headers=JSON)

    assert "100001 bytes or more; the limit is 100000" in problem["detail"]
    assert chunked.status_code == 413


async def test_a_bomb_is_refused_by_what_it_holds(small):
    bomb = gzip.compress(bytes(50_000_000), 1)

    answer = await send(small, bomb[:99_000], Content_Encoding="gzip")

    assert answer.status_code == 413
    assert "decompressed" in answer.json()["detail"]


async def test_an_event_over_its_limit_is_refused_by_index(small):
    problem = await refused(
        small, 413, [{"timestamp": AT}, {"timestamp": AT, "data": "x" * 1100}]
    )

    assert "/1 has" in problem["detail"]
    assert problem["errors"][0]["pointer"] == "/1"


async def test_too_large_a_backlog_is_a_503_with_retry_after(tmp_path):
    async with web_house(tmp_path, backlog_max=-1) as house:
        answer = await send(house, ONE)

        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert await stored(house) == []


async def test_pages_of_events_lead_on_until_the_end(house):
    await send(house, [{"timestamp": AT, "data": n} for n in range(25)])
    seen, path = [], "/events?limit=10"

    while path:
        answer = await house.client.get(path)
        seen += [event["data"] for event in answer.json()["events"]]
        link = answer.headers.get("link")
        path = link.partition("<")[2].partition(">")[0] if link else None

    assert sorted(seen) == list(range(25))


async def test_a_page_of_large_events_ends_early_and_leads_on(house):
    large = [{"timestamp": AT, "data": "x" * 60_000} for _ in range(250)]
    await send(house, large)

    answer = await house.client.get("/events?limit=1000")

    assert 60_000 * len(answer.json()["events"]) < 12_000_000
    assert 'rel="next"' in answer.headers["link"]


async def test_events_are_found_by_subject(house):
    await send(house, [{"timestamp": AT, "subject": s} for s in ("a", "ä&/", "a")])

    assert len(await stored(house, "?subject=a")) == 2
    assert len(await stored(house, "?subject=%C3%A4%26%2F")) == 1


@pytest.mark.parametrize("query", ["?limit=0", "?limit=1001", "?after=x", "?who=1"])
async def test_a_bad_page_is_refused_by_name(house, query):
    answer = await house.client.get(f"/events{query}")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] in query
