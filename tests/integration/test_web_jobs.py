"""Jobs over HTTP: added, listed, changed, run, tried, filled back, delivered."""

import asyncio
import threading
from urllib.parse import unquote

import pytest
from web_house import web_house

from tallymill.jobs.schedule import parse_cron
from tallymill.web.routes import schedule

CRON = {"cron_string": "5 4 * * *"}


@pytest.fixture
async def house(tmp_path):
    async with web_house(tmp_path) as found:
        yield found


async def add(house, **fields):
    answer = await house.client.post("/jobs", json={**CRON, **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def call(house, method, path, status=200, body=None):
    answer = await house.client.request(method, path, json=body)
    assert answer.status_code == status, answer.text
    return answer


async def settled(house, run_id, delivered=False):
    """Wait until a run has ended (and is delivered); each look is a request."""
    async with asyncio.timeout(10):
        while True:
            run = (await call(house, "GET", f"/runs/{run_id}")).json()
            if run["finished_at"] and not (
                delivered and run["delivery"]["state"] == "waiting"
            ):
                return run


async def test_a_cron_string_is_enough(house):
    answer = await house.client.post("/jobs", json=CRON)

    job = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/jobs/{job['id']}"
    assert list(job)[:5] == [
        "id", "cron_string", "created_at", "last_run", "next_run"
    ]  # fmt: skip
    assert job["cron_string"] == "5 4 * * *"
    assert job["last_run"] is None
    assert job["next_run"].endswith("T04:05:00+05:30")
    assert (await call(house, "GET", f"/jobs/{job['id']}")).json() == job


async def test_a_bad_cron_string_says_which_field_and_why(house):
    answer = await house.client.post("/jobs", json={"cron_string": "5 44 * * *"})

    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {
            "pointer": "/cron_string",
            "detail": "field 2 (hour) is '44': hours are 0 to 23",
        }
    ]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/cron_string"),
        ({**CRON, "colour": 1}, "/colour"),
        ({**CRON, "timezone": "Mars/Base"}, "/timezone"),
        ({**CRON, "deliver_to": "ftp://x"}, "/deliver_to"),
        ({**CRON, "name": "a b"}, "/name"),
        ({**CRON, "query": "SELECT 1"}, "/source"),
        ([], ""),
    ],
    ids=["none", "unknown", "zone", "scheme", "name", "no source", "array"],
)
async def test_a_bad_job_is_refused_by_place_and_not_kept(house, body, pointer):
    answer = await house.client.post("/jobs", json=body)

    assert answer.status_code == 422
    assert pointer in [fault["pointer"] for fault in answer.json()["errors"]]
    assert (await call(house, "GET", "/jobs")).json() == []


@pytest.mark.parametrize("body", [b"", b"{", b'{"cron_string": NaN}', b'"\xff"'])
async def test_a_job_that_is_no_json_is_a_400(house, body):
    headers = {"Content-Type": "application/json"}

    answer = await house.client.post("/jobs", content=body, headers=headers)

    assert answer.status_code == 400


async def test_a_name_is_taken_once(house):
    await add(house, name="nightly")

    answer = await house.client.post("/jobs", json={**CRON, "name": "nightly"})

    assert answer.status_code == 409


async def test_jobs_are_listed_oldest_first_a_page_at_a_time(house):
    for number in range(5):
        await add(house, name=f"job-{number}")

    first = await call(house, "GET", "/jobs?limit=2")
    middle = await call(house, "GET", "/jobs?skip=2&limit=2")
    last = await call(house, "GET", "/jobs?skip=4&limit=2")

    assert [job["id"] for job in first.json()] == ["job-0", "job-1"]
    assert first.headers["x-total-count"] == "5"
    assert first.headers["link"] == '</jobs?skip=2&limit=2>; rel="next"'
    assert 'rel="prev"' in middle.headers["link"]
    assert 'rel="next"' not in last.headers["link"]


