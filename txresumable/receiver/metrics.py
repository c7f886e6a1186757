"""
Metrics of a receiver for Prometheus; needs the ``metrics`` extra.
"""

from __future__ import annotations

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    generate_latest,
)
from twisted.web.http import Request
from twisted.web.resource import Resource

from .._runtime.process_metrics import process_registry
from .objects.store import ObjectStore
from .site import ReceiverSite
from .store import ReceivedFile, Store

__all__ = ["Metrics"]

_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")


class Metrics:
    """
    Counts requests and files.

    :param registry: where the metrics are kept; by default a new one, with those of the process
        (``process_resident_memory_bytes``).
    :ivar registry: the same.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = process_registry() if registry is None else registry
        self._requests = Counter(
            "resumable_receiver_requests",
            "Requests that were responded to",
            ["method", "status"],
            registry=self.registry,
        )
        self._files = Counter(
            "resumable_receiver_files", "Files that were received", registry=self.registry
        )
        self._bytes = Counter(
            "resumable_receiver_file_bytes", "Bytes of these files", registry=self.registry
        )

    def responded(self, request: Request) -> None:
        """To be a site's ``on_response``: count a request."""
        method = request.method.decode("latin-1")
        self._requests.labels(method if method in _METHODS else "other", request.code).inc()

    def completed(self, file: ReceivedFile) -> None:
        """To be a store's ``on_complete``, or part of it: count a file."""
        self._files.inc()
        self._bytes.inc(file.size)

    def watch(self, store: Store | ObjectStore, site: ReceiverSite) -> None:
        """Add what there is now: unfinished uploads, and connections."""
        unfinished = Gauge(
            "resumable_receiver_unfinished", "Unfinished uploads", registry=self.registry
        )
        unfinished.set_function(lambda: store.unfinished)
        connections = Gauge(
            "resumable_receiver_connections", "Open connections", registry=self.registry
        )
        connections.set_function(lambda: len(site.connections))

    def resource(self) -> Resource:
        """What shows the metrics."""
        return _Page(self.registry)


class _Page(Resource):
    isLeaf = True

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._registry = registry

    def render_GET(self, request: Request) -> bytes:
        request.setHeader(b"Content-Type", CONTENT_TYPE_LATEST.encode())
        return generate_latest(self._registry)
