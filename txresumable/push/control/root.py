"""
The URLs of the control.
"""

from __future__ import annotations

from twisted.web.http import Request
from twisted.web.resource import Resource

from .commands import Commands
from .controlled import Controlled
from .endpoint import Endpoint
from .events import EventLog, EventStream
from .files import Files
from .guard import Guard
from .page import Page
from .refusal import Refusal
from .traffic import Traffic

__all__ = ["make_root"]


def make_root(
    service: Controlled,
    guard: Guard,
    log: EventLog,
    traffic: Traffic,
    *,
    metrics: Resource | None = None,
    page: bool = False,
) -> Resource:
    """
    The resource that has all others.

    :param service: what is controlled.
    :param guard: by whom.
    :param log: what happens.
    :param traffic: how much was sent.
    :param metrics: shows them for Prometheus, if that is installed.
    :param page: whether there is a page for browsers.
    """
    do = Commands(service, traffic)
    root = Page(guard) if page else Endpoint(guard)
    children: dict[bytes, Resource] = {
        b"status": Endpoint(guard, get=do.status),
        b"healthz": Endpoint(guard, get=do.health, is_open=True),
        b"readyz": Endpoint(guard, get=do.readiness, is_open=True),
        b"files": Files(guard, service),
        b"events": EventStream(guard, log),
        b"metrics": metrics or Endpoint(guard, get=_not_installed),
        b"retry": Endpoint(guard, post=do.retry),
        b"pause": Endpoint(guard, post=do.pause),
        b"resume": Endpoint(guard, post=do.resume),
        b"rate": Endpoint(guard, post=do.rate),
        b"concurrency": Endpoint(guard, post=do.concurrency),
        b"rescan": Endpoint(guard, post=do.rescan),
        b"reload": Endpoint(guard, post=do.reload),
    }
    for name, child in children.items():
        root.putChild(name, child)
    return root


async def _not_installed(request: Request) -> dict[str, object]:
    raise Refusal(501, "Metrics need the metrics extra: pip install 'txresumable[metrics]'.")
