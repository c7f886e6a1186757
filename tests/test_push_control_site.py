"""Tests for the web server of the control."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import ITCPTransport, IUNIXTransport
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from zope.interface import directlyProvides

from txresumable.push.control.site import ControlSite


class _UnixTransport(StringTransport):
    """A Unix socket, as Twisted 24.10 has it."""

    def setTcpNoDelay(self, enabled: bool) -> None:
        raise OSError(95, "Operation not supported")


class SiteTests(SynchronousTestCase):
    """Its connections."""

    def test_unix(self) -> None:
        """A connection over a Unix socket is not asked for what only TCP has."""
        site = ControlSite(Resource(), Clock())
        site.startFactory()
        channel: Any = site.buildProtocol(None)
        transport = _UnixTransport()
        directlyProvides(transport, ITCPTransport, IUNIXTransport)
        channel.makeConnection(transport)
        channel.dataReceived(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertIn(b"HTTP/1.1 404", transport.value())
        site.drop_connections()
