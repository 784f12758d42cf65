"""Messages of a feed of pictures: an id out of a set of 100, and a weight in grams."""

from collections.abc import Iterator
from random import Random
from typing import Final

import msgspec

SET_SIZE: Final = 100  #: pictures that the messages are about
LARGEST_ID: Final = 581_929  #: ids are below it, written with twelve digits
LIGHTEST_G: Final = 50
HEAVIEST_G: Final = 2500


class Picture(msgspec.Struct, frozen=True):
    """A registration of a picture."""

    picture_id: str  #: twelve digits
    weight: int  #: grams


def picture_ids(seed: int = 0) -> tuple[str, ...]:
    """Return the 100 different ids of a set."""
    random = Random(seed)  # noqa: S311 - made-up data, no secret
    return tuple(
        f"{number:012}" for number in random.sample(range(LARGEST_ID), SET_SIZE)
    )


def pictures(seed: int = 0) -> Iterator[Picture]:
    """Yield messages without end; the same seed gives the same messages."""
    ids = picture_ids(seed)
    random = Random(seed + 1)  # noqa: S311 - made-up data, no secret
    while True:
        yield Picture(random.choice(ids), random.randint(LIGHTEST_G, HEAVIEST_G))
