"""
A network as narrow as a real one, for tests over loopback.
"""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.tcp import Client

from .case import FaultCase
from .server import RawServer, Script

__all__ = ["NarrowNetwork"]

SEGMENT = 1448
"""Bytes of a segment on an Ethernet; loopback's has 65,483."""
BUFFER = 16 * 1024


class NarrowNetwork(FaultCase):
    """
    Segments and buffers are small, so that a kernel takes a request in many parts; loopback's
    takes nearly every one at once.
    """

    def setUp(self) -> None:
        super().setUp()
        create: Any = Client.createInternetSocket

        def created(client: Any) -> Any:
            made = create(client)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
            return made

        self.patch(Client, "createInternetSocket", created)

    def serve(self, script: Script, **options: Any) -> RawServer:
        return super().serve(script, **{"segment": SEGMENT, "receive_buffer": BUFFER, **options})
