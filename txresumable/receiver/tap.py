"""
``twistd resumable-receive``: the service that its options ask for.
"""

from __future__ import annotations

from typing import Any

from twisted.application.internet import StreamServerEndpointService
from twisted.application.service import IService, MultiService

from .login import Login
from .objects.start import StartOnceFit
from .observers import make_metrics, on_complete, on_response
from .options import Options
from .permission import one_owner
from .process import ReceiverProcess
from .site import make_site
from .status import make_status_site
from .storage import make_store, place_of

__all__ = ["Options", "makeService"]

_SECURE = ("ssl", "tls", "le", "txsni")


def makeService(options: Options) -> IService:
    """
    The service that the options ask for.

    :raises UsageError: if the directory can be used no more.
    """
    from twisted.internet import reactor

    metrics = None if options["status"] is None else make_metrics()
    store, objects = make_store(options, reactor, on_complete(options, reactor, metrics))
    site = make_site(
        store,
        reactor=reactor,
        origins=options["origins"],
        hosts=options["hosts"],
        parameters=options["parameters"],
        owner=Login(*options["checkers"]) if options["checkers"] else one_owner,
        dialect=options["dialect"],
        page=bool(options["page"]),
        max_connections=options["max-connections"],
        max_total_connections=options["max-total-connections"],
        min_rate=options["min-rate"],
        on_response=on_response(options, metrics),
    )
    secure = options["listen"].partition(":")[0] in _SECURE
    scheme = "https" if secure else "http"
    process: Any = ReceiverProcess(
        options["endpoint"],
        site,
        store=store,
        reactor=reactor,
        scheme=scheme,
        grace=options["grace"] or 0.0,
        sweep_every=options["sweep"] or 0.0,
    )
    if objects is not None:
        process = StartOnceFit(
            process, objects, options["prefix"], place_of(options), reactor=reactor
        )
    made: IService = process
    if options["status"] is not None:
        if metrics is not None:
            metrics.watch(store, site)
        shown = None if metrics is None else metrics.resource()
        status = make_status_site(store, site=site, metrics=shown, reactor=reactor)
        services: Any = MultiService()
        services.addService(process)
        services.addService(StreamServerEndpointService(options["status-endpoint"], status))
        made = services
    return made
