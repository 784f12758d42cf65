"""Accounts over a socket: to the letter, and what is refused."""

import asyncio
import re

import msgspec
import pytest
from web_house import web_house

from tallymill.kernel.errors import Unavailable

PROBLEM = "application/problem+json"


@pytest.fixture
async def house(tmp_path):
    async with web_house(tmp_path, seed_accounts=1000) as house:
        yield house


@pytest.fixture(params=["lane", "asgi"])
def way(request):
    """The fast lane, and the ordinary way that an unusual header sends a request."""
    return {"lane": {}, "asgi": {"Content-Length": "0"}}[request.param]


async def put(house, path, **more):
    return await house.client.put(path, **more)


async def stored(house, **query):
    answer = await house.client.get(
        "/events", params={"stream": "accounts", "limit": 1000, **query}
    )
    return [(each["subject"], each["data"]) for each in answer.json()["events"]]


class TestReading:
    async def test_an_account_is_told_to_the_letter(self, house, way):
        answer = await house.client.get("/1000", headers=way)

        assert answer.status_code == 200
        assert list(answer.json()) == ["ID", "Name", "IsActive"]
        assert answer.json()["ID"] == 1000
        assert re.fullmatch("[0-9a-f]{32}", answer.json()["Name"])
        assert answer.json()["IsActive"] is True
        assert answer.headers["content-type"] == "application/json"

    async def test_nobody_is_a_404(self, house, way):
        for path in ["/1001", "/9223372036854775808", f"/{'9' * 5000}"]:
            answer = await house.client.get(path, headers=way)

            assert (answer.status_code, answer.headers["content-type"]) == (
                404,
                PROBLEM,
            )
            assert answer.json()["type"] == "urn:tallymill:problem:not-found"

    async def test_what_is_no_positive_integer_is_a_400(self, house, way):
        for path in ["/0", "/-1", "/1.5", "/abc", "/%31x", "/000"]:
            answer = await house.client.get(path, headers=way)

            assert (answer.status_code, answer.headers["content-type"]) == (
                400,
                PROBLEM,
            )
            assert "positive integer" in answer.json()["detail"]

    async def test_head_and_other_methods(self, house):
        head = await house.client.head("/1")
        wrong = await house.client.delete("/1")

        assert (head.status_code, head.content) == (200, b"")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, PUT")

    async def test_a_query_is_refused_by_name(self, house):
        answer = await house.client.get("/1?verbose=1")

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "verbose"

    async def test_sixty_four_readers_at_once_each_get_their_own(self, house):
        answers = await asyncio.gather(
            *[house.client.get(f"/{n}") for n in range(1, 65)]
        )

        assert [answer.json()["ID"] for answer in answers] == list(range(1, 65))


class TestAdding:
    async def test_a_new_account_is_told_with_its_place(self, house):
        answer = await house.client.post("/", json={"Name": "Ada", "IsActive": False})

        assert (answer.status_code, answer.headers["location"]) == (201, "/1001")
        assert answer.json() == {"ID": 1001, "Name": "Ada", "IsActive": False}
        assert (await house.client.get("/1001")).json() == answer.json()

    async def test_it_is_active_unless_it_says_otherwise(self, house):
        answer = await house.client.post("/", json={"Name": "Zoë 🦊"})

        assert answer.json() == {"ID": 1001, "Name": "Zoë 🦊", "IsActive": True}

    async def test_what_is_wrong_is_said_with_its_place(self, house):
        for body, status, pointer in [
            (b"", 400, None),
            (b"{", 400, None),
            (b'{"Name": "\xff"}', 400, None),
            (b'{"Name": "\\ud800"}', 400, None),
            (b"[" * 100_000, 400, None),
            (b"[]", 422, ""),
            (b'"Ada"', 422, ""),
            (b"null", 422, ""),
            (b"{}", 422, "/Name"),
            (b'{"Name": 5}', 422, "/Name"),
            (b'{"Name": ""}', 422, "/Name"),
            (b'{"Name": "  "}', 422, "/Name"),
            (b'{"Name": "a\\u001b[31m"}', 422, "/Name"),
            (b'{"Name": "a\\u0000"}', 422, "/Name"),
            (msgspec.json.encode({"Name": "x" * 256}), 422, "/Name"),
            (b'{"Name": "a", "IsActive": "yes"}', 422, "/IsActive"),
            (b'{"Name": "a", "IsActive": null}', 422, "/IsActive"),
            (b'{"Name": "a", "ID": 7}', 422, "/ID"),
        ]:
            answer = await house.client.post(
                "/", content=body, headers={"Content-Type": "application/json"}
            )

            assert answer.status_code == status, answer.text
            if pointer is not None:
                assert answer.json()["errors"][0]["pointer"] == pointer
            assert (await house.client.get("/1001")).status_code == 404

    async def test_the_content_type_may_be_missing_but_not_wrong(self, house):
        body = b'{"Name": "a"}'
        missing = await house.client.post("/", content=body)
        wrong = await house.client.post(
            "/", content=body, headers={"Content-Type": "text/plain"}
        )

        assert (missing.status_code, wrong.status_code) == (201, 415)