@pytest.mark.parametrize(
    "query", ["skip=-1", "limit=0", "limit=1001", "skip=x", "page=1"]
)
async def test_a_bad_page_of_jobs_is_refused_by_name(house, query):
    answer = await house.client.get(f"/jobs?{query}")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == query.partition("=")[0]


async def test_a_job_is_changed_paused_resumed_and_deleted(house):
    await add(house, name="nightly")

    changed = await call(
        house, "PATCH", "/jobs/nightly", body={"cron_string": "0 5 * * *"}
    )
    paused = await call(house, "POST", "/jobs/nightly/pause")
    resumed = await call(house, "POST", "/jobs/nightly/resume")
    await call(house, "DELETE", "/jobs/nightly", 204)

    assert changed.json()["cron_string"] == "0 5 * * *"
    assert paused.json()["next_run"] is None
    assert resumed.json()["next_run"]
    await call(house, "GET", "/jobs/nightly", 404)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({"colour": 1}, "/colour"), ({"cron_string": "x"}, "/cron_string"), ([], "")],
)
async def test_a_bad_change_is_refused_by_place(house, body, pointer):
    job = await add(house, name="nightly")

    answer = await call(house, "PATCH", "/jobs/nightly", 422, body)

    assert answer.json()["errors"][0]["pointer"] == pointer
    assert (await call(house, "GET", "/jobs/nightly")).json() == job


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/jobs/none"),
        ("PATCH", "/jobs/none"),
        ("DELETE", "/jobs/none"),
        ("POST", "/jobs/none/run"),
        ("POST", "/jobs/none/pause"),
        ("POST", "/jobs/none/try"),
        ("GET", "/jobs/none/runs"),
        ("GET", "/jobs/none/backfill?from=2020-01-01&to=2020-01-02"),
        ("GET", "/runs/none"),
        ("POST", "/runs/none/redeliver"),
    ],
)
async def test_what_is_done_to_no_job_is_a_404(house, method, path):
    body = {} if method == "PATCH" else None

    await call(house, method, path, 404, body)


async def test_a_run_by_hand_delivers_its_result_to_result(house):
    here = f"http://127.0.0.1:{house.port}/result"
    await add(house, name="now", statistic="total_registrations", deliver_to=here)

    queued = await call(house, "POST", "/jobs/now/run", 202)
    run = await settled(house, queued.json()["id"], delivered=True)
    listed = (await call(house, "GET", "/jobs/now/runs")).json()

    assert queued.headers["location"] == f"/runs/{run['id']}"
    assert (run["kind"], run["outcome"]) == ("now", "succeeded")
    assert run["delivery"]["state"] == "delivered"
    assert run["delivery"]["attempts"][0]["status"] == 201
    assert [each["id"] for each in listed] == [run["id"]]
    posted = (await call(house, "GET", "/result")).json()
    assert posted == [run["result"]]
    assert posted[0]["statistic"] == "total_registrations"


async def test_a_run_is_shown_in_its_jobs_own_zone_wherever_it_is_asked_for(house):
    here = f"http://127.0.0.1:{house.port}/result"
    await add(house, name="ny", timezone="Asia/Tokyo", deliver_to=here)
    queued = (await call(house, "POST", "/jobs/ny/run", 202)).json()
    alone = await settled(house, queued["id"], delivered=True)
    again = await call(house, "POST", f"/runs/{queued['id']}/redeliver", 202)
    listed = (await call(house, "GET", "/jobs/ny/runs")).json()[0]

    for shown in (queued, alone, again.json(), listed):
        assert shown["scheduled_for"].endswith("+09:00")
        assert shown["scheduled_for"] == queued["scheduled_for"]
    assert alone["delivery"]["attempts"][0]["at"].endswith("+09:00")


