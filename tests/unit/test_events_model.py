"""What a stream may be called, and what an event holds."""

import pytest

from tallymill.events.model import DEFAULT_STREAM, Limits, check_stream
from tallymill.kernel.errors import Invalid


@pytest.mark.parametrize("name", [DEFAULT_STREAM, "a", "A-b_c.9", "x" * 128])
def test_a_stream_may_have_letters_digits_and_three_marks(name):
    assert check_stream(name) == name


@pytest.mark.parametrize(
    ("name", "character", "position"),
    [("a b", "' '", 2), ("/x", "'/'", 1), ("größe", "'ö'", 3), ("x\n", r"'\n'", 2)],
)
def test_an_odd_character_of_a_stream_is_named_with_its_position(
    name, character, position
):
    with pytest.raises(Invalid) as caught:
        check_stream(name)

    assert f"{character} as character {position}" in caught.value.detail
    assert caught.value.faults[0].pointer == "stream"


@pytest.mark.parametrize(("name", "words"), [("", "empty"), ("x" * 129, "129")])
def test_a_stream_has_1_to_128_characters(name, words):
    with pytest.raises(Invalid, match=words):
        check_stream(name)


def test_the_limits_are_those_of_the_contract():
    limits = Limits()

    assert limits.body_bytes == 16 * 2**20
    assert limits.event_bytes == 256 * 2**10
    assert (limits.nesting, limits.faults) == (128, 100)
