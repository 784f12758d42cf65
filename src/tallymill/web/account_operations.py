"""The raw routes of accounts as OpenAPI describes them."""

from typing import Any, Final

from tallymill.web.accounts import AccountAsked, AccountBody
from tallymill.web.operations import JSON, Operation, Parameter, Reply
from tallymill.web.post_events import Accepted
from tallymill.web.problems import Problem

_ID: Final = Parameter(
    "account_id",
    "A positive integer.",
    {"type": "integer", "minimum": 1},
    "path",
)
_TEXT: Final[dict[str, Any]] = {"type": "string", "minLength": 1}
_PROBLEM: Final = "application/problem+json"
_NO_ID: Final = Reply("It is no positive integer.", Problem, _PROBLEM)
_LIFE: Final = "the same again within {} is answered as the first time."

ACCOUNT_OPERATIONS: Final = (
    Operation(
        method="get",
        path="/{account_id}",
        id="GetAccount",
        tag="accounts",
        summary="Return an account",
        parameters=(_ID,),
        replies={
            "200": Reply("The account, as it is now.", AccountBody),
            "400": _NO_ID,
        },
    ),
    Operation(
        method="put",
        path="/{account_id}",
        id="PutEvent",
        tag="accounts",
        summary="Store an event of an account",
        description=(
            "An event of the stream `accounts` whose subject is the account. 202 is "
            "sent once it is durable; 403 if the account is not active. The text comes "
            "as `data` or as the body, at most 64 KiB."
        ),
        parameters=(
            _ID,
            Parameter("data", "The text.", _TEXT),
            Parameter(
                "Idempotency-Key",
                _LIFE.format("24 hours"),
                {"type": "string"},
                "header",
            ),
            Parameter(
                "X-Request-ID", _LIFE.format("10 minutes"), {"type": "string"}, "header"
            ),
        ),
        replies={
            "202": Reply("The event is durable.", Accepted),
            "400": Reply("No data, or no positive integer.", Problem, _PROBLEM),
            "403": Reply("The account is not active.", Problem, _PROBLEM),
            "413": Reply("The data is over 64 KiB.", Problem, _PROBLEM),
        },
    ),
    Operation(
        method="post",
        path="/",
        id="PostAccount",
        tag="accounts",
        summary="Make an account",
        bodies={JSON: AccountAsked},
        replies={"201": Reply("It is durable; `Location` leads to it.", AccountBody)},
    ),
)
