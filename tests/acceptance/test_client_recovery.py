"""The client in its terminal while servers are killed, moved and replaced."""

import contextlib
import http.client
import os
import random
import re
import sys
import threading
import time
from collections import defaultdict
from urllib.parse import urlencode

import pytest
from product import Product
from pseudo_terminal import CTRL_C, Seat

KILLS = 20
ACCOUNTS = (1, 2, 3, 4, 5, 6, 7)
OTHERS = (8, 9, 10)
PER_SECOND = 500
SENDERS = 4

MOMENT = r"<\d{4}-\d\d-\d\d \d\d:\d\d:\d\d:\d{3}>: "
EVENT = re.compile(MOMENT + r'\[(\d+)\]: "([\w. ]+)" \[\S+\]')
LOST = re.compile(MOMENT + r"(lost the|no) line to [\d.:]+ \(.+\); trying again")
BACK = re.compile(MOMENT + r"back on [\d.:]+ after [\d.]+ s; (.+)")
SCREENS = {"", ">", "options: [accounts events]"}


def seat_of(folder, *urls, accounts):
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TALLYMILL_")
    }
    options = [option for url in urls for option in ("--url", url)]
    chosen = ["--accounts", ",".join(map(str, accounts)), "--events"]
    state = ["--state", str(folder / "state.json")]
    return Seat(
        [sys.executable, "-m", "tallymill", "client", *options, *chosen, *state],
        environment=environment,
        folder=folder,
    )


class Sender(threading.Thread):
    """Sends numbered events, each until it is acknowledged, and notes those that are."""

    def __init__(self, port, number):
        super().__init__(name=f"sender {number}", daemon=True)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        self._number = number
        # Accounts of its own, so that their order is known.
        self.accounts = (*ACCOUNTS, *OTHERS)[number::SENDERS]
        self._halt = threading.Event()
        self.acknowledged = defaultdict(list)  #: data by account, in order

    def halt(self):
        self._halt.set()
        self.join(30)

    def run(self):
        chance = random.Random(self._number)
        due, sent = time.monotonic(), 0
        while not self._halt.wait(max(0, due - time.monotonic())):
            account, data = chance.choice(self.accounts), f"{self._number}.{sent}"
            if not self._put(account, data):
                break
            self.acknowledged[account].append(data)
            sent += 1
            # What a dead server kept it from is not made up for.
            due = max(due + SENDERS / PER_SECOND, time.monotonic() - 0.1)
        self._connection.close()

    def _put(self, account, data):
        """Send until it is taken; the key sees to it that it is stored once."""
        path = f"/{account}?{urlencode({'data': data})}"
        while True:
            try:
                self._connection.request("PUT", path, headers={"Idempotency-Key": data})
                answer = self._connection.getresponse()
                answer.read()
                if answer.status == 202:
                    return True
            except (OSError, http.client.HTTPException):
                self._connection.close()
            if self._halt.wait(0.2):
                return False


def data_in(lines):
    return [event[2] for event in map(EVENT.fullmatch, lines) if event]


def by_account(lines):
    shown = defaultdict(list)
    for event in filter(None, map(EVENT.fullmatch, lines)):
        shown[int(event[1])].append(event[2])
    return shown


def has(pattern):
    return lambda lines: any(map(pattern.fullmatch, lines))


def leave(client):
    client.type(CTRL_C)
    client.wait_for(lambda lines: lines[-1] == ">")
    client.type(CTRL_C)
    assert client.end() == 0


def kill_and_restart(product, client):
    """Kill the server, start it again, and wait until an event comes from it."""
    product.kill()
    while client.look(0.1):
        pass
    told = client.glass.count
    product.start()
    client.wait_for(has(EVENT), first=told)
    return told


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_twenty_kills_lose_and_repeat_nothing(tmp_path):
    """
    Under 500 events a second, each that was acknowledged is shown once, in order.
    """
    (tmp_path / "served").mkdir()
    chance = random.Random(4)
    told = 0
    with Product(tmp_path / "served") as product:
        senders = [Sender(product.port, number) for number in range(SENDERS)]
        with seat_of(tmp_path, product.url, accounts=ACCOUNTS) as client:
            client.wait_for("listening for events from: [1 2 3 4 5 6 7]")
            for sender in senders:
                sender.start()
            for _ in range(KILLS):
                moment = time.monotonic() + chance.uniform(0, 0.6)
                while time.monotonic() < moment:
                    client.look(0.02)
                told = kill_and_restart(product, client)
            for sender in senders:
                sender.halt()
            sent = {
                account: data
                for sender in senders
                for account, data in sender.acknowledged.items()
                if account in ACCOUNTS
            }
            last = {data[-1] for data in sent.values()}
            client.wait_for(lambda lines: last <= set(data_in(lines)))
            client.wait_for(has(BACK), first=told)
            leave(client)

    _reconcile(client.lines[2:], sent)
    assert client.glass.strange == []


