"""`POST /jobs` and `GET /jobs`: the two that are asked for by the thousand. Raw ASGI."""

from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from tallymill.events.model import Limits
from tallymill.jobs.model import JobPage
from tallymill.jobs.service import PAGE_MOST, Jobs
from tallymill.web.asgi import Headers, Receive, Scope, Send, answer
from tallymill.web.body import BodyReader
from tallymill.web.faults import body_fault
from tallymill.web.formats import check_is_json
from tallymill.web.job_bodies import job_body
from tallymill.web.json_body import check_json
from tallymill.web.query import read_query, read_whole
from tallymill.web.shared import SharedReads

_NO_QUERY: Final[frozenset[str]] = frozenset()
_KNOWN: Final = frozenset({"skip", "limit"})
_FIELDS: Final = msgspec.json.Decoder(dict[str, object])
_ENCODER: Final = msgspec.json.Encoder()
_DEFAULT_LIMIT: Final = 100


class PostJobs:
    """Adds a job; `{"cron_string": "5 4 * * *"}` is enough."""

    def __init__(self, jobs: Jobs, reader: BodyReader, limits: Limits) -> None:
        self._jobs = jobs
        self._reader = reader
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: 201 once the job is durable."""
        read_query(scope["query_string"], _NO_QUERY)
        check_is_json(scope)
        with self._reader.share() as share:
            body = bytes(await self._reader.read(scope, receive, share))
            check_json(body, self._limits)
            try:
                fields = _FIELDS.decode(body)
            except msgspec.ValidationError as exc:
                raise body_fault(exc) from exc
            job = await self._jobs.add(fields)
        place = f"/jobs/{quote(job.id, safe='')}".encode("ascii")
        body = _ENCODER.encode(job_body(job))
        await answer(send, 201, body, headers=((b"location", place),))


class GetJobs:
    """Lists jobs, oldest first, a page at a time."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._pages = SharedReads(self._read)

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        """Answer one request with a JSON array."""
        query = read_query(scope["query_string"], _KNOWN)
        skip = read_whole(query, "skip", least=0, most=2**63 - 1) or 0
        limit = read_whole(query, "limit", least=1, most=PAGE_MOST) or _DEFAULT_LIMIT
        body, headers = await self._pages.get((skip, limit))
        await answer(send, 200, body, headers=headers)

    async def _read(self, asked: tuple[int, int]) -> tuple[bytes, Headers]:
        skip, limit = asked
        page = await self._jobs.page(skip=skip, limit=limit)
        body = _ENCODER.encode([job_body(job) for job in page.jobs])
        return body, _headers(page, skip, limit)


def _headers(page: JobPage, skip: int, limit: int) -> Headers:
    total = (b"x-total-count", b"%d" % page.total)
    links = []
    if skip + len(page.jobs) < page.total and page.jobs:
        links.append(_link(skip + limit, limit, "next"))
    if skip > 0:
        links.append(_link(max(0, skip - limit), limit, "prev"))
    if not links:
        return (total,)
    return (total, (b"link", ", ".join(links).encode("ascii")))


def _link(skip: int, limit: int, relation: str) -> str:
    query = urlencode({"skip": skip, "limit": limit})
    return f'</jobs?{query}>; rel="{relation}"'
