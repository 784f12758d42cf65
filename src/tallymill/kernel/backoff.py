"""How long to wait before trying again. Pure but for the random number handed in."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Exponential back-off with full jitter.

    Source: M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
    """

    first_s: float = 1.0  #: upper bound of the first wait, seconds, > 0
    factor: float = 2.0  #: growth of the bound from try to try, >= 1
    most_s: float = 300.0  #: no wait is longer, seconds

    def wait_s(self, attempt: int, chance: float) -> float:
        """Return the seconds to wait after a failed attempt.

        Args:
            attempt: How many attempts have failed, >= 1.
            chance: A uniform random number in [0, 1).
        """
        exponent = min(attempt - 1, 64)
        return min(self.most_s, self.first_s * self.factor**exponent) * chance
