"""
Hosts by names of all kinds.
"""

from __future__ import annotations

import errno
from socket import gaierror
from typing import Any

from twisted.internet._resolver import GAIResolver
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IReactorPluggableNameResolver
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import alsoProvides

from txresumable import InvalidOption
from txresumable._http import hostname
from txresumable._http.hostname import NameEndpoint

from .http_rig import make_agent
from .test_relay import Threads

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

    def test_no_descriptor(self) -> None:
        """A name that cannot be looked up for want of a descriptor fails with that, and at once."""
        threads: Any = Threads()
        alsoProvides(threads, IReactorPluggableNameResolver)
        threads.nameResolver = GAIResolver(threads)
        errors: list[OSError] = [OSError(errno.EMFILE, "Too many"), gaierror(-2, "unknown")]

        def look_up(*_: Any) -> None:
            raise errors[0]

        self.patch(hostname, "getaddrinfo", look_up)
        endpoint = NameEndpoint(threads, "a.example", 80)
        connecting = endpoint.connect(Factory())
        threads.work()
        failed: Any = self.failureResultOf(connecting, ConnectError).value
        self.assertEqual(failed.osError, errno.EMFILE)
        del errors[0]
        self.assertRaises(gaierror, endpoint._look_up, "a.example")

    def test_usual_ones_are_twisteds(self) -> None:
        """Of the usual names Twisted makes what it always makes."""
        for host in USUAL:
            made, usual = (
                each._hostAsBytesAndText(host) for each in (NameEndpoint, HostnameEndpoint)
            )
            self.assertEqual(made, usual)