class TestSending:
    async def test_an_event_is_durable_and_says_so(self, house, way):
        answer = await put(house, "/7?data=test%20data", headers=way)

        assert (answer.status_code, answer.json()) == (202, {"accepted": 1})
        found = (await house.client.get("/events?stream=accounts")).json()["events"]
        assert [(each["subject"], each["data"]) for each in found] == [
            ("7", "test data")
        ]
        assert found[0]["timestamp"].endswith("Z")
        assert found[0]["accepted_at"] >= found[0]["timestamp"]

    async def test_what_is_refused_is_refused_alike_on_both_ways(self, house, way):
        for path, status, code in [
            ("/1", 400, "malformed"),
            ("/1?data=", 400, "malformed"),
            ("/1?data=%ff", 400, "malformed"),
            ("/1?data=%ed%a0%80", 400, "malformed"),
            ("/0?data=x", 400, "malformed"),
            ("/-5?data=x", 400, "malformed"),
            ("/abc?data=x", 400, "malformed"),
            ("/?data=x", 400, "malformed"),
            ("/1?date=x", 422, "invalid"),
            ("/1?data=x&data=y", 422, "invalid"),
            ("/1?data=x&more=y", 422, "invalid"),
            ("/1001?data=x", 404, "not-found"),
            (f"/{'9' * 30}?data=x", 404, "not-found"),
        ]:
            answer = await put(house, path, headers=way)

            assert answer.status_code == status, answer.text
            assert answer.json()["type"] == f"urn:tallymill:problem:{code}"
            assert await stored(house) == []

    @pytest.mark.parametrize(
        "text",
        [
            "plain",
            "a b+c%d&e=f?g#h/i;",
            "line\nfeed\r\n\ttab",
            "\x00\x01\x1f\x7f\x80\x9b",
            "\x1b[31mred\x1b]0;title\x07",
            "🦊 Zoë \u202e \ufeff",
            '"quoted" \\ back',
            "{not json",
            "x" * 60_000,
        ],
    )
    async def test_any_text_comes_back_by_query_and_by_body(self, house, text):
        by_query = await house.client.put("/5", params={"data": text})
        by_body = await house.client.put("/6", content=text.encode())

        assert (by_query.status_code, by_body.status_code) == (202, 202), by_query.text
        assert sorted(await stored(house)) == [("5", text), ("6", text)]

    async def test_a_plus_is_a_space_as_in_a_form(self, house, way):
        await put(house, "/5?data=a+b%2Bc", headers=way)

        assert await stored(house) == [("5", "a b+c")]

    async def test_64_kib_are_taken_and_no_byte_more(self, house):
        most = await house.client.put("/1", content=b"x" * 65_536)
        more = await house.client.put("/1", content=b"x" * 65_537)

        assert (most.status_code, more.status_code) == (202, 413)
        assert "65536" in more.json()["detail"]

    async def test_a_query_may_be_as_long_as_a_head(self, house):
        answer = await house.client.put("/1?data=" + "%20" * 20_000)

        assert answer.status_code == 202

    async def test_a_body_is_utf_8_whatever_it_says_it_is(self, house):
        for headers, status in [
            ({"Content-Type": "text/plain; charset=utf-8"}, 202),
            ({"Content-Type": "application/octet-stream"}, 202),
            ({}, 202),
            ({"Content-Type": "text/plain; charset=latin-1"}, 415),
            ({"Content-Encoding": "br"}, 415),
        ]:
            answer = await house.client.put("/1", content="ä".encode(), headers=headers)

            assert answer.status_code == status

    async def test_a_body_that_is_no_utf_8_names_the_byte(self, house):
        answer = await house.client.put("/1", content=b"ab\xff")

        assert answer.status_code == 400
        assert "byte 2" in answer.json()["detail"]

    async def test_the_data_may_not_come_twice(self, house):
        answer = await house.client.put("/1?data=x", content=b"y")

        assert answer.status_code == 400
        assert await stored(house) == []

    async def test_a_deactivation_counts_from_the_next_request_on(self, house, way):
        changed = await house.client.patch("/accounts/7", json={"IsActive": False})
        refused = await put(house, "/7?data=x", headers=way)
        await house.client.patch("/accounts/7", json={"IsActive": True})
        taken = await put(house, "/7?data=y", headers=way)

        assert changed.json()["IsActive"] is False
        assert (refused.status_code, taken.status_code) == (403, 202)
        assert refused.json()["type"] == "urn:tallymill:problem:not-allowed"
        assert await stored(house) == [("7", "y")]

    async def test_64_senders_at_once_are_all_stored(self, house):
        answers = await asyncio.gather(
            *[put(house, f"/{n}?data={n}") for n in range(1, 65) for _ in range(4)]
        )

        assert {answer.status_code for answer in answers} == {202}
        assert sorted(await stored(house)) == sorted(
            (str(n), str(n)) for n in range(1, 65) for _ in range(4)
        )

    async def test_what_was_taken_is_counted(self, house):
        for _ in range(3):
            await put(house, "/1?data=x")
        await put(house, "/1001?data=x")

        metrics = (await house.client.get("/metrics")).text
        history = (await house.client.get("/rate")).json()
        assert "tallymill_events_accepted_total 3.0" in metrics
        assert 'tallymill_requests_refused_total{status="404"} 1.0' in metrics
        assert (await house.client.get("/")).json() == {"Rate": 3}
        assert (history["rate"], len(history["history"])) == (3, 300)


