"""`StatisticValues`: what jobs may ask of the statistics; the fake of the tests too."""

import msgspec
import pytest
from job_parts import KnownValues

from tallymill.kernel.errors import NotFound
from tallymill.sources.statistic_values import AnsweredStatistics
from tallymill.statistics.answers import View


class OneAnswer:
    """`Answers` of one statistic."""

    async def one(self, name):
        if name != "average_weight":
            raise NotFound(f"There is no statistic {name!r}.")
        return View(
            name=name,
            stream="picture",
            kind="mean",
            value=1778.5,
            events=2,
            updated_at=None,
            error=msgspec.UNSET,
            as_of={},
            lag=0,
        )


@pytest.fixture(params=["answers", "fake"])
def values(request):
    if request.param == "fake":
        return KnownValues(average_weight=1778.5)
    return AnsweredStatistics(OneAnswer(), ["average_weight"])


async def test_all_names_are_told(values):
    assert set(values.names()) == {"average_weight"}


async def test_a_value_is_one_that_json_can_hold(values):
    assert msgspec.json.encode(await values.value_of("average_weight")) == b"1778.5"


async def test_a_statistic_that_is_not_there_is_told(values):
    with pytest.raises(NotFound, match="other"):
        await values.value_of("other")
