"""Answers as JSON: what a query, a statistic or a function gave, as it is delivered.

One row is an object, several are an array, none is an empty array. Dates and times are
ISO 8601, decimals are numbers with all of their digits, bytes are base64, what is no
number (NaN, infinity) is null.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from tallymill.jobs.model import Job, Run
from tallymill.kernel.errors import QueryFailed

#: The longest result that is kept and delivered.
ANSWER_MOST_BYTES = 8 * 1024 * 1024


def answer_of_rows(rows: Sequence[Mapping[str, object]]) -> bytes:
    """Return the JSON of a query's rows.

    Raises:
        QueryFailed: A value has no form in JSON, or it is over `ANSWER_MOST_BYTES`.
    """
    return answer_of(rows[0] if len(rows) == 1 else rows)


def answer_of_statistic(name: str, value: object) -> bytes:
    """Return the JSON of a statistic's value."""
    return answer_of({"statistic": name, "value": value})


def answer_of_nothing(job: Job, run: Run) -> bytes:
    """Return what a job delivers that asks nothing: that it ran."""
    return answer_of({"job": job.id, "scheduled_for": run.scheduled_for})


def answer_of(value: object) -> bytes:
    """Return the JSON of any answer.

    Raises:
        QueryFailed: A value has no form in JSON, or it is over `ANSWER_MOST_BYTES`.
    """
    try:
        encoded = _ENCODER.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as exc:
        raise QueryFailed(f"The answer has no form in JSON: {exc}.") from exc
    if len(encoded) > ANSWER_MOST_BYTES:
        raise QueryFailed(
            f"The answer is {len(encoded):,} bytes long, and {ANSWER_MOST_BYTES:,} are "
            "the most: ask for less, or for a sum of it."
        )
    return encoded


def _encoded_otherwise(value: Any) -> object:  # noqa: ANN401 - whatever msgspec does not know
    """Return a NumPy scalar or array, or a mapping or sequence of any kind, plainly."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return list(value)
    tolist = getattr(value, "tolist", None)
    if callable(tolist):
        return tolist()
    raise TypeError(f"{type(value).__name__} objects are not JSON")


_ENCODER = msgspec.json.Encoder(
    decimal_format="number", enc_hook=_encoded_otherwise, order=None
)


def plain(value: object) -> object:
    """Return a value out of a database as JSON can hold it."""
    if isinstance(value, Decimal) and not value.is_finite():
        return None
    if isinstance(value, str):
        # A lone surrogate can come out of a badly encoded database, and not into UTF-8.
        return value.encode("utf-8", "replace").decode()
    return value