class TestKeys:
    @pytest.mark.parametrize("name", ["Idempotency-Key", "X-Request-ID"])
    async def test_the_same_again_is_stored_once_and_answered_alike(self, house, name):
        first = await put(house, "/1?data=x", headers={name: "k"})
        await house.client.patch("/accounts/1", json={"IsActive": False})
        again = await put(house, "/1?data=x", headers={name: "k"})

        assert (first.status_code, again.status_code) == (202, 202)
        assert first.content == again.content
        assert again.headers["idempotency-replayed"] == "true"
        assert await stored(house) == [("1", "x")]

    async def test_the_two_headers_are_not_taken_for_each_other(self, house):
        for name in ("Idempotency-Key", "X-Request-ID"):
            await put(house, f"/1?data={name}", headers={name: "k"})

        assert len(await stored(house)) == 2

    async def test_the_senders_own_key_goes_before_the_proxys(self, house):
        for request in ("r1", "r2"):
            headers = {"Idempotency-Key": "k", "X-Request-ID": request}
            await put(house, "/1?data=x", headers=headers)

        assert len(await stored(house)) == 1

    async def test_a_key_that_is_none_is_refused(self, house):
        for key in ["", "a b", "x" * 256, "\x80"]:
            answer = await put(
                house, "/1?data=x", headers={"X-Request-ID": key.encode("latin-1")}
            )

            assert answer.status_code == 400
            assert answer.json()["errors"][0]["pointer"] == "X-Request-ID"


