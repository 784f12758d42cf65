"""What a reply means: done, try again, or give up. Pure."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import msgspec

from tallymill.delivery.model import Reply
from tallymill.kernel.backoff import Backoff

#: 16 retries with these bounds wait 2.5 hours on average, 5 at most.
BACKOFF = Backoff(first_s=1.0, factor=2.0, most_s=3600.0)
#: A destination may ask for this much patience, not more.
RETRY_AFTER_MOST_S = 6 * 3600.0
#: Replies that say "not now" rather than "never" (RFC 9110, RFC 8470, RFC 6585).
TRY_AGAIN = frozenset({408, 425, 429})


class Done(msgspec.Struct, frozen=True, tag=True):
    """The destination has it."""


class Retry(msgspec.Struct, frozen=True, tag=True):
    """Try again at a moment."""

    at: datetime  #: aware, UTC
    reason: str  #: a sentence


class Dead(msgspec.Struct, frozen=True, tag=True):
    """Give up; may be sent again by hand."""

    reason: str  #: a sentence


Verdict = Done | Retry | Dead


def judge(
    reply: Reply | str, *, number: int, tries_left: int, now: datetime, chance: float
) -> Verdict:
    """Return what follows from an attempt.

    Args:
        reply: What came back, or why nothing did (a sentence).
        number: How many attempts have failed in a row with this one, from 1.
        tries_left: Attempts that may still be made.
        now: Aware, UTC.
        chance: A uniform random number in [0, 1).
    """
    if isinstance(reply, Reply) and 200 <= reply.status <= 299:
        return Done()
    if isinstance(reply, Reply) and not may_retry(reply.status):
        return Dead(
            f"The destination answered {reply.status}; trying again won't help."
        )
    reason = reply if isinstance(reply, str) else f"It answered {reply.status}."
    if tries_left <= 0:
        return Dead(f"{reason} That was the last attempt.")
    wait_s = BACKOFF.wait_s(number, chance)
    asked_s = asked_wait_s(reply.retry_after, now) if isinstance(reply, Reply) else None
    if asked_s is not None:
        # What was asked for is the least; a tenth on top parts those who were all told
        # the same moment.
        wait_s = max(wait_s, asked_s * (1 + 0.1 * chance))
    return Retry(now + timedelta(seconds=wait_s), reason)


def may_retry(status: int) -> bool:
    """Whether the same request may be answered otherwise later."""
    return status >= 500 or status in TRY_AGAIN


def asked_wait_s(retry_after: str | None, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for, 0 to `RETRY_AFTER_MOST_S`.

    Returns:
        None if there is none or it is neither a number nor an HTTP date (RFC 9110,
        section 10.2.3).
    """
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), RETRY_AFTER_MOST_S)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - now).total_seconds()), RETRY_AFTER_MOST_S)
