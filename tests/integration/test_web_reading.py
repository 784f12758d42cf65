"""What can be read: workers, statistics, results, health, metrics, documentation."""

import asyncio
import json

import pytest
from web_house import web_house

AT = "2019-10-04T01:52:07-03:00"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def house(tmp_path):
    async with web_house(tmp_path) as found:
        yield found


async def get(house, path, status=200):
    answer = await house.client.get(path)
    assert answer.status_code == status, answer.text
    return answer


async def post_pictures(house, *weights):
    events = [{"timestamp": AT, "data": {"weight": weight}} for weight in weights]
    answer = await house.client.post("/events?stream=picture", json=events)
    assert answer.status_code == 202
    await folded(house)


async def folded(house):
    """Wait until everything accepted is folded."""
    assert await house.services.workforce.drain(10) == 0


async def test_workers_are_shown_as_in_the_seed(house):
    await post_pictures(house, *range(100))

    workers = (await get(house, "/workers")).json()["workers"]

    assert sum(worker["events_count"] for worker in workers) == 100
    first = workers[0]
    assert set(first) == {"id", "shard_id", "events_count", "created_at"}
    assert first["created_at"].endswith("Z")
    assert len(first["created_at"]) == len("2023-07-20T17:06:14.831Z")
    one = (await get(house, f"/workers/{first['id']}")).json()
    assert one == {"workerData": first}


async def test_workers_are_narrowed_by_shard_and_activity(house):
    await post_pictures(house, *range(100))

    of_shard = (await get(house, "/workers?shard_id=2&active=true")).json()["workers"]
    ended = (await get(house, "/workers?active=false")).json()["workers"]

    assert {worker["shard_id"] for worker in of_shard} == {2}
    assert ended == []


@pytest.mark.parametrize("name", ["1", "x", "-1", "1.5", "9" * 40, "%2e", "٣"])
async def test_a_worker_that_never_was_is_a_404(house, name):
    problem = (await get(house, f"/workers/{name}", 404)).json()

    assert problem["type"] == "urn:tallymill:problem:not-found"


@pytest.mark.parametrize("query", ["shard_id=x", "active=perhaps", "shard=1"])
async def test_bad_parameters_of_workers_are_named(house, query):
    problem = (await get(house, f"/workers?{query}", 422)).json()

    assert problem["errors"][0]["pointer"] == query.partition("=")[0]


async def test_the_shipped_statistics_are_answered(house):
    await post_pictures(house, 1000, 2001)

    all_of_them = (await get(house, "/statistics")).json()["statistics"]
    one = (await get(house, "/statistics/average_weight")).json()

    assert {s["name"]: s["value"] for s in all_of_them} == {
        "total_registrations": 2,
        "average_weight": 1500.5,
    }
    assert (one["value"], one["events"], one["lag"]) == (1500.5, 2, 0)
    assert one["kind"] == "mean"


async def test_an_unknown_statistic_is_a_404_with_the_nearest_name(house):
    problem = (await get(house, "/statistics/average_wait", 404)).json()

    assert "average_weight" in problem["detail"]


async def test_messages_that_do_not_fit_are_listed_with_their_reason(house):
    await post_pictures(house, 1000, "heavy")

    page = (await get(house, "/events/rejected?limit=1")).json()

    assert page["total"] == 1
    assert page["rejected"][0]["statistic"] == "average_weight"
    assert page["rejected"][0]["reason"]


async def test_the_live_stream_tells_each_change(house):
    changes = []
    async with (
        asyncio.timeout(10),
        house.client.stream("GET", "/statistics/live") as stream,
    ):
        assert stream.headers["content-type"].startswith("text/event-stream")
        async for line in stream.aiter_lines():
            if not line.startswith("data:"):
                continue
            view = json.loads(line.removeprefix("data:"))
            changes.append((view["name"], view["value"]))
            if len(changes) == 2:
                await post_pictures(house, 7)
            if changes[-1] == ("average_weight", 7.0):
                break

    assert changes[:2] == [("total_registrations", 0), ("average_weight", None)]
    assert ("total_registrations", 1) in changes


async def test_results_come_back_as_posted_and_in_order(house):
    bodies = [b'{"a":  1}', b"73786976294838206464", b'"\\u0000"', b"null", b"[]"]
    for body in bodies:
        answer = await house.client.post("/result", content=body, headers=JSON)
        assert answer.status_code == 201

    everything = await get(house, "/result")
    page = await get(house, "/result?limit=2")
    following = await get(house, page.headers["link"][1:].partition(">")[0])

    assert everything.content == b"[" + b",".join(bodies) + b"]"
    assert page.content == b'[{"a":  1},73786976294838206464]'
    assert following.content == b'["\\u0000",null]'


async def test_no_result_is_an_empty_array(house):
    assert (await get(house, "/result")).content == b"[]"
    assert (await get(house, "/result?after=0")).content == b"[]"


