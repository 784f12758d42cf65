"""`tallymill send --account ID`: each text is an event of that account."""

import sys
from collections.abc import Iterable, Iterator
from typing import Final
from uuid import uuid4

from tallymill.cli.connection import Call, connected, path_of
from tallymill.cli.terminal import counted, say, say_json
from tallymill.kernel.errors import Malformed

STDIN: Final = "-"


def send_to_account(
    account_id: int,
    texts: Iterable[str],
    *,
    url: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Send texts one after another; each is durable before the next.

    Args:
        account_id: Whose events they are.
        texts: Each an event's data; "-" stands for the lines of standard input.
        url: The server's.
        key: Begins each Idempotency-Key; None for a random one.
        as_json: Whether a program reads what is said.
    """
    begun, sent = key or uuid4().hex, 0
    with connected(url) as server:
        for sent, text in enumerate(_each(texts), start=1):
            call = Call(
                method="PUT",
                path=path_of(account_id),
                content=_utf8(text),
                headers={
                    "Idempotency-Key": f"{begun}-{sent}",
                    "Content-Type": "text/plain; charset=utf-8",
                },
            )
            server.send_until_taken(call)
        if as_json:
            say_json({"accepted": sent})
            return
        say(f"{counted(sent, 'event')} of account {account_id} taken by {server.url}.")


def _each(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        if text != STDIN:
            yield text
            continue
        for line in sys.stdin:
            stripped = line.rstrip("\n")
            if stripped:
                yield stripped


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as exc:
        raise Malformed(f"The text {text!r} is no UTF-8.") from exc
