"""Ids, names and texts of accounts, and what is refused of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallymill.accounts.model import (
    ID_MOST,
    TEXT_BYTES_MOST,
    check_name,
    check_text,
    read_account_id,
)
from tallymill.kernel.errors import Invalid, Malformed, TooLarge


@given(st.integers(1, ID_MOST))
def test_every_positive_integer_of_63_bits_is_an_id(number):
    assert read_account_id(str(number)) == number
    assert read_account_id(f"00{number}") == number


@pytest.mark.parametrize("text", [str(ID_MOST + 1), "9" * 19, "1" * 5_000])
def test_what_is_larger_is_nobodys(text):
    """
    It is a positive integer, so it is unknown, not malformed; and Python refuses to
    read one of 5,000 digits.
    """
    assert read_account_id(text) == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "000",
        "-1",
        "+1",
        "1.0",
        "1e3",
        "abc",
        " 1",
        "1 ",
        "1\n",
        "²",
        "\u0661",
        "1_0",
    ],
)
def test_what_is_no_positive_integer_is_refused(text):
    with pytest.raises(Malformed, match="positive integer"):
        read_account_id(text)


@pytest.mark.parametrize("name", ["a", "x" * 255, "Zoë 🦊", "<b>", "=1+1", " a "])
def test_names_may_be_any_line_of_text(name):
    assert check_name(name) == name


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "empty"),
        ("  \t ", "empty"),
        ("x" * 256, "256 characters"),
        ("a\nb", "character 2"),
        ("\x1b[31m", "character 1"),
        ("ab\x7f", "character 3"),
        ("a\x00", "character 2"),
    ],
)
def test_other_names_are_refused_with_the_place(name, why):
    with pytest.raises(Invalid, match=why) as refused:
        check_name(name)
    assert refused.value.faults[0].pointer == "/Name"


def test_a_text_is_measured_in_bytes_of_utf_8():
    check_text("x" * TEXT_BYTES_MOST)
    check_text("ä" * (TEXT_BYTES_MOST // 2))

    for text in ("x" * (TEXT_BYTES_MOST + 1), "ä" * (TEXT_BYTES_MOST // 2 + 1)):
        with pytest.raises(TooLarge, match="65536"):
            check_text(text)
