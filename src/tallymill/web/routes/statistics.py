"""`GET /statistics` and `/statistics/{name}`: what it all adds up to."""

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from tallymill.statistics.answers import View
from tallymill.web.services import Services


class StatisticsBody(msgspec.Struct, frozen=True):
    """Every statistic, as of one moment."""

    statistics: list[View]


def statistic_routes(services: Services) -> list[HTTPRouteHandler]:
    """Return the routes of the statistics."""
    answers = services.answers

    @get("/statistics", tags=["statistics"])
    async def list_statistics() -> StatisticsBody:
        """Return every statistic, in the order of definition, of one snapshot."""
        return StatisticsBody(list(await answers.all()))

    @get("/statistics/{name:str}", tags=["statistics"])
    async def get_statistic(name: FromPath[str]) -> View:
        """Return one statistic."""
        return await answers.one(name)

    return [list_statistics, get_statistic]
