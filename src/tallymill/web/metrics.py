"""What `/metrics` counts.

In a registry of its own, so that two servers in one process, as in tests, do not meet.
"""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.exposition import generate_latest

from tallymill.events.ports import Run
from tallymill.web.request_seconds import RequestSeconds


class Metrics:
    """Counters that the routes move, and gauges that are read when asked for."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.accepted = self._counter("events_accepted", "Events stored durably.")
        self.duplicates = self._counter(
            "events_duplicate", "Events left out because their id was known."
        )
        self.rejected = self._counter(
            "events_rejected", "Bad events left out of requests with partial=true."
        )
        self.refused = Counter(
            "tallymill_requests_refused",
            "Requests that were answered with a problem.",
            ["status"],
            registry=self.registry,
        )
        self.seconds = RequestSeconds()
        self.registry.register(self.seconds)
        self.set_aside = self._gauge(
            "events_set_aside", "Events that did not fit a statistic, ever."
        )
        self.log_bytes = self._gauge("log_bytes", "Bytes of the database's files.")
        self.fold_lag = self._gauge("fold_lag_events", "Events accepted, not folded.")
        self.workers = Gauge(
            "tallymill_workers",
            "Workers since the start.",
            ["state"],
            registry=self.registry,
        )
        self.jobs = self._gauge("jobs", "Jobs that there are.")
        self.results = self._gauge("results", "Results received, ever.")
        self.in_flight_bytes = self._gauge(
            "body_bytes_in_flight", "Weight of the bodies that are being taken in."
        )

    def stored(self, runs: Sequence[Run]) -> None:
        """Count what the log has just stored, whoever sent it."""
        self.accepted.inc(sum([run.count for run in runs]))

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, words: str) -> Counter:
        return Counter(f"tallymill_{name}", words, registry=self.registry)

    def _gauge(self, name: str, words: str) -> Gauge:
        return Gauge(f"tallymill_{name}", words, registry=self.registry)
