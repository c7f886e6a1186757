"""
Hosts by names of all kinds.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IReactorPluggableNameResolver
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import alsoProvides

from txresumable import InvalidOption
from txresumable._http.hostname import NameEndpoint

from .http_rig import make_agent

ODD = ("upload_server", "r3---sn-x.example", "-a.example", "my_bucket.example.")
USUAL = ("example.com", "upload-server", "xn--bcher-kva.example", "Example.COM")


class HostNameTests(SynchronousTestCase):
    def test_looked_up(self) -> None:
        """Names that DNS knows are looked up as they are, whatever IDNA says."""
        reactor: Any = MemoryReactorClock()
        alsoProvides(reactor, IReactorPluggableNameResolver)
        asked: list[str] = []

        class Resolver:
            def resolveHostName(self, receiver: Any, name: str, *_: Any, **__: Any) -> None:
                asked.append(name)

        reactor.nameResolver = Resolver()
        for host in ODD + USUAL:
            request = make_agent(reactor, reactor).request(b"GET", f"http://{host}/".encode())
            request.addErrback(lambda _: None)
            request.cancel()
        self.assertEqual(asked, [*ODD, *USUAL])

    def test_names_that_are_none(self) -> None:
        """What cannot be looked up fails as before, and does not reach a resolver."""
        reactor: Any = MemoryReactorClock()
        alsoProvides(reactor, IReactorPluggableNameResolver)
        reactor.nameResolver = None
        for host in ("a..b", "x" * 64 + ".example", "a.%41.example", ".example"):
            connecting = NameEndpoint(reactor, host, 80).connect(None)  # type: ignore[arg-type]
            self.failureResultOf(connecting, ValueError)
            agent = make_agent(reactor, reactor)
            error = self.assertRaises(
                InvalidOption, agent.request, b"GET", f"https://{host}/".encode()
            )
            self.assertIn("target", str(error))

    def test_usual_ones_are_twisteds(self) -> None:
        """Of the usual names Twisted makes what it always makes."""
        for host in USUAL:
            made, usual = (
                each._hostAsBytesAndText(host) for each in (NameEndpoint, HostnameEndpoint)
            )
            self.assertEqual(made, usual)
