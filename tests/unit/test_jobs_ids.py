"""Ids of jobs and runs: short, readable, and never the same."""

import re

from tallymill.kernel.ids import new_id


def test_an_id_is_sixteen_letters_that_no_one_confuses():
    ids = {new_id() for _ in range(10_000)}

    assert len(ids) == 10_000
    assert all(re.fullmatch(r"[0-9a-hjkmnp-tv-z]{16}", each) for each in ids)
    assert len(set("".join(ids))) == 32
