"""When readers come back: each at a moment of its own. Pure but for the chance given.

A server that returns after a restart must not be met by all its readers at once, and
they cannot know of each other; so it is the server that spreads them.
"""

from typing import Final

#: Readers that may come back in a second: a reconnect costs about 0.2 ms.
COMING_BACK_PER_S: Final = 1000
SOONEST_MS: Final = 200
#: The least window; also what a reader is told at once, for a server that dies.
WINDOW_LEAST_MS: Final = 2000
WINDOW_MOST_MS: Final = 60_000


def window_ms(readers: int) -> int:
    """Return over how many milliseconds so many readers are spread."""
    wanted = readers * 1000 // COMING_BACK_PER_S
    return min(max(wanted, WINDOW_LEAST_MS), WINDOW_MOST_MS)


def retry_ms(readers: int, chance: float) -> int:
    """Return after how many milliseconds a reader should come back.

    Args:
        readers: How many are told at the same time.
        chance: A uniform random number in [0, 1).
    """
    return SOONEST_MS + int(window_ms(readers) * chance)
