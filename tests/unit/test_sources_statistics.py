"""The statistics as something that a job may ask for."""

import msgspec
import pytest

from tallymill.kernel.errors import NotFound, QueryFailed
from tallymill.sources.statistic_values import AnsweredStatistics
from tallymill.statistics.answers import View


class KnownAnswers:
    """Answers of two statistics: one has a value, the other an error."""

    async def one(self, name):
        if name == "other":
            raise NotFound("There is no statistic 'other'.")
        error = "its code raised" if name == "broken" else msgspec.UNSET
        return View(
            name=name,
            stream="picture",
            kind="mean",
            value=None if name == "broken" else 1778.5,
            events=2,
            updated_at=None,
            error=error,
            as_of={},
            lag=0,
        )


@pytest.fixture
def values():
    return AnsweredStatistics(KnownAnswers(), ["average_weight", "broken"])


async def test_a_value_is_the_answers(values):
    assert await values.value_of("average_weight") == 1778.5
    assert set(values.names()) == {"average_weight", "broken"}


async def test_a_statistic_whose_code_failed_has_none(values):
    with pytest.raises(QueryFailed, match="its code raised"):
        await values.value_of("broken")


async def test_one_that_is_not_there_is_told(values):
    with pytest.raises(NotFound):
        await values.value_of("other")
