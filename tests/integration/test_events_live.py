"""`/events/live` over real sockets and a real log: three dialects, and every refusal."""

import asyncio
import json
import socket

import msgspec
import pytest
from web_house import web_house
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tallymill.live.frames import SseReader
from tallymill.web import events_live

SUBJECTS = [str(number) for number in range(10_000)]
AT = "2019-10-04T01:52:07-03:00"


@pytest.fixture
async def house(tmp_path):
    async with web_house(tmp_path) as house:
        yield house


async def post(house, *datas, stream="events", **more):
    body = [{"timestamp": AT, "data": data, **more} for data in datas]
    answer = await house.client.post("/events", params={"stream": stream}, json=body)
    assert answer.status_code == 202


class Stream:
    """A stream of server-sent events that is being read."""

    def __init__(self, response, last_id=""):
        self.response = response
        self._pieces = response.aiter_bytes()
        self.reader = SseReader(last_id)
        self._waiting = []

    async def next(self):
        while not self._waiting:
            self._waiting += self.reader.feed(await anext(self._pieces))
        return self._waiting.pop(0)

    async def begun(self):
        """Return once the first id is known."""
        while not self.reader.last_event_id:
            self._waiting += self.reader.feed(await anext(self._pieces))
        return self.reader.last_event_id

    async def datas(self, count):
        return [json.loads((await self.next()).data)["data"] for _ in range(count)]


