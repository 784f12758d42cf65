"""One table of hidden characters, and each writer's own way to show them."""

import json

import pytest

from tallymill.cli.terminal import clean
from tallymill.client.escapes import escaped
from tallymill.kernel.hidden import HIDDEN, json_escape


def test_no_writer_lets_a_hidden_character_pass():
    """
    Two tables once differed: what the client hid, other commands printed.
    """
    layout = "\t\n"
    hidden = {chr(code) for code in HIDDEN}
    text = "".join(sorted(hidden))

    assert not hidden & set(escaped(text))
    assert hidden & set(clean(text)) == set(layout)


@pytest.mark.parametrize("code", [0x1B, 0x85, 0x202E, 0xFEFF, 0xE0041])
def test_a_character_written_as_json_is_the_same_character(code):
    assert json.loads(f'"{json_escape(code)}"') == chr(code)
