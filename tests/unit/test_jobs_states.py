"""The life of a run: only the moves of the table are possible."""

import itertools

import pytest

from tallymill.jobs.model import RunState
from tallymill.jobs.states import MOVES, move
from tallymill.kernel.errors import Conflict

ALLOWED = {
    ("queued", "running"),
    ("queued", "cancelled"),
    ("running", "running"),
    ("running", "queued"),
    ("running", "succeeded"),
    ("running", "failed"),
    ("running", "cancelled"),
}


@pytest.mark.parametrize(("now", "then"), list(itertools.product(RunState, RunState)))
def test_a_run_moves_only_along_the_table(now, then):
    if (now.value, then.value) in ALLOWED:
        assert move(now, then) is then
        return
    with pytest.raises(Conflict, match=f"{now.value} cannot become {then.value}"):
        move(now, then)


def test_what_came_to_an_end_stays_there():
    moving = {state.value for state in RunState if MOVES[state]}

    assert moving == {"queued", "running"}
