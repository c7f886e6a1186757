"""
A receiver for the resumable.js protocol.

.. code-block:: python

    from twisted.internet import reactor
    from txresumable.receiver import Store, make_site

    reactor.listenTCP(8080, make_site(Store("uploads")), interface="127.0.0.1")
    reactor.run()
"""

from .resource import IBodyTaker, ReceiverResource
from .service import ReceiverService
from .site import ReceiverSite, make_site
from .store.disk import Disk
from .store.received import ReceivedFile
from .store.store import Store
from .store.thread import Run, at_once, in_threads
from .web.reply import Refused
from .web.request import StreamedRequest

__all__ = [
    "Disk",
    "IBodyTaker",
    "ReceivedFile",
    "ReceiverResource",
    "ReceiverService",
    "ReceiverSite",
    "Refused",
    "Run",
    "Store",
    "StreamedRequest",
    "at_once",
    "in_threads",
    "make_site",
]