async def test_a_deleted_jobs_history_can_be_read(house):
    await add(house, name="gone", timezone="Asia/Tokyo")
    queued = (await call(house, "POST", "/jobs/gone/run", 202)).json()
    await settled(house, queued["id"])

    await call(house, "DELETE", "/jobs/gone", 204)
    listed = (await call(house, "GET", "/jobs/gone/runs")).json()
    older = (await call(house, "GET", "/jobs/gone/runs?before=1")).json()

    assert [each["id"] for each in listed] == [queued["id"]]
    assert listed[0]["scheduled_for"].endswith("Z")
    assert (await call(house, "GET", f"/runs/{queued['id']}")).json() == listed[0]
    assert older == []


async def test_a_delivery_is_sent_again_by_hand_and_stored_once(house):
    here = f"http://127.0.0.1:{house.port}/result"
    await add(house, name="now", deliver_to=here)
    queued = await call(house, "POST", "/jobs/now/run", 202)
    run = await settled(house, queued.json()["id"], delivered=True)

    await call(house, "POST", f"/runs/{run['id']}/redeliver", 202)
    async with asyncio.timeout(10):
        while len(run["delivery"]["attempts"]) < 2:
            run = await settled(house, run["id"], delivered=True)

    assert run["delivery"]["attempts"][1]["status"] == 200
    assert len((await call(house, "GET", "/result")).json()) == 1


async def test_a_run_without_a_delivery_cannot_be_sent_again(house):
    await add(house, name="now")
    queued = await call(house, "POST", "/jobs/now/run", 202)
    await settled(house, queued.json()["id"])

    await call(house, "POST", f"/runs/{queued.json()['id']}/redeliver", 403)


async def test_trying_a_job_shows_everything_and_sends_nothing(house):
    here = f"http://127.0.0.1:{house.port}/result"
    await add(house, name="day", cron_string="0 13 * * *", period="day",
              statistic="total_registrations", deliver_to=here)  # fmt: skip

    trial = (await call(house, "POST", "/jobs/day/try?as_of=2022-12-22")).json()

    assert trial["words"] == "At 13:00, every day"
    assert len(trial["times"]) == 10
    assert trial["now"] == "2022-12-22T00:00:00+05:30"
    assert trial["period"] == {
        "start": "2022-12-21T00:00:00+05:30",
        "end": "2022-12-22T00:00:00+05:30",
    }
    assert trial["request"]["url"] == here
    assert trial["request"]["body"] == trial["answer"]
    assert (await call(house, "GET", "/result")).json() == []