async def until(condition):
    """Return once a condition holds; what happens in the server has no signal here."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.001)


def live(house, method="GET", **more):
    return house.client.stream(method, "/events/live", **more)


class TestServerSentEvents:
    async def test_an_event_comes_as_it_was_sent_with_its_place(self, house):
        """
        `data` is verbatim: long numbers must not pass through a float.
        """
        async with live(house, params={"subject": "7"}) as response:
            stream = Stream(response)
            await stream.begun()
            await house.client.post(
                "/events",
                content=b'{"timestamp":"%b","subject":"7","id":"a",'
                b'"data":[1E400, 73786976294838206464,\n "\\u0000"]}' % AT.encode(),
                headers={"content-type": "application/json"},
            )
            event = await stream.next()

        told = msgspec.json.decode(event.data, type=dict[str, msgspec.Raw])
        assert response.headers["content-type"].startswith("text/event-stream")
        assert bytes(told["data"]) == b'[1E400, 73786976294838206464,\n "\\u0000"]'
        assert json.loads(bytes(told["timestamp"])) == AT
        assert [
            json.loads(bytes(told[key])) for key in ("id", "subject", "stream")
        ] == [
            "a",
            "7",
            "events",
        ]
        assert set(told) >= {"shard_id", "offset"}
        assert event.type == "message"

    async def test_filters_by_streams_and_subjects(self, house):
        """
        Both may be named again and again, subjects also with commas between.
        """
        query = "stream=a&stream=b&subject=1&subjects=2,3"
        async with live(house, params=query) as response:
            stream = Stream(response)
            await stream.begun()
            await post(house, "no", stream="c", subject="1")
            await post(house, "no", stream="a", subject="4")
            await post(house, "no", stream="a")
            await post(house, "a1", stream="a", subject="1")
            await post(house, "b3", stream="b", subject="3")

            assert await stream.datas(2) == ["a1", "b3"]

    async def test_the_last_event_id_gives_what_was_missed_and_goes_on(self, house):
        """
        A reconnect must not lose or repeat anything.
        """
        async with live(house) as response:
            stream = Stream(response)
            await stream.begun()
            await post(house, 1, 2, 3)
            seen = await stream.datas(3)
            last_id = stream.reader.last_event_id
        await post(house, *range(4, 500))
        async with live(house, headers={"last-event-id": last_id}) as response:
            stream = Stream(response)
            seen += await stream.datas(496)
            await post(house, 500)
            seen += await stream.datas(1)

        assert sorted(seen) == list(range(1, 501))

    async def test_a_reader_that_heard_nothing_can_resume_too(self, house):
        """
        Its first id comes before any event.
        """
        async with live(house) as response:
            first_id = await Stream(response).begun()
        await post(house, "missed")

        async with live(house, params={"after": first_id}) as response:
            assert await Stream(response).datas(1) == ["missed"]

    async def test_from_the_start_gives_everything_that_is_kept(self, house):
        """
        `after=start` needs no id.
        """
        await post(house, 1)

        async with live(house, params={"after": "start"}) as response:
            assert await Stream(response).datas(1) == [1]

    async def test_the_retry_differs_from_reader_to_reader(self, house):
        """
        A server that dies cannot say farewell; they are spread beforehand.
        """
        retries = set()
        for _ in range(12):
            async with live(house) as response:
                stream = Stream(response)
                await stream.begun()
                retries.add(stream.reader.retry_ms)

        assert len(retries) > 6
        assert all(200 <= retry < 2200 for retry in retries)

    async def test_10000_subjects_fit_into_a_post(self, house):
        """
        A dashboard over all accounts is one subscription.
        """
        body = {"stream": "accounts", "subjects": SUBJECTS}
        async with live(house, "POST", json=body) as response:
            stream = Stream(response)
            await stream.begun()
            await post(house, "no", stream="accounts", subject="10000")
            await post(house, "yes", stream="accounts", subject="9999")

            assert await stream.datas(1) == ["yes"]

    async def test_10000_subjects_fit_into_a_query(self, house):
        """
        A browser's EventSource cannot post. (The client of the other tests would
        write %2C for each comma.)
        """
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        path = f"/events/live?stream=accounts&subjects={','.join(SUBJECTS)}"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await reader.readuntil(b"\nid: ")

        await post(house, "no", stream="accounts", subject="10000")
        await post(house, "yes", stream="accounts", subject="9999")

        line = await reader.readuntil(b"\ndata: ") and await reader.readline()
        assert json.loads(line)["data"] == "yes"
        writer.close()

    async def test_a_drain_ends_streams_with_a_farewell(self, house):
        """
        The server must not wait for streams that never end.
        """
        async with live(house) as one, live(house) as two:
            streams = Stream(one), Stream(two)
            for stream in streams:
                await stream.begun()

            await asyncio.wait_for(house.server.stop(), 5)
            events = [await stream.next() for stream in streams]

        assert [event.type for event in events] == ["farewell", "farewell"]
        told = json.loads(events[0].data)
        assert told["retry_ms"] == streams[0].reader.retry_ms
        assert told["spread_ms"] == 2000

    async def test_head_has_no_stream(self, house):
        """
        It would never end.
        """
        answer = await house.client.head("/events/live")

        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")

    async def test_a_reader_that_goes_away_leaves_nothing_behind(self, house):
        """
        Thousands come and go in a day.
        """
        async with live(house) as response:
            await Stream(response).begun()
            assert house.services.hub.readers == 1

        await until(lambda: not house.services.hub.readers)

        assert not house.services.hub._groups


class TestRefusals:
    @pytest.mark.parametrize(
        "after",
        ["garbage", "5f3a9c01b2d4-1.-2", "'; DROP TABLE block", "5f3a-" + "9" * 99],
    )
    async def test_a_garbage_id_is_a_400_that_names_it(self, house, after):
        """
        Taken for none, it would quietly lose what was missed.
        """
        for asked in (
            {"params": {"after": after}},
            {"headers": {"last-event-id": after}},
        ):
            answer = await house.client.get("/events/live", **asked)

            assert answer.status_code == 400
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["errors"][0]["pointer"] in {"after", "Last-Event-ID"}

    @pytest.mark.parametrize("change", ["other database", "future"])
    async def test_an_id_of_another_log_is_answered_with_a_gap(self, house, change):
        """
        What was missed is not known; the reader is told so, and goes on.
        """
        async with live(house) as response:
            epoch, _, offsets = (await Stream(response).begun()).partition("-")
        after = (
            f"abcdef-{offsets}" if change == "other database" else f"{epoch}-9.9.9.9.9"
        )

        async with live(house, headers={"last-event-id": after}) as response:
            stream = Stream(response)
            gap = await stream.next()
            await post(house, "next")
            following = await stream.datas(1)

        told = json.loads(gap.data)
        assert gap.type == "gap"
        assert gap.id == told["resumed"] == f"{epoch}-{offsets}"
        assert told["after"] == after
        assert len(told["holes"]) == (5 if change == "future" else 0)
        assert following == ["next"]

    @pytest.mark.parametrize(
        ("query", "pointer"),
        [
            ("stream=a/b", "stream"),
            ("stream=", "stream"),
            ("subjects=", "subject"),
            ("subjekt=1", "subjekt"),
        ],
    )
    async def test_a_bad_query_is_a_422_that_names_the_parameter(
        self, house, query, pointer
    ):
        """
        A misspelt filter would show everything, or nothing.
        """
        answer = await house.client.get(f"/events/live?{query}")

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == pointer

    async def test_more_than_10000_subjects_are_refused(self, house):
        """
        The limit is said.
        """
        body = {"subjects": [str(number) for number in range(10_001)]}
        answer = await house.client.post("/events/live", json=body)

        assert answer.status_code == 422
        assert "10000" in answer.json()["detail"]

    @pytest.mark.parametrize(
        ("body", "status"), [(b"{", 400), (b'{"subject":"1"}', 422), (b"[]", 422)]
    )
    async def test_a_bad_body_is_refused(self, house, body, status):
        """
        As everywhere.
        """
        answer = await house.client.post("/events/live", content=body)

        assert answer.status_code == status

    async def test_text_that_is_no_utf8_is_refused(self, house):
        """
        No subject has it.
        """
        answer = await house.client.get("/events/live?subject=%ff")

        assert answer.status_code == 400


class TestNdjson:
    async def test_each_line_is_an_object_with_its_type(self, house):
        """
        For programs that know JSON and no event streams.
        """
        accept = {"accept": "application/x-ndjson"}
        async with live(house, headers=accept) as response:
            lines = response.aiter_lines()
            welcome = json.loads(await anext(lines))
            await post(house, {"a": 1}, subject="s")
            event = json.loads(await anext(lines))

        assert response.headers["content-type"] == "application/x-ndjson"
        assert (welcome["type"], event["type"]) == ("welcome", "event")
        assert event["data"] == {"a": 1}
        async with live(
            house, headers=accept, params={"after": welcome["position"]}
        ) as response:
            lines = response.aiter_lines()
            await anext(lines)
            assert json.loads(await anext(lines)) == event


class TestWebSocket:
    def url(self, house, query=""):
        return f"ws://127.0.0.1:{house.port}/events/live{query}"

    async def test_messages_are_the_lines_of_ndjson(self, house):
        """
        The same path, filters and ids; no compression, which costs 50 KB a reader.
        """
        async with connect(self.url(house, "?subject=s")) as socket_:
            welcome = json.loads(await socket_.recv())
            await socket_.send("whatever")
            await post(house, "x" * 70_000, "short", subject="s")
            events = [json.loads(await socket_.recv()) for _ in range(2)]
            assert socket_.protocol.extensions == []

        assert [len(event["data"]) for event in events] == [70_000, 5]
        after = f"?after={welcome['position']}"
        async with connect(self.url(house, after)) as socket_:
            await socket_.recv()
            assert json.loads(await socket_.recv())["data"] == "x" * 70_000
        await until(lambda: not house.services.hub.readers)

    async def test_a_drain_says_farewell_and_closes_as_a_restart(self, house):
        """
        1012 is what a client knows to come back from.
        """
        async with connect(self.url(house)) as socket_:
            await socket_.recv()
            stopping = asyncio.create_task(house.server.stop())
            farewell = json.loads(await socket_.recv())
            with pytest.raises(ConnectionClosed) as closed:
                await socket_.recv()
            await asyncio.wait_for(stopping, 5)

        assert farewell["type"] == "farewell"
        assert closed.value.rcvd.code == 1012

    @pytest.mark.parametrize(
        ("path", "origin", "status"),
        [
            ("/nowhere", None, 404),
            ("/events/live?after=garbage", None, 400),
            ("/events/live?stream=a/b", None, 422),
            ("/events/live", "http://elsewhere.example", 403),
        ],
    )
    async def test_a_refusal_is_the_problem_that_a_request_gets(
        self, house, path, origin, status
    ):
        """
        A page of another site must not read along: browsers do not keep it from it.
        """
        with pytest.raises(InvalidStatus) as refused:
            async with connect(f"ws://127.0.0.1:{house.port}{path}", origin=origin):
                pass

        assert refused.value.response.status_code == status
        assert json.loads(refused.value.response.body)["status"] == status

    async def test_this_sites_own_page_may(self, house):
        """
        Its origin is the host that it asks.
        """
        origin = f"http://127.0.0.1:{house.port}"
        async with connect(self.url(house), origin=origin) as socket_:
            assert json.loads(await socket_.recv())["type"] == "welcome"


class TestSlowReaders:
    async def test_one_that_reads_nothing_is_cut_off_and_the_others_go_on(
        self, house, monkeypatch
    ):
        """
        Its memory is bounded, and it is nobody else's trouble.
        """
        monkeypatch.setattr("tallymill.live.replay.STUCK_S", 0.3)
        monkeypatch.setattr(events_live, "LAST_WORD_S", 0.1)
        stuck = socket.socket()
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with stuck:
            stuck.connect(("127.0.0.1", house.port))
            stuck.sendall(b"GET /events/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            async with live(house) as response:
                stream = Stream(response)
                await stream.begun()
                sent = 0
                while house.services.hub.readers == 2 or not sent:
                    await post(house, *["x" * 50_000] * 20)
                    assert await stream.datas(20)
                    sent += 1
                    assert sent < 300, "it was never cut off"

                assert house.services.hub.readers == 1
