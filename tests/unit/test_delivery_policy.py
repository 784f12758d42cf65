"""What a reply means: done, again, or never."""

from datetime import UTC, datetime, timedelta

import pytest

from tallymill.delivery.model import Reply, destination_of, host_of, idempotency_key
from tallymill.delivery.policy import (
    RETRY_AFTER_MOST_S,
    Dead,
    Done,
    Retry,
    asked_wait_s,
    judge,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def judged(reply, number=1, tries_left=3, chance=0.5):
    return judge(reply, number=number, tries_left=tries_left, now=NOW, chance=chance)


def reply(status, retry_after=None):
    return Reply(status=status, body=b"", retry_after=retry_after)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_done(status):
    assert judged(reply(status)) == Done()


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_not_now_is_tried_again(status):
    verdict = judged(reply(status))

    assert isinstance(verdict, Retry)
    assert str(status) in verdict.reason


@pytest.mark.parametrize("status", [301, 302, 304, 400, 401, 403, 404, 405, 410, 422])
def test_never_is_given_up_at_once(status):
    verdict = judged(reply(status))

    assert isinstance(verdict, Dead)
    assert str(status) in verdict.reason


def test_no_reply_is_tried_again():
    assert judged("Connection refused.") == Retry(
        NOW + timedelta(seconds=0.5), "Connection refused."
    )


def test_the_last_attempt_is_the_last():
    verdict = judged("Connection refused.", tries_left=0)

    assert isinstance(verdict, Dead)
    assert verdict.reason.startswith("Connection refused.")


def test_waits_grow_up_to_an_hour():
    waits = [
        (judged(reply(500), number=number, chance=0.999999).at - NOW).total_seconds()
        for number in range(1, 20)
    ]

    assert waits[:3] == pytest.approx([1, 2, 4], rel=1e-3)
    assert waits == sorted(waits)
    assert waits[-1] == pytest.approx(3600, rel=1e-3)


def test_jitter_is_full():
    assert judged(reply(500), number=10, chance=0.0).at == NOW


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("Sat, 21 Nov 2026 12:01:30 GMT", 90.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("99999999999999999999", RETRY_AFTER_MOST_S),
        ("Fri, 31 Dec 9999 23:59:59 GMT", RETRY_AFTER_MOST_S),
        ("soon", None),
        ("-5", None),
        ("²", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header, seconds):
    assert asked_wait_s(header, NOW) == seconds


def test_retry_after_is_the_least_wait():
    verdict = judged(reply(503, "120"), chance=0.0)

    assert verdict.at == NOW + timedelta(seconds=120)


def test_retry_after_zero_does_not_undo_the_back_off():
    """
    A destination that always says "at once" must not use up every attempt in a second.
    """
    verdict = judged(reply(503, "0"), number=5, chance=0.5)

    assert verdict.at == NOW + timedelta(seconds=8)


def test_the_key_is_the_jobs_and_the_due_times_own():
    at = datetime(2026, 11, 21, 13, tzinfo=UTC)
    same = at.astimezone(datetime.now().astimezone().tzinfo)
    keys = {
        idempotency_key("a", at, "due"),
        idempotency_key("b", at, "due"),
        idempotency_key("a", at, "backfill"),
        idempotency_key("a", at + timedelta(microseconds=1), "due"),
    }

    assert len(keys) == 4
    assert idempotency_key("a", same, "due") == idempotency_key("a", at, "due")


@pytest.mark.parametrize(
    ("url", "destination"),
    [
        ("http://127.0.0.1:8000/result", "http://127.0.0.1:8000/result"),
        ("https://user:secret@Host.example/X?y", "https://host.example/X"),
        ("https://host.example?y", "https://host.example/"),
    ],
)
def test_a_destination_is_a_url_without_user_and_query(url, destination):
    assert destination_of(url) == destination


@pytest.mark.parametrize("url", ["http://h:1", "http://H:1/", "http://h:1/a/b?c"])
def test_the_host_of_a_destination_is_scheme_host_and_port(url):
    assert host_of(destination_of(url)) == "http://h:1"
