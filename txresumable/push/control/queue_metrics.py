"""
Metrics of the queue that several machines share, for Prometheus.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge

__all__ = ["QueueMetrics"]

_STATES = ("queued", "claimed", "done", "failed")


class QueueMetrics:
    """Metrics that are there as long as there is a queue."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """
        :param registry: where they are kept.
        """
        self._registry = registry
        self._is_there = False
        self._jobs = Gauge(
            "txresumable_queue_jobs",
            "Files in the queue, of all machines, by what they are at",
            ("folder", "state"),
            registry=None,
        )
        self._up = Gauge("txresumable_queue_up", "Whether the queue can be used", registry=None)
        self._claimed = Gauge(
            "txresumable_queue_claimed", "Files that this machine has claimed", registry=None
        )
        self._outages = _Total("outages", "How often the queue could not be used any more")
        self._lost = _Total("lost_claims", "Claims of this machine that ran out")
        self._all = (
            *(self._jobs, self._up, self._claimed),
            *(self._outages.counter, self._lost.counter),
        )

    def show(self, queue: Mapping[str, Any] | None) -> None:
        """
        Show these metrics.

        :param queue: as in the status of the service.
        """
        if self._is_there != (queue is not None):
            self._is_there = queue is not None
            for each in self._all:
                (self._registry.register if self._is_there else self._registry.unregister)(each)
        if queue is None:
            return
        self._jobs.clear()
        for folder, states in queue["jobs"].items():
            for state in _STATES:
                self._jobs.labels(folder, state).set(states.get(state, 0))
        self._up.set(not queue["trouble"])
        self._claimed.set(len(queue["sending"]))
        self._outages.show(queue["outages"])
        self._lost.show(queue["lost"])


class _Total:
    """A counter of what is counted elsewhere, and begins anew there when settings are read."""

    def __init__(self, name: str, text: str) -> None:
        self.counter = Counter(f"txresumable_queue_{name}", text, registry=None)
        self._shown = 0

    def show(self, number: int) -> None:
        """It is at this number."""
        self.counter.inc(number - self._shown if number >= self._shown else number)
        self._shown = number
