"""
Metrics of a service for Prometheus; needs the ``metrics`` extra.
"""

from __future__ import annotations

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from ..._runtime.process_metrics import process_registry
from ..entry import Entry
from ..state import CHANGED, FAILED, GONE, HELD, HOOK, QUEUED, STORED, UPLOADING, WAITING, PushState
from .controlled import Controlled
from .guard import Guard
from .queue_metrics import QueueMetrics
from .refusal import Refusal, refusal_of
from .request import refuse, respond

__all__ = ["Metrics"]

_RESULTS = {
    STORED: "stored",
    WAITING: "waiting",
    FAILED: "failed",
    CHANGED: "changed",
    GONE: "gone",
    HELD: "held",
    QUEUED: "interrupted",
}
"""What an attempt may end with."""
_SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)
"""Bounds of how long a chunk takes."""


class Metrics:
    """
    Metrics that are counted as files change, and metrics of the moment.
    """

    def __init__(self, service: Controlled, registry: CollectorRegistry | None = None) -> None:
        """
        :param service: what they are about.
        :param registry: where they are kept; by default a new one, with those of the process
            (``process_resident_memory_bytes``).
        """
        self.registry = registry = process_registry() if registry is None else registry
        self._service = service

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"txresumable_{name}", text, labels, registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"txresumable_{name}", text, labels, registry=registry)

        self._files = gauge("files", "Files, by what they are at", "folder", "state")
        self._oldest = gauge(
            "oldest_queued_timestamp_seconds",
            "When the first of the files that are queued was found",
            "folder",
        )
        self._success = gauge(
            "last_success_timestamp_seconds",
            "When the last file was stored, since the process began",
            "folder",
        )
        self._up = gauge("target_up", "Whether the target takes files", "target")
        self._rate = gauge("rate_limit_bytes", "Bytes a second at most; +Inf is no limit")
        self._paused = gauge("paused", "Whether an operator has paused everything")
        self._sent = counter("sent_bytes", "Bytes of files that were stored, sent", "folder")
        self._found = counter(
            "found_bytes", "Bytes of files that were stored, found on the server", "folder"
        )
        self._attempts = counter(
            "attempts", "Attempts to send a file, by how they ended", "folder", "result"
        )
        self._hooks = counter("hook_failures", "Commands that failed", "folder")
        self._queue = QueueMetrics(registry)
        self._chunks = Histogram(
            "txresumable_chunk_duration_seconds",
            "How long a chunk took that was sent, until it was stored",
            ("target",),
            registry=registry,
            buckets=_SECONDS,
        )

    def changed(self, before: Entry | None, after: Entry) -> None:
        """An entry has changed."""
        if before is None:
            return
        if before.state is HOOK and after.state is HOOK and after.why and after.note != before.note:
            self._hooks.labels(after.folder).inc()
        if before.state is not UPLOADING or after.state is UPLOADING:
            return
        is_stored = after.state not in _RESULTS or after.state is STORED
        self._attempts.labels(after.folder, _RESULTS.get(after.state, "stored")).inc()
        sent = max(after.sent - before.sent, 0)
        self._sent.labels(after.folder).inc(sent)
        if is_stored:
            self._found.labels(after.folder).inc(max(after.version.size - sent, 0))
            self._success.labels(after.folder).set(after.changed)

    def chunk_sent(self, target: str, seconds: float) -> None:
        """A chunk was sent, and is stored."""
        self._chunks.labels(target).observe(seconds)

    async def collect(self) -> bytes:
        """
        The metrics, in Prometheus's format.
        """
        status = await self._service.status()
        self._files.clear()
        self._oldest.clear()
        self._up.clear()
        for name, folder in status["folders"].items():
            for state in PushState:
                self._files.labels(name, state.value).set(folder["files"].get(state.value, 0))
            await self._look_for_oldest(name)
        for name, target in status["targets"].items():
            if target["up"] is not None:
                self._up.labels(name).set(target["up"])
        rate = status["rate"]
        self._rate.set(float("inf") if rate is None else rate)
        self._paused.set(status["paused"])
        self._queue.show(status["queue"])
        return generate_latest(self.registry)

    async def _look_for_oldest(self, folder: str) -> None:
        journal = self._service.journal
        if journal is not None and (first := await journal.entries([QUEUED], folder, 0, 1)):
            self._oldest.labels(folder).set(first[0].seen)

    def resource(self, guard: Guard) -> Resource:
        """
        What shows the metrics.

        :param guard: to whom.
        """
        return _Page(self, guard)


class _Page(Resource):
    isLeaf = True

    def __init__(self, metrics: Metrics, guard: Guard) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._metrics = metrics
        self._guard = guard

    def render(self, request: Request) -> int:
        gone: list[object] = []
        request.notifyFinish().addErrback(gone.append)
        shown = Deferred.fromCoroutine(self._show(request))

        def show(content: bytes) -> None:
            if not gone:
                respond(request, 200, content, CONTENT_TYPE_LATEST)

        def fail(failure: Failure) -> None:
            refusal = refusal_of(failure)
            if not gone:
                refuse(request, refusal)

        shown.addCallbacks(show, fail)
        return NOT_DONE_YET

    async def _show(self, request: Request) -> bytes:
        if request.postpath:
            raise Refusal(404, "There is nothing at this URL.")
        if request.method not in (b"GET", b"HEAD"):
            raise Refusal(405, "That method is not possible here.")
        self._guard.check(request, changes=False)
        return await self._metrics.collect()
