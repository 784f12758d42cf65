"""The life of a run as a table. Whatever moves a run asks here first.

    queued ──> running ──> succeeded
     ^  │       │ │ └────> failed
     └──┼───────┘ │  (source away: asked again later)
        └─────────┴──────> cancelled  (its job was deleted)

A run that was cut off goes from running to running, or, without its job, is cancelled.

`skipped_overlap`, `skipped_misfire`, `skipped_paused` and `merged` are born final.
"""

from typing import Final

from tallymill.jobs.model import RunState
from tallymill.kernel.errors import Conflict

MOVES: Final[dict[RunState, frozenset[RunState]]] = {
    RunState.QUEUED: frozenset({RunState.RUNNING, RunState.CANCELLED}),
    RunState.RUNNING: frozenset(
        {
            RunState.RUNNING,
            RunState.QUEUED,
            RunState.SUCCEEDED,
            RunState.FAILED,
            RunState.CANCELLED,
        }
    ),
    RunState.SUCCEEDED: frozenset(),
    RunState.FAILED: frozenset(),
    RunState.CANCELLED: frozenset(),
    RunState.SKIPPED_OVERLAP: frozenset(),
    RunState.SKIPPED_MISFIRE: frozenset(),
    RunState.SKIPPED_PAUSED: frozenset(),
    RunState.MERGED: frozenset(),
}


def move(now: RunState, then: RunState) -> RunState:
    """Return `then` if a run may go there.

    Raises:
        Conflict: It may not.
    """
    if then not in MOVES[now]:
        raise Conflict(f"A run that is {now.value} cannot become {then.value}.")
    return then
