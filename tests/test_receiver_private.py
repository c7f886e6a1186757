"""
What the receiver takes of Twisted that Twisted keeps to itself: still there, and still meant so.
"""

from __future__ import annotations

from twisted.cred.portal import Portal
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.guard import BasicCredentialFactory, HTTPAuthSessionWrapper
from twisted.web.http import HTTPChannel
from twisted.web.test.requesthelper import DummyRequest

from txresumable.receiver.web.private import (
    UnauthorizedResource,
    unparsed,
    waits_for_transport,
)


class PrivateTests(SynchronousTestCase):
    """Each name, by what Twisted itself does with it."""

    def setUp(self) -> None:
        self.channel = HTTPChannel()
        self.channel.timeOut = None
        self.transport = StringTransport()
        self.channel.makeConnection(self.transport)  # type: ignore[no-untyped-call]

    def test_unparsed(self) -> None:
        """A line that is not all there is kept."""
        self.assertEqual(unparsed(self.channel), b"")
        self.channel.dataReceived(b"GET /")  # type: ignore[no-untyped-call]
        self.assertEqual(unparsed(self.channel), b"GET /")

    def test_waits_for_transport(self) -> None:
        """A channel whose transport is full waits for it, until it resumes the channel."""
        self.assertFalse(waits_for_transport(self.channel))
        self.channel.pauseProducing()  # type: ignore[no-untyped-call]
        self.assertTrue(waits_for_transport(self.channel))
        self.channel.resumeProducing()  # type: ignore[no-untyped-call]
        self.assertFalse(waits_for_transport(self.channel))

    def test_unauthorized(self) -> None:
        """It is what a wrapper has in the place of a resource for who is not logged in."""
        portal = Portal(None, [])  # type: ignore[arg-type]
        wrapper = HTTPAuthSessionWrapper(portal, [BasicCredentialFactory(b"receiver")])
        request = DummyRequest([])
        request.prepath = [b""]
        found = wrapper.getChildWithDefault(b"", request)  # type: ignore[no-untyped-call]
        self.assertIsInstance(self.successResultOf(found.d), UnauthorizedResource)

    def test_malformed(self) -> None:
        """A malformed request is refused by the method that ours replaces."""
        called: list[HTTPChannel] = []
        self.patch(
            HTTPChannel, "_respondToBadRequestAndDisconnect", lambda channel: called.append(channel)
        )
        self.channel.dataReceived(b"GET\r\n")  # type: ignore[no-untyped-call]
        self.assertEqual(called, [self.channel])
