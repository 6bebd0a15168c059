"""Metrics for Prometheus: requests by route and outcome, durations, qualities, and load."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_QUALITY = (0.8, 0.85, 0.9, 0.92, 0.94, 0.96, 0.98, 1)


class Metrics:
    """The metrics of one server, in a separate registry."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "stc_requests",
            "Requests, by route and outcome (ok, or the error's class).",
            ["verb", "outcome"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "stc_request_seconds",
            "Time from the start of a request to its answer.",
            ["verb"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._quality = Histogram(
            "stc_quality",
            "Share of the identity kept by encoded faces.",
            buckets=_QUALITY,
            registry=self._registry,
        )
        self.in_work = Gauge(
            "stc_in_work", "Requests in progress or in the queue.", registry=self._registry
        )

    def count(self, verb: str, outcome: str, seconds: float) -> None:
        """Count an answered request.

        verb: the route's name. outcome: `ok`, or the error's class. seconds: from the start of the
        request to its answer.
        """
        self._requests.labels(verb, outcome).inc()
        self._seconds.labels(verb).observe(seconds)

    def observe_quality(self, quality: float) -> None:
        """Add the quality of an encoded face, 0 to 1, to the histogram."""
        self._quality.observe(quality)

    def text(self) -> bytes:
        """All metrics in Prometheus's text format."""
        return bytes(generate_latest(self._registry))