class TestMany:
    async def test_the_list_leads_on_and_says_how_many(self, house):
        first = await house.client.get("/accounts", params={"limit": 400})
        seen = [each["ID"] for each in first.json()["accounts"]]
        answer = first
        while link := answer.links.get("next"):
            answer = await house.client.get(link["url"])
            seen += [each["ID"] for each in answer.json()["accounts"]]

        assert first.json()["total"] == 1000
        assert seen == list(range(1, 1001))

    async def test_a_search_is_by_name_and_keeps_to_its_pages(self, house):
        for name in ("Zoq L", "zoqam", "Bob"):
            await house.client.post("/", json={"Name": name})

        answer = await house.client.get(
            "/accounts", params={"name": "ZOQ", "active": True, "limit": 1}
        )
        link = answer.links["next"]["url"]

        assert answer.json()["accounts"][0]["Name"] == "Zoq L"
        found = (await house.client.get(link)).json()["accounts"]
        assert [each["Name"] for each in found] == ["zoqam"]

    async def test_a_change_is_checked(self, house):
        for change, status in [
            ({"Name": "new"}, 200),
            ({}, 200),
            ({"Name": ""}, 422),
            ({"Name": None}, 422),
            ({"IsActive": "so"}, 422),
            ({"ID": 5}, 422),
            ([], 422),
        ]:
            answer = await house.client.patch("/accounts/1", json=change)

            assert answer.status_code == status, answer.text

    async def test_only_who_is_there_can_be_shown_or_changed(self, house):
        for account, status in [("0", 400), ("x", 400), ("1001", 404), ("9" * 40, 404)]:
            shown = await house.client.get(f"/accounts/{account}")
            changed = await house.client.patch(
                f"/accounts/{account}", json={"Name": "x"}
            )

            assert (shown.status_code, changed.status_code) == (status, status)

    async def test_many_are_saved_all_or_none(self, house):
        saved = await house.client.post(
            "/accounts",
            json=[{"ID": 1, "Name": "one"}, {"Name": "new"}, {"ID": 5000, "Name": "x"}],
        )
        refused = await house.client.post(
            "/accounts", json=[{"ID": 2, "Name": "two"}, {"ID": 0, "Name": "zero"}]
        )

        assert saved.json() == {"added": 2, "changed": 1, "unchanged": 0}
        assert (await house.client.get("/1")).json()["Name"] == "one"
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == "/1/ID"
        assert (await house.client.get("/2")).json()["Name"] != "two"


async def test_answers_keep_their_order_when_requests_are_pipelined(house):
    """
    A lane answers at once, the ordinary way later; a client tells by order alone.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    wanted = ["/accounts/1", "/", "/2", "/rate", "/3", "/", "/nothing/there", "/4"]
    for path in wanted:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    writer.write(
        b"PUT /9?data=x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    text = (await reader.read()).decode()
    writer.close()

    told = re.findall(r'"ID":\d+|"Rate":\d+|"history"|"status":404|"accepted":1', text)
    assert told == [
        '"ID":1', '"Rate":0', '"ID":2', '"history"', '"ID":3', '"Rate":0',
        '"status":404', '"ID":4', '"accepted":1',
    ]  # fmt: skip


async def test_a_request_cut_anywhere_is_answered_once_it_is_whole(house):
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    request = b"PUT /9?data=cut HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for cut in range(1, len(request), 7):
        writer.write(request[:cut])
        await writer.drain()
        await asyncio.sleep(0)
        writer.write(request[cut:])
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 202")
        assert await reader.readexactly(14) == b'{"accepted":1}'
    writer.close()

    assert set(await stored(house)) == {("9", "cut")}


async def test_who_leaves_before_the_answer_disturbs_nobody(house):
    for _ in range(20):
        _, writer = await asyncio.open_connection("127.0.0.1", house.port)
        writer.write(b"PUT /9?data=gone HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await writer.drain()
        writer.transport.abort()

    assert (await put(house, "/9?data=x")).status_code == 202
    assert (await house.client.get("/9")).status_code == 200


async def test_a_store_that_is_away_is_a_503_with_a_time(house, monkeypatch, way):
    async def away(_):
        raise Unavailable("The disk is full.")

    monkeypatch.setattr(house.services.accounts._intake._store, "take", away)
    answer = await put(house, "/1?data=x", headers=way)

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