async def test_many_results_are_streamed_whole(house):
    await asyncio.gather(
        *(house.client.post("/result", json=number) for number in range(450))
    )

    assert sorted((await get(house, "/result")).json()) == list(range(450))


async def test_a_result_with_a_known_key_is_a_200_and_stored_once(house):
    keyed = {**JSON, "Idempotency-Key": "k"}

    first = await house.client.post("/result", content=b"1", headers=keyed)
    again = await house.client.post("/result", content=b"1", headers=keyed)

    assert (first.status_code, again.status_code) == (201, 200)
    assert (await get(house, "/result")).json() == [1]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", JSON, 400),
        (b"{", JSON, 400),
        (b"NaN", JSON, 400),
        (b'"\xff"', JSON, 400),
        (b"[" * 100_000 + b"]" * 100_000, JSON, 400),
        (b"[" * 200 + b"]" * 200, JSON, 400),
        (b"1", {"Content-Type": "text/plain"}, 415),
        (b" " * (16 * 1024 * 1024 + 1), JSON, 413),
    ],
    ids=["empty", "cut", "nan", "utf-8", "deep", "too deep", "type", "large"],
)
async def test_what_is_no_result_is_refused_and_not_stored(
    house, body, headers, status
):
    answer = await house.client.post("/result", content=body, headers=headers)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await get(house, "/result")).json() == []


async def test_the_root_is_a_page_for_browsers_and_a_rate_for_others(house):
    await post_pictures(house, 1, 2, 3)

    rate = await get(house, "/")
    page = await house.client.get("/", headers={"Accept": "text/html,*/*;q=0.8"})

    assert rate.json() == {"Rate": 3}
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    known = {"Accept": "text/html", "If-None-Match": page.headers["etag"]}
    assert (await house.client.get("/", headers=known)).status_code == 304


@pytest.mark.parametrize(
    "path",
    ["/page/page.js", "/page/page.css", "/docs", "/docs/start.js",
     "/docs/swagger_bundle.js", "/docs/swagger_style.css"],
)  # fmt: skip
async def test_pages_and_their_files_come_from_this_server(house, path):
    answer = await get(house, path)

    assert len(answer.content) > 100
    assert answer.headers["cache-control"] == "no-cache"


async def test_health_says_that_it_lives_and_is_ready(house):
    assert (await get(house, "/health/live")).json() == {"status": "live"}
    assert (await get(house, "/health/ready")).json() == {"status": "ready"}


async def test_a_trouble_makes_it_not_ready_and_is_named(tmp_path):
    async with web_house(tmp_path, troubles=["The disk is full."]) as house:
        answer = await get(house, "/health/ready", 503)

        assert answer.json()["reasons"] == ["The disk is full."]
        await get(house, "/health/live")


async def test_metrics_count_what_was_taken_and_refused(house):
    await post_pictures(house, 1, 2, "x")
    await house.client.post("/events", content=b"[", headers=JSON)

    text = (await get(house, "/metrics")).text

    for line in (
        "tallymill_events_accepted_total 3.0",
        'tallymill_requests_refused_total{status="400"} 1.0',
        "tallymill_events_set_aside 1.0",
        'tallymill_request_seconds_count{route="POST /events"} 2.0',
        "tallymill_fold_lag_events 0.0",
        "tallymill_jobs 0.0",
    ):
        assert line in text


