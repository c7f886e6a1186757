"""
Where connections go.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IReactorPluggableNameResolver
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import alsoProvides

from .http_rig import make_agent

URL = b"http://127.0.0.1/upload?a=1"


class AddressTests(SynchronousTestCase):
    """
    Where connections go.
    """

    def test_address(self) -> None:
        """An address is connected to as it is: there is nothing to look up, nor a thread for it."""
        for url, host in ((URL, "127.0.0.1"), (b"http://[::1]:8080/upload", "::1")):
            with self.subTest(url=url):
                reactor: Any = MemoryReactorClock()
                reactor.nameResolver = None
                asked = make_agent(reactor, reactor).request(b"GET", url)
                asked.addErrback(lambda _: None)
                self.assertEqual([each[0] for each in reactor.tcpClients], [host])
                self.assertEqual(reactor.tcpClients[0][3], None, "the limit goes by our own clock")
                asked.cancel()

    def test_name(self) -> None:
        """A name is looked up."""
        reactor: Any = MemoryReactorClock()
        alsoProvides(reactor, IReactorPluggableNameResolver)
        looked_up: list[str] = []

        class Resolver:
            def resolveHostName(self, receiver: Any, name: str, *_: Any, **__: Any) -> None:
                looked_up.append(name)

        reactor.nameResolver = Resolver()
        asked = make_agent(reactor, reactor).request(b"GET", b"http://example.com/upload")
        asked.addErrback(lambda _: None)
        self.assertEqual((looked_up, reactor.tcpClients), (["example.com"], []))
        asked.cancel()
