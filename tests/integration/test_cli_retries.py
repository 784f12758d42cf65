"""What the command line does when a server is busy, away or no Tallymill at all.

Against small servers of our own behind uvicorn: a real one cannot be made to be busy
on demand.
"""

import json
import socket
import sys
import threading
from contextlib import closing, contextmanager

import pytest
import uvicorn

from tallymill.cli import main as cli
from tallymill.cli.connection import Call, connected
from tallymill.kernel.errors import Failed, Unavailable

EVENT = '{"timestamp": "2019-10-04T01:52:07-03:00"}'


class Scripted:
    """An ASGI application that answers as it was told, and remembers what it got."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []

    async def __call__(self, scope, receive, send):
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = dict(scope["headers"])
        self.requests.append((headers.get(b"idempotency-key"), body))
        status, extra, answer = self.answers.pop(0)
        sent = [(name.encode(), value.encode()) for name, value in extra.items()]
        await send({"type": "http.response.start", "status": status, "headers": sent})
        await send({"type": "http.response.body", "body": answer})


@contextmanager
def served(app):
    """Run an application on a free port; yields its URL."""
    config = uvicorn.Config(app, lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        # It listens already: whoever comes before the thread runs waits for it.
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


BUSY = (503, {"Retry-After": "7"}, b'{"type":"urn:x","detail":"Too much at once."}')
TAKEN = (202, {"Content-Type": "application/json"}, b'{"accepted":1}')
POST = Call(
    method="POST", path="/events", content=b"[]", headers={"Idempotency-Key": "k"}
)


@pytest.fixture
def waits():
    """A list of the seconds that were waited, and nothing waited in truth."""
    return []


def send_until_taken(url, waits, **options):
    with connected(url) as server:
        return server.send_until_taken(POST, sleep=waits.append, **options)


def test_a_busy_server_is_asked_again_when_it_said_with_the_same_key(waits):
    app = Scripted(BUSY, BUSY, TAKEN)

    with served(app) as url:
        answer = send_until_taken(url, waits)

    assert answer.status_code == 202
    assert waits == [7.0, 7.0]
    assert app.requests == [(b"k", b"[]")] * 3


def test_patience_ends_with_the_servers_own_sentence(waits):
    with (
        served(Scripted(BUSY, BUSY)) as url,
        pytest.raises(Unavailable, match=r"Too much at once \(503\)"),
    ):
        send_until_taken(url, waits, patience_s=10)

    assert waits == [7.0]


def test_a_server_that_is_away_is_tried_again_with_growing_waits(waits):
    with pytest.raises(Unavailable, match="Cannot reach"):
        send_until_taken("http://127.0.0.1:9", waits, patience_s=60)

    assert len(waits) > 3
    assert sum(waits) <= 60


def test_a_proxy_without_its_server_is_asked_again(waits):
    with served(Scripted((502, {}, b"<html>Bad Gateway"), TAKEN)) as url:
        assert send_until_taken(url, waits).status_code == 202

    assert len(waits) == 1


def test_a_failure_that_the_server_told_of_is_not_repeated(waits):
    problem = b'{"type":"urn:tallymill:problem:query-failed","detail":"No table."}'

    with (
        served(Scripted((502, {}, problem))) as url,
        pytest.raises(Failed, match=r"No table \(502\)"),
    ):
        send_until_taken(url, waits)

    assert waits == []


def test_what_answers_without_json_is_asked_whether_it_is_a_tallymill(
    monkeypatch, capsys
):
    with served(Scripted((200, {}, b"<html>hello"))) as url:
        monkeypatch.setattr(sys, "argv", ["tallymill", "jobs", "list", "--url", url])
        with pytest.raises(SystemExit) as exited:
            cli.main()

    assert exited.value.code == 1
    assert "is it a Tallymill server?" in capsys.readouterr().err


def test_send_retries_a_batch_under_its_key_and_counts_it_once(monkeypatch, capsys):
    busy = (503, {"Retry-After": "0"}, b"{}")
    app = Scripted(busy, TAKEN, TAKEN)

    with served(app) as url:
        words = ["tallymill", "send", EVENT, EVENT, "--batch", "1", "--url", url]
        monkeypatch.setattr(sys, "argv", [*words, "--json"])
        with pytest.raises(SystemExit) as exited:
            cli.main()

    out, err = capsys.readouterr()
    keys = [key for key, _ in app.requests]
    assert exited.value.code == 0
    assert json.loads(out)["accepted"] == 2
    assert keys[0] == keys[1] != keys[2]
    assert "Trying again in 0.1 s" in err
