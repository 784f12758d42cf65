"""The client's screens as a state machine, and what is said of wrong ids."""

from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallymill.client.dialogue import (
    ACCOUNTS_MOST,
    ACCOUNTS_PROMPT,
    LINE_MOST,
    OPTIONS,
    PROMPT,
    Dialogue,
    Wish,
    connecting,
)
from tallymill.client.selection import LARGEST_ID, select, shown


def test_the_selection_grows_in_the_order_of_first_mention():
    dialogue = Dialogue((9,))

    dialogue.take("accounts")
    step = dialogue.take("3 1 9 3")

    assert dialogue.accounts == (9, 3, 1)
    assert step.lines == (" current selected accounts: [9 3 1]", OPTIONS)
    assert step.prompt == PROMPT


def test_an_empty_line_is_one_wrong_number_and_changes_nothing():
    dialogue = Dialogue((1, 2))

    asked = dialogue.take("accounts")
    step = dialogue.take("")

    assert asked.prompt == ACCOUNTS_PROMPT
    assert step.lines == (
        ' "" should be an (positive) number',
        " current selected accounts: [1 2]",
        OPTIONS,
    )


@pytest.mark.parametrize(
    "token",
    ["0", "00", "-1", "+1", "1.0", "1e3", "0x10", "\u0661", "\u00b2", "1_000", "a"],
)
def test_what_is_no_positive_number_is_named(token):
    selected = select(f"5 {token} 6")

    assert selected.accounts == (5, 6)
    assert selected.complaints == (f'"{token}" should be an (positive) number',)


@pytest.mark.parametrize("token", [str(LARGEST_ID + 1), "9" * 5000])
def test_ids_beyond_63_bits_are_refused(token):
    selected = select(f"{LARGEST_ID} {token}")

    assert selected.accounts == (LARGEST_ID,)
    assert len(selected.complaints) == 1
    assert selected.complaints[0].endswith(f"should be at most {LARGEST_ID}")
    assert len(selected.complaints[0]) < 100


@given(st.lists(st.integers(1, LARGEST_ID), unique=True, min_size=1))
def test_ids_are_read_as_they_are_shown(ids):
    assert select(shown(ids)[1:-1]).accounts == tuple(ids)


@given(st.text())
def test_no_line_breaks_the_screens(line):
    """
    Whatever is typed, lines come back whole, harmless, and with a prompt to go on.
    """
    dialogue = Dialogue((1,))
    for _ in range(2):
        step = dialogue.take(line)

        assert not {"Cc", "Cs", "Zl", "Zp"} & set(map(category, "".join(step.lines)))
        assert step.wish is not Wish.READ or step.prompt


def test_listening_wants_an_account():
    dialogue = Dialogue()

    assert dialogue.take("events").wish is Wish.READ
    dialogue.take("accounts 4")
    assert dialogue.take("events").wish is Wish.LISTEN
    assert dialogue.listening() == "listening for events from: [4]"


def test_a_line_may_be_too_long_and_a_selection_too_large():
    dialogue = Dialogue((1,))

    long = dialogue.take("accounts " + "7" * LINE_MOST)
    many = dialogue.take(f"accounts {' '.join(map(str, range(2, ACCOUNTS_MOST + 3)))}")

    assert "too long" in long.lines[0]
    assert "too many" in many.lines[0]
    assert dialogue.accounts == (1,)


def test_the_other_commands_work_and_wrong_ones_are_named():
    dialogue = Dialogue((1,))

    assert dialogue.take("forget").lines[0] == " current selected accounts: []"
    assert " events " in dialogue.take("help").lines[1]
    assert dialogue.take("exit").wish is Wish.LEAVE
    assert dialogue.take("").lines == (OPTIONS,)
    assert dialogue.take("events now").lines[0] == (
        ' "events now" should be one of [accounts events]'
    )


def test_the_first_line_names_every_server():
    assert connecting(["a:1", "b:2"]) == "Connecting to Tallymill@a:1,b:2"
