"""
Who is notified of files and requests, as the options of the command line say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from twisted.logger import Logger
from twisted.web.http import Request

from .access_log import AccessLog
from .command import Command
from .site import OnResponse
from .store import ReceivedFile
from .store.completion import OnComplete
from .webhook import Webhook

__all__ = ["make_metrics", "on_complete", "on_response"]

if TYPE_CHECKING:
    from .metrics import Metrics


def make_metrics() -> Metrics | None:
    """Metrics, if the package for them is there; else the log says so."""
    try:
        from .metrics import Metrics
    except ImportError:
        Logger().info("install txresumable[metrics] for /metrics")
        return None
    return Metrics()


def on_complete(
    options: Mapping[str, Any], reactor: Any, metrics: Metrics | None = None
) -> OnComplete | None:
    """What is to be done with each file."""
    hooks: list[OnComplete] = []
    # What has not had its turn, or was not announced, by then would be received all the same.
    patience = min(60, options["on-complete-timeout"] / 2)
    if options["on-complete"] is not None:
        hooks.append(Command(options["on-complete"], reactor=reactor, patience=patience))
    if options["on-complete-url"] is not None:
        secret = options["secret"]
        hooks.append(
            Webhook(options["on-complete-url"], secret=secret, reactor=reactor, patience=patience)
        )
    if metrics is not None:
        hooks.append(metrics.completed)

    async def each(file: ReceivedFile) -> None:
        for hook in hooks:
            result = hook(file)
            if result is not None:
                await result

    return each if hooks else None


def on_response(options: Mapping[str, Any], metrics: Metrics | None) -> OnResponse | None:
    """What is to be done with each request."""
    observers: list[OnResponse] = []
    if options["access-log"] is not None:
        observers.append(AccessLog(options["access-log"]))
    if metrics is not None:
        observers.append(metrics.responded)

    def each(request: Request) -> None:
        for observe in observers:
            observe(request)

    return each if observers else None
