"""
A receiver for the resumable.js protocol.

.. code-block:: python

    from twisted.internet import reactor
    from txresumable.receiver import Store, make_site

    reactor.listenTCP(8080, make_site(Store("uploads")), interface="127.0.0.1")
    reactor.run()
"""

from .command import Command
from .login import IToken, Login, Token
from .objects.probe import Unfit, probe
from .objects.s3 import S3Objects
from .objects.store import ObjectStore
from .passwords import PasswordFile, TokenFile
from .resource import ReceiverResource
from .service import ReceiverService
from .site import ReceiverSite, make_site
from .store import AnnouncedFile, Chunk, ChunkSink, Entry, ReceivedFile, Refused, Store, UploadStore
from .web.request import IBodyTaker
from .webhook import Webhook

__all__ = [
    "AnnouncedFile",
    "Chunk",
    "ChunkSink",
    "Command",
    "Entry",
    "IBodyTaker",
    "IToken",
    "Login",
    "ObjectStore",
    "PasswordFile",
    "ReceivedFile",
    "ReceiverResource",
    "ReceiverService",
    "ReceiverSite",
    "Refused",
    "S3Objects",
    "Store",
    "Token",
    "TokenFile",
    "Unfit",
    "UploadStore",
    "Webhook",
    "make_site",
    "probe",
]
