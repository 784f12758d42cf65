"""How long requests take, as a Prometheus histogram that costs next to nothing.

The client library's own takes locks, for every bucket, so that threads may share it;
on the hot paths that cost as much as reading the request. This one belongs to the
event loop.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final

from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

NAME: Final = "tallymill_request_seconds"
WORDS: Final = "Seconds from a request's head to its answer, on the hot paths."
BOUNDS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class RouteSeconds:
    """Durations of one route."""

    __slots__ = ("_counts", "_sum_s")

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS_S) + 1)
        self._sum_s = 0.0

    def observe(self, seconds: float) -> None:
        """Count a duration."""
        self._counts[bisect_left(BOUNDS_S, seconds)] += 1
        self._sum_s += seconds

    @property
    def sum_s(self) -> float:
        """All durations together, seconds."""
        return self._sum_s

    def buckets(self) -> Sequence[tuple[str, float]]:
        """Return for each bound how many were not above it."""
        names = [*(str(float(bound)) for bound in BOUNDS_S), "+Inf"]
        sums: list[tuple[str, float]] = []
        total = 0
        for name, count in zip(names, self._counts, strict=True):
            total += count
            sums.append((name, total))
        return sums


class RequestSeconds(Collector):
    """Durations of all routes that are timed."""

    def __init__(self) -> None:
        self._routes: dict[str, RouteSeconds] = {}

    def labels(self, route: str) -> RouteSeconds:
        """Return a route's durations, none at first."""
        return self._routes.setdefault(route, RouteSeconds())

    def collect(self) -> Iterator[Metric]:
        """Return what Prometheus reads."""
        family = HistogramMetricFamily(NAME, WORDS, labels=["route"])
        for route, seconds in self._routes.items():
            family.add_metric([route], seconds.buckets(), seconds.sum_s)
        yield family
