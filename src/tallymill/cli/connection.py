"""Calls to a running server: one place for timeouts, problems and retries.

A refusal becomes the `TallymillError` that the server had raised, so that a command
prints the same sentence and the same faults that the server gave.
"""

import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.parse import quote

import httpx2
import msgspec

from tallymill.cli.terminal import note
from tallymill.config import FILE_NAME, load_settings, read_toml
from tallymill.kernel.backoff import Backoff
from tallymill.kernel.errors import (
    Failed,
    Fault,
    Invalid,
    Refused,
    TallymillError,
    Unavailable,
)

TIMEOUT: Final = httpx2.Timeout(60.0, connect=5.0)  #: seconds
PATIENCE_S: Final = 120.0  #: how long a call that may be repeated is repeated
#: A proxy's way to say that the server behind it is away; ours come with a problem.
_GATEWAY: Final = frozenset({502, 504})
_BACKOFF: Final = Backoff(first_s=0.5, most_s=10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request to be sent."""

    method: str
    path: str  #: with quoted parts
    content: bytes = b""
    params: Mapping[str, object] = field(default_factory=dict)  #: None is left out
    headers: Mapping[str, str] = field(default_factory=dict)


class Server:
    """A running server, as the command line sees it."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client
        self._random = Random()  # noqa: S311 - spreads retries, guards no secret

    @property
    def url(self) -> str:
        """Return where it is, without a slash at the end."""
        return str(self._client.base_url).rstrip("/")

    def get(self, path: str, **params: object) -> Any:  # noqa: ANN401 - any JSON value
        """Return what is there, decoded; parameters that are None are left out."""
        return decoded(self.send(Call(method="GET", path=path, params=params)))

    def post(self, path: str, body: object = None, **params: object) -> Any:  # noqa: ANN401 - any JSON value
        """Post a value as JSON, or nothing; return the answer, decoded."""
        content = b"" if body is None else msgspec.json.encode(body)
        call = Call(method="POST", path=path, content=content, params=params)
        return decoded(self.send(call))

    def delete(self, path: str) -> None:
        """Delete what is there."""
        self.send(Call(method="DELETE", path=path))

    def send(self, call: Call) -> httpx2.Response:
        """Send one request and return the answer, which is a 2xx.

        Raises:
            Refused: The server said 4xx.
            Failed: The server said 5xx.
            Unavailable: It cannot be reached, did not answer in time, or said 503.
        """
        json = {"Content-Type": "application/json"} if call.content else {}
        params = {key: _text(v) for key, v in call.params.items() if v is not None}
        try:
            response = self._client.request(
                call.method,
                call.path,
                params=params,
                content=call.content,
                headers={**json, **call.headers},
            )
        except httpx2.TimeoutException as exc:
            raise Unavailable(f"{self.url} did not answer in time.") from exc
        except httpx2.HTTPError as exc:
            raise Unavailable(
                f"Cannot reach {self.url} ({exc}); is `tallymill serve` running there?"
            ) from exc
        if response.is_success:
            return response
        raise problem_of(response)

    def send_until_taken(
        self,
        call: Call,
        *,
        patience_s: float = PATIENCE_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> httpx2.Response:
        """Send a request again and again until it is taken, or refused for good.

        Args:
            call: A GET, or a POST with an `Idempotency-Key`.
            patience_s: Seconds of waiting in all, after which the last error is raised.
            sleep: Waits; tests pass their own.

        Raises:
            Refused: The server refused it.
            Failed: It failed, or was not available for longer than `patience_s`.
        """
        left_s = patience_s
        for attempt in itertools.count(1):
            try:
                return self.send(call)
            except Unavailable as error:
                wait_s = _wait_s(error, attempt, self._random.random())
                left_s -= wait_s
                if left_s < 0:
                    raise
                note(f"{error.detail} Trying again in {wait_s:.1f} s ...")
                sleep(wait_s)
        raise AssertionError("the loop ends by returning or raising")


class Busy(Unavailable):
    """The server said when to come again."""

    def __init__(self, detail: str, *, retry_after_s: float) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


@contextmanager
def connected(url: str | None, folder: Path | None = None) -> Iterator[Server]:
    """Offer the server at a URL, or the one that this folder's settings speak of.

    Raises:
        Invalid: The URL is none.
        Malformed: The folder's `tallymill.toml` cannot be read.
    """
    base = url or default_url(folder or Path())
    try:
        parsed = httpx2.URL(base)
    except httpx2.InvalidURL as exc:
        raise Invalid(f"{base!r} is no URL: {exc}.") from exc
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise Invalid(f"{base!r} is no URL; it starts with http:// or https://.")
    # No proxy from the environment: the server is next door, and a proxy is not.
    with httpx2.Client(base_url=parsed, timeout=TIMEOUT, trust_env=False) as client:
        yield Server(client)


def default_url(folder: Path) -> str:
    """Return the URL of the first address that a project's server listens on."""
    loaded = load_settings(
        read_toml(folder / FILE_NAME), environment=os.environ, options={}
    )
    return loaded.settings.url


def path_of(*parts: object) -> str:
    """Return a path of which each part is quoted: "/jobs/a%2Fb/runs"."""
    return "".join(f"/{quote(str(part), safe='')}" for part in parts)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def decoded(response: httpx2.Response) -> Any:  # noqa: ANN401 - any JSON value
    """Return what an answer's body says; None if it has none.

    Raises:
        Failed: It is no JSON.
    """
    if not response.content:
        return None
    try:
        return msgspec.json.decode(response.content)
    except msgspec.DecodeError as exc:
        raise Failed(
            f"{response.url} answered with what is no JSON; is it a Tallymill server?"
        ) from exc


class _Problem(msgspec.Struct):
    """The parts of `application/problem+json` that are told."""

    type: str = ""
    title: str = ""
    detail: str = ""
    errors: list[dict[str, Any]] = []
    errors_total: int | None = None


def problem_of(response: httpx2.Response) -> TallymillError:
    """Return the error that an answer which is no 2xx stands for."""
    try:
        problem = msgspec.json.decode(response.content, type=_Problem)
        told = bool(problem.type)
    except msgspec.MsgspecError:
        problem, told = _Problem(), False
    said = problem.detail or problem.title or response.reason_phrase
    detail = f"{said.rstrip('.')} ({response.status_code})."
    retry_after = response.headers.get("Retry-After", "")
    if response.status_code in {429, 503} and retry_after.isdigit():
        return Busy(detail, retry_after_s=float(retry_after))
    if response.status_code == 503 or (response.status_code in _GATEWAY and not told):
        return Unavailable(detail)
    faults = [Fault(str(e.get("pointer", "")), _fault_text(e)) for e in problem.errors]
    kind = Refused if response.status_code < 500 else Failed
    return kind(detail, faults=faults, fault_count=problem.errors_total)


def _fault_text(error: dict[str, Any]) -> str:
    pointer, detail = str(error.get("pointer", "")), str(error.get("detail", ""))
    return f"{pointer}: {detail}" if pointer else detail


def _wait_s(error: Unavailable, attempt: int, chance: float) -> float:
    if isinstance(error, Busy):
        return max(0.1, error.retry_after_s)
    return max(0.1, _BACKOFF.wait_s(attempt, chance))
