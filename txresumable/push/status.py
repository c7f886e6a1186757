"""
Where everything is, as JSON can have it.
"""

from __future__ import annotations

import os
from typing import Any, Protocol

from ..version import __version__
from .delivery.delivery import Delivery
from .delivery.route import Route
from .delivery.target import Target
from .journal import Journal
from .rates import RateSchedule

__all__ = ["status_of"]


class Reported(Protocol):
    """What has a status."""

    journal: Journal | None
    delivery: Delivery | None
    rates: RateSchedule
    is_paused: bool
    was_damaged: bool

    @property
    def trouble(self) -> str: ...


async def status_of(service: Reported) -> dict[str, Any]:
    """
    The status of a service.

    :param service: the service, which may be running or not.
    """
    delivery, journal = service.delivery, service.journal
    counts = {} if journal is None else await journal.counts()
    routes = {} if delivery is None else delivery.routes
    targets = {} if delivery is None else delivery.targets
    drain = None if delivery is None else delivery.drain
    queue = None if drain is None else await drain.status()
    return {
        "version": __version__,
        "pid": os.getpid(),
        "running": delivery is not None,
        "paused": service.is_paused,
        "rate": service.rates.rate,
        "trouble": service.trouble,
        "was_damaged": service.was_damaged,
        "folders": {name: _folder(route, counts.get(name, {})) for name, route in routes.items()},
        "targets": {name: _target(target) for name, target in targets.items()},
        "queue": queue,
    }


def _folder(route: Route, counts: Any) -> dict[str, Any]:
    return {
        "path": route.settings.path,
        "target": route.settings.target,
        "files": {state.value: count for state, count in counts.items()},
        "sending": {str(id): done for id, done in route.sending.under_way.items()},
        "scanning": route.folder.is_scanning,
        "last_scan": route.folder.last_scan,
        "problem": route.folder.problem,
    }


def _target(target: Target) -> dict[str, Any]:
    return {
        "url": target.url,
        "up": target.is_up,
        "why": target.reason,
        "until": target.until,
        "paused": target.is_paused,
        "rate": target.limiter.rate,
        "sending": target.uploader.chunks_under_way,
    }