def _reconcile(lines, sent):
    """Check that each line is whole, and each event there once, in order."""
    shown = by_account(lines)
    assert set(shown) == set(sent) == set(ACCOUNTS)
    for account, data in sent.items():
        # What was under way when the senders stopped may be stored all the same.
        assert shown[account][: len(data)] == data
        assert len(shown[account]) <= len(data) + 1
    others = [line for line in lines if not EVENT.fullmatch(line)]
    notices = [line.rstrip() for line in others if line.rstrip() not in SCREENS]
    # Lost and back in turns: each said once.
    assert all(map(LOST.fullmatch, notices[::2])), notices
    assert all(map(BACK.fullmatch, notices[1::2])), notices
    assert len(notices) == 2 * KILLS


def test_it_goes_on_at_the_next_server(tmp_path):
    """
    What one took is shown by the other, with how many were missed.
    """
    (tmp_path / "served").mkdir()
    first, second = Product(tmp_path / "served"), Product(tmp_path / "served")
    with (
        first,
        contextlib.closing(second.http),
        seat_of(tmp_path, first.url, second.url, accounts=(1, 2)) as client,
    ):
        client.wait_for("listening for events from: [1 2]")
        first.http.put("/1", params={"data": "one"}).raise_for_status()
        client.wait_for(lambda lines: data_in(lines) == ["one"])
        first.kill()
        client.wait_for(lambda lines: "lost the line" in lines[-2])
        with second:
            client.wait_for(lambda lines: " back on " in lines[-2])
            second.http.put("/2", params={"data": "two"}).raise_for_status()
            client.wait_for(lambda lines: data_in(lines) == ["one", "two"])
            leave(client)

    assert f"back on 127.0.0.1:{second.port}" in client.lines[-5]
    assert client.lines[-5].endswith("nothing was missed")


def test_another_database_behind_the_url_is_told(tmp_path):
    """
    What was missed cannot be known then, which is said in one line; it goes on.
    """
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    with Product(tmp_path / "old") as old:
        with seat_of(tmp_path, old.url, accounts=(1,)) as client:
            client.wait_for("listening for events from: [1]")
            old.http.put("/1", params={"data": "old"}).raise_for_status()
            client.wait_for(lambda lines: data_in(lines) == ["old"])
            assert old.terminate() == 0
            client.wait_for(has(LOST))
            new = Product(tmp_path / "new")
            new.port, new.url = old.port, old.url
            new.http.base_url = old.url
            with new:
                client.wait_for(lambda lines: " back on " in "".join(lines))
                new.http.put("/1", params={"data": "new"}).raise_for_status()
                client.wait_for(lambda lines: data_in(lines) == ["old", "new"])
                leave(client)
        text = "".join(client.lines)

    assert text.count("gap: The id is of another database") == 1
    assert "shutting down" in next(filter(LOST.fullmatch, client.lines))


def test_a_killed_client_goes_on_where_it_was(tmp_path):
    """
    Nothing is missing; what it may show again is the end of what it had shown.
    """
    (tmp_path / "served").mkdir()
    with Product(tmp_path / "served") as product:
        sender = Sender(product.port, 0)
        with seat_of(tmp_path, product.url, accounts=sender.accounts) as killed:
            killed.wait_for("listening for events from: [1 5 9]")
            sender.start()
            killed.wait_for(lambda lines: len(data_in(lines)) >= 150)
            killed.process.kill()
            while killed.look(0.2):
                pass
            before = by_account(killed.lines)
        with seat_of(tmp_path, product.url, accounts=sender.accounts) as client:
            client.wait_for(lambda lines: len(data_in(lines)) >= 50)
            sender.halt()
            sent = sender.acknowledged
            last = {data[-1] for data in sent.values()}
            client.wait_for(lambda lines: last <= set(data_in(lines)))
            leave(client)

    after = by_account(client.lines)
    for account, data in sent.items():
        again = len(set(before[account]) & set(after[account]))
        assert again < 30
        # The end of what was shown, then all that was not.
        assert after[account][:again] == before[account][len(before[account]) - again :]
        whole = before[account] + after[account][again:]
        assert whole[: len(data)] == data