async def test_every_answer_is_safe_to_show(house):
    for path in ("/workers", "/", "/jobs", "/nope", "/result", "/metrics"):
        headers = (await house.client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


async def test_a_page_of_another_site_may_not_change_anything(house):
    """A browser sends such a request by itself, from behind the user's firewall."""
    foreign = {"Sec-Fetch-Site": "cross-site"}

    refused = await house.client.post("/result", json=1, headers=foreign)
    run = await house.client.post("/jobs/x/run", headers=foreign)
    own = await house.client.post(
        "/result", json=2, headers={"Sec-Fetch-Site": "same-origin"}
    )

    assert (refused.status_code, run.status_code, own.status_code) == (403, 403, 201)
    assert (await get(house, "/result")).json() == [2]


async def test_a_head_request_is_answered_like_a_get_without_its_body(house):
    for path in ("/workers", "/", "/docs"):
        answer = await house.client.head(path)
        assert (answer.status_code, answer.content) == (200, b"")


async def test_what_is_not_there_is_a_404_and_a_wrong_method_a_405(house):
    missing = await get(house, "/nowhere/at/all", 404)
    wrong = await house.client.request("DELETE", "/events")
    raw_only = await house.client.patch("/result", json={})
    wrong_too = await house.client.post("/workers/5", json={})

    assert missing.json()["title"] == "Not found"
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, POST")
    assert (raw_only.status_code, raw_only.headers["allow"]) == (405, "GET, POST")
    assert (wrong_too.status_code, wrong_too.headers["allow"]) == (405, "GET")


async def test_the_description_names_every_route_with_its_problems(house):
    document = (await get(house, "/openapi.json")).json()

    assert document["openapi"].startswith("3.1")
    operations = {
        (method, path) for path, item in document["paths"].items() for method in item
    }
    assert operations >= {
        ("post", "/events"), ("get", "/events"), ("get", "/events/rejected"),
        ("get", "/workers"), ("get", "/workers/{worker_id}"), ("get", "/statistics"),
        ("get", "/statistics/{name}"), ("get", "/statistics/live"), ("post", "/jobs"),
        ("get", "/jobs"), ("patch", "/jobs/{job_id}"), ("delete", "/jobs/{job_id}"),
        ("post", "/jobs/{job_id}/run"), ("get", "/jobs/{job_id}/runs"),
        ("post", "/jobs/{job_id}/backfill"), ("get", "/jobs/{job_id}/backfill"),
        ("get", "/runs/{run_id}"), ("post", "/runs/{run_id}/redeliver"),
        ("post", "/schedule/preview"), ("post", "/result"), ("get", "/result"),
        ("get", "/health/live"), ("get", "/health/ready"), ("get", "/metrics"),
        ("get", "/"), ("get", "/docs"), ("get", "/openapi.json"),
    }  # fmt: skip
    for path, item in document["paths"].items():
        for method, operation in item.items():
            problem = operation["responses"]["503"]["content"]
            assert "application/problem+json" in problem, (method, path)
            assert operation["summary"], (method, path)


async def test_the_description_refers_to_nothing_that_is_missing(house):
    document = (await get(house, "/openapi.json")).json()
    wanted = set()

    def collect(node):
        if isinstance(node, dict):
            wanted.update([node["$ref"]] if "$ref" in node else [])
            node = list(node.values())
        for each in node if isinstance(node, list) else []:
            collect(each)

    collect(document)

    schemas = document["components"]["schemas"]
    assert wanted
    assert wanted <= {f"#/components/schemas/{name}" for name in schemas}


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:80", "10.0.0.7", "localhost.evil.example", ""],
)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/workers"), ("PUT", "/1"), ("GET", "/")]
)
async def test_a_name_that_only_leads_here_is_refused(house, method, path, host):
    """A page that has its own name point to 127.0.0.1 is of the same site, then."""
    answer = await house.client.request(
        method, path, headers={"Host": host, "Sec-Fetch-Site": "same-origin"}
    )

    assert answer.status_code == 403
    assert "ask for localhost or 127.0.0.1" in answer.json()["detail"]


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8000",
        "127.0.0.1:1",
        "127.1.2.3",
        "[::1]:80",
        "a.localhost",
    ],
)
async def test_every_name_of_loopback_is_served(house, host):
    for path in ("/workers", "/"):
        answer = await house.client.get(path, headers={"Host": host})
        assert answer.status_code == 200


async def test_who_says_so_may_be_asked_for_by_any_name(tmp_path):
    async with web_house(tmp_path, any_host=True) as house:
        for path in ("/workers", "/"):
            answer = await house.client.get(path, headers={"Host": "evil.example"})
            assert answer.status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://"])
@pytest.mark.parametrize(("method", "path"), [("POST", "/result"), ("PUT", "/1")])
async def test_an_old_browser_cannot_be_made_to_write(house, method, path, origin):
    """It sends no Sec-Fetch-Site."""
    answer = await house.client.request(method, path, headers={"Origin": origin})

    assert answer.status_code == 403
    assert (await house.client.get("/result")).json() == []


async def test_an_old_browser_writes_from_this_servers_own_page(house):
    origin = f"http://127.0.0.1:{house.port}"

    answer = await house.client.post("/result", json=2, headers={"Origin": origin})

    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        (
            "/events?limit=0",
            {"limit": "must be a whole number from 1 to 1000, not '0'"},
        ),
        (
            "/workers?active=perhaps&shard_id=x",
            {
                "active": "must be true or false, not 'perhaps'",
                "shard_id": f"must be a whole number from 0 to {2**63 - 1}, not 'x'",
            },
        ),
        ("/jobs/x/backfill", {"from": "is missing", "to": "is missing"}),
        ("/jobs/x/backfill?to=2026-01-01", {"from": "is missing"}),
        (
            "/jobs/x/runs?limit=1001",
            {"limit": "must be a whole number from 1 to 1000, not '1001'"},
        ),
    ],
)
async def test_every_wrong_parameter_is_named_in_words(house, path, fault):
    answer = await house.client.get(path)

    told = {one["pointer"]: one["detail"] for one in answer.json()["errors"]}
    assert (answer.status_code, told) == (422, fault)
    assert answer.json()["detail"].startswith("The query parameter '")


async def test_a_body_that_is_no_object_is_told_so_in_words(house):
    answer = await house.client.post("/jobs", json=[])

    assert answer.status_code == 422
    assert "it must be an object, not an array" in answer.json()["detail"]