async def test_a_backfill_runs_each_due_time_once(house):
    await add(house, name="day", cron_string="0 13 * * *")
    span = {"from": "2022-12-01", "to": "2022-12-11"}
    counts = "/jobs/day/backfill?from=2022-12-01&to=2022-12-11"

    dry = await call(
        house, "POST", "/jobs/day/backfill", body={**span, "dry_run": True}
    )
    first = await call(house, "POST", "/jobs/day/backfill", body=span)
    async with asyncio.timeout(10):
        while True:
            progress = (await call(house, "GET", counts)).json()
            if progress["done"] == progress["due"]:
                break
    again = await call(house, "POST", "/jobs/day/backfill", body=span)

    found = [
        (a.json()["due"], a.json()["new"], a.json()["already"])
        for a in (dry, first, again)
    ]
    assert found == [(10, 10, 0), (10, 10, 0), (10, 0, 10)]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"from": "2022-12-01"}, "/to"),
        ({"from": "x", "to": "2022-12-11"}, "/from"),
        ({"from": "2022-12-11", "to": "2022-12-01"}, "/to"),
        ({"from": "2022-12-01", "to": "2022-12-11", "dry": 1}, "/dry"),
    ],
    ids=["missing", "no date", "backwards", "unknown"],
)
async def test_a_bad_backfill_is_refused_by_place(house, body, pointer):
    await add(house, name="day")

    answer = await call(house, "POST", "/jobs/day/backfill", 422, body)

    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_a_preview_shows_words_and_times_strictly_after_from(house):
    asked = {
        "schedule": "each day at 1PM",
        "from": "2022-12-22T13:00:00+05:30",
        "count": 2,
    }

    answer = await call(house, "POST", "/schedule/preview", body=asked)

    assert answer.json() == {
        "words": "At 13:00, every day",
        "times": ["2022-12-23T13:00:00+05:30", "2022-12-24T13:00:00+05:30"],
        "cron_string": "0 13 * * *",
        "timezone": "Asia/Kolkata",
    }


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/cron_string"),
        ({**CRON, "schedule": "each day at 1PM"}, "/schedule"),
        ({"cron_string": "61 * * * *"}, "/cron_string"),
        ({**CRON, "timezone": "Asia/Kolkatta"}, "/timezone"),
        ({**CRON, "count": 1001}, "/count"),
        ({**CRON, "from": "2022-12-22T13:00:00"}, "/from"),
        ({**CRON, "form": "x"}, "/form"),
        ({**CRON, "dst": "none"}, "/dst"),
        ({"schedule": "30 2 30 2 *"}, "/schedule"),
    ],
    ids=["none", "both", "cron", "zone", "count", "from", "unknown", "dst", "never"],
)
async def test_a_bad_preview_is_refused_by_place(house, body, pointer):
    answer = await call(house, "POST", "/schedule/preview", 422, body)

    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_a_preview_is_reckoned_beside_the_event_loop(house, monkeypatch):
    """
    A thousand years of a zone take most of a second, and nobody else may wait for it.
    """
    threads = []

    def parse(text, **more):
        threads.append(threading.get_ident())
        return parse_cron(text, **more)

    monkeypatch.setattr(schedule, "parse_cron", parse)
    await call(house, "POST", "/schedule/preview", body=CRON)

    assert threads
    assert threading.get_ident() not in threads


EDGES = ["0001-01-01", "0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-12:00"]


@pytest.mark.parametrize("as_of", [*EDGES, "2022-12-22%00"])
async def test_an_as_of_at_the_edge_of_the_calendar_is_refused_by_place(house, as_of):
    await add(house, name="day")
    body = {"as_of": unquote(as_of)}

    answers = [
        await call(house, "POST", "/jobs", 422, {**CRON, **body}),
        await call(house, "PATCH", "/jobs/day", 422, body),
        await call(house, "POST", f"/jobs/day/run?as_of={as_of}", 422),
        await call(house, "POST", f"/jobs/day/try?as_of={as_of}", 422),
    ]

    for answer in answers:
        assert [each["pointer"] for each in answer.json()["errors"]] == ["/as_of"]


@pytest.mark.parametrize(
    ("span", "pointer"),
    [
        ({"from": "0001-01-01", "to": "2022-12-01"}, "/from"),
        ({"from": "2022-12-01", "to": "9999-12-31T23:59:59-12:00"}, "/to"),
    ],
)
async def test_a_backfill_from_the_edge_of_the_calendar_is_refused(
    house, span, pointer
):
    await add(house, name="day")

    answer = await call(house, "POST", "/jobs/day/backfill", 422, span)

    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]


async def test_a_moment_at_the_end_of_the_calendar_is_never_due(house):
    body = {"schedule": "at 9999-12-31T23:59"}

    answer = await call(house, "POST", "/jobs", 422, body)

    assert [each["pointer"] for each in answer.json()["errors"]] == ["/schedule"]
    assert "can never come due" in answer.text


async def test_a_preview_at_the_edges_of_the_calendar(house):
    asked = {**CRON, "timezone": "UTC", "count": 2}
    first = {**asked, "from": "0001-01-01T00:00:00+14:00"}
    last = {**asked, "from": "9999-12-31T23:59:59-12:00"}

    early = (await call(house, "POST", "/schedule/preview", body=first)).json()
    late = (await call(house, "POST", "/schedule/preview", body=last)).json()

    assert early["times"] == ["0001-01-03T04:05:00+00:00", "0001-01-04T04:05:00+00:00"]
    assert "note" not in early
    assert late["times"] == []
    assert late["note"] == "There are no more times."
