"""The life of a run as a table. Whatever moves a run asks here first.

    queued ──> running ──> succeeded
       ^  │       │ └────> failed
       └──┼───────┘  (source away: asked again later; cut off: taken up again)
          └─────────────> cancelled

`skipped_overlap`, `skipped_misfire`, `skipped_paused` and `merged` are born final.
"""

from typing import Final

from tallymill.jobs.model import RunState
from tallymill.kernel.errors import Conflict

MOVES: Final[dict[RunState, frozenset[RunState]]] = {
    RunState.QUEUED: frozenset({RunState.RUNNING, RunState.CANCELLED}),
    RunState.RUNNING: frozenset({RunState.QUEUED, RunState.SUCCEEDED, RunState.FAILED}),
    RunState.SUCCEEDED: frozenset(),
    RunState.FAILED: frozenset(),
    RunState.CANCELLED: frozenset(),
    RunState.SKIPPED_OVERLAP: frozenset(),
    RunState.SKIPPED_MISFIRE: frozenset(),
    RunState.SKIPPED_PAUSED: frozenset(),
    RunState.MERGED: frozenset(),
}
#: A run begins its life in one of these.
BIRTHS: Final = frozenset(RunState) - {
    RunState.RUNNING,
    RunState.SUCCEEDED,
    RunState.FAILED,
    RunState.CANCELLED,
}


def move(now: RunState, then: RunState) -> RunState:
    """Return `then` if a run may go there.

    Raises:
        Conflict: It may not.
    """
    if then not in MOVES[now]:
        raise Conflict(f"A run that is {now.value} cannot become {then.value}.")
    return then


def is_final(state: RunState) -> bool:
    """Whether nothing moves on from there."""
    return not MOVES[state]
