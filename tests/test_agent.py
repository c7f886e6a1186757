"""
Requests over connections that an agent keeps.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable._http.agent import PersistentAgent
from txresumable._http.state import IDLE
from txresumable.errors import ConnectionBroken, StaleConnection, StallTimeout

from .http_rig import OK, Endpoint, Reactor

URL = b"http://127.0.0.1/upload?a=1"


class KeptTests(SynchronousTestCase):
    """
    Connections that are used again, or not.
    """

    def setUp(self) -> None:
        self.reactor, self.clock = Reactor(), Clock()
        self.endpoint = Endpoint(self.reactor)
        self.agent = PersistentAgent(self.reactor, self.clock, endpoint=lambda _: self.endpoint)
        self.addCleanup(self.agent.close)

    def ask(self) -> Deferred[Any]:
        return self.agent.request(b"GET", URL)

    def answered(self) -> None:
        """One request, and its response."""
        asked = self.ask()
        self.endpoint.protocols[-1].dataReceived(OK)
        self.successResultOf(asked)

    def test_quiet(self) -> None:
        """One on which nothing came is used again."""
        self.answered()
        self.answered()
        self.assertEqual(len(self.endpoint.sockets), 1)

    def test_not_quiet(self) -> None:
        """One on which more came, or its end, or that is broken, is closed and not used."""
        for came in (b"H", b"", ConnectionResetError(104, "reset")):
            with self.subTest(came=came):
                self.answered()
                used, before = self.endpoint.protocols[-1], len(self.endpoint.sockets)
                self.endpoint.sockets[-1].came = came
                self.answered()
                self.assertEqual(len(self.endpoint.sockets), before + 1)
                self.assertIsNot(used.state, IDLE)

    def test_closed_as_it_began(self) -> None:
        """One that closes within a round trip of a request may have been closed before it."""
        self.answered()
        asked = self.ask()
        self.clock.advance(0.9)
        self.endpoint.protocols[0].connectionLost()
        self.failureResultOf(asked, StaleConnection)

    def test_closed_later(self) -> None:
        """One that closes when the request has long been there has failed it."""
        self.answered()
        asked = self.ask()
        self.clock.advance(1)
        self.endpoint.protocols[0].connectionLost()
        self.failureResultOf(asked, ConnectionBroken)

    def test_lost_already(self) -> None:
        """One that is lost is not aborted once more."""
        self.answered()
        protocol, aborted = self.endpoint.protocols[0], []
        protocol.connectionLost()
        protocol.transport.abortConnection = lambda: aborted.append(1)
        protocol.abort()
        self.agent.drop_idle(URL)
        self.assertEqual(aborted, [])

    def test_watched_whatever_happens(self) -> None:
        """A connection that cannot be watched over does not leave the others unwatched."""
        asked = [self.ask(), self.ask()]
        self.reactor.advance(0)

        def watch(limit: float) -> None:
            raise RuntimeError("no such thing")

        self.endpoint.protocols[0].watch = watch
        for _ in range(200):
            self.clock.advance(0.5)
            self.reactor.advance(0)
        self.failureResultOf(asked[1], StallTimeout)
        self.failureResultOf(asked[0], ConnectionBroken)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
