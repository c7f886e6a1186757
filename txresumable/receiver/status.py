"""
What supervisors ask a receiver.
"""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from .._protocol.phrase import reason_phrase
from .._runtime.reactor import Reactor
from .site import ReceiverSite
from .store.interface import UploadStore
from .store.refused import Refused

__all__ = ["HealthResource", "make_status_site"]


class HealthResource(Resource):
    """
    Says whether a store can be used: 200, or 503 and why not.

    :param store: the store.
    :param site: the receiver, which has no use for new requests once it stops.
    """

    isLeaf = True

    def __init__(self, store: UploadStore, site: ReceiverSite | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._store = store
        self._site = site

    def render_GET(self, request: Request) -> int:
        """Respond once that is known."""
        gone: list[Failure] = []
        request.notifyFinish().addErrback(gone.append)
        checked: Deferred[Any] = self._store.check()
        checked.addCallbacks(self._checked, _failed)
        checked.addCallback(lambda found: None if gone else _respond(request, *found))
        return NOT_DONE_YET

    def _checked(self, _: object) -> tuple[int, dict[str, str]]:
        if self._site is not None and self._site.is_draining:
            return 503, {"status": "error", "error": "the receiver is stopping"}
        return 200, {"status": "ok"}


def make_status_site(
    store: UploadStore,
    *,
    site: ReceiverSite | None = None,
    metrics: IResource | None = None,
    reactor: Reactor | None = None,
) -> Site:
    """
    A site with ``/healthz``, and with ``/metrics`` if there are any.

    :param store: the store.
    :param site: the receiver; while it stops, ``/healthz`` is 503.
    :param metrics: see :class:`~txresumable.receiver.metrics.Metrics`.
    :param reactor: whose clock to use; the installed one by default.
    """
    root: Any = Resource()
    root.putChild(b"healthz", HealthResource(store, site))
    if metrics is not None:
        root.putChild(b"metrics", metrics)
    made = Site(root, reactor=reactor)
    made.displayTracebacks = False
    return made


def _failed(failure: Failure) -> tuple[int, dict[str, str]]:
    failure.trap(Refused, OSError)
    return 503, {"status": "error", "error": str(failure.value)}


def _respond(request: Any, status: int, content: dict[str, str]) -> None:
    request.setResponseCode(status, reason_phrase(status))
    request.setHeader("Content-Type", "application/json")
    request.setHeader("Cache-Control", "no-store")
    body = json.dumps(content).encode()
    request.setHeader("Content-Length", str(len(body)))
    request.write(b"" if request.method == b"HEAD" else body)
    request.finish()
