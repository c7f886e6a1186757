"""
Requests over connections that an agent keeps.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.tcp import Connection
from twisted.trial.unittest import SynchronousTestCase

from txresumable._http.state import CLOSING, IDLE
from txresumable.errors import (
    ConnectionBroken,
    MalformedResponse,
    StaleConnection,
    StallTimeout,
)

from .http_rig import OK, Endpoint, Reactor, make_agent

URL = b"http://127.0.0.1/upload?a=1"


class KeptTests(SynchronousTestCase):
    """
    Connections that are used again, or not.
    """

    def setUp(self) -> None:
        self.reactor, self.clock = Reactor(), Clock()
        self.endpoint = Endpoint(self.reactor)
        self.make()

    def make(self, **limits: Any) -> None:
        self.agent = make_agent(
            self.reactor, self.clock, endpoint=lambda _: self.endpoint, **limits
        )
        self.addCleanup(self.agent.close)

    def ask(self) -> Deferred[Any]:
        return self.agent.request(b"GET", URL)

    def answered(self) -> None:
        """One request, and its response."""
        asked = self.ask()
        self.endpoint.protocols[-1].dataReceived(OK)
        self.successResultOf(asked)

    def keep(self, number: int) -> list[Any]:
        """So many requests at once, and their responses; :returns: their connections."""
        asked = [self.ask() for _ in range(number)]
        self.reactor.advance(0)
        protocols = self.endpoint.protocols[-number:]
        for protocol in protocols:
            protocol.dataReceived(OK)
        for each in asked:
            self.successResultOf(each)
        return protocols

    def open(self, protocols: list[Any]) -> list[bool]:
        """Which of them are kept for the next request."""
        return [protocol.state is IDLE for protocol in protocols]

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

    def test_others_as_old(self) -> None:
        """If one turns out to be closed, those that are as old are not tried."""
        old = self.keep(3)
        asked = self.ask()
        old[2].connectionLost()
        self.failureResultOf(asked, StaleConnection)
        self.assertEqual(self.open(old), [False] * 3)

    def test_others_after_another_failure(self) -> None:
        """A connection that ends for another reason says nothing about the others."""
        kept = self.keep(3)
        asked = self.ask()
        kept[2].dataReceived(b"no HTTP\r\n\r\n")
        self.failureResultOf(asked, MalformedResponse)
        asked = self.ask()
        kept[1].dataReceived(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        self.successResultOf(asked)
        self.assertEqual(self.open(kept), [True, False, False])

    def test_closed_later(self) -> None:
        """One that closes when the request has long been there has failed it."""
        self.answered()
        asked = self.ask()
        self.clock.advance(1)
        self.endpoint.protocols[0].connectionLost()
        self.assertIs(self.failureResultOf(asked).type, ConnectionBroken)

    def test_as_many_as_wanted(self) -> None:
        """No more are kept than was said."""
        self.make(max_idle=2)
        kept = self.keep(3)
        self.assertEqual(self.open(kept), [True, True, False])
        self.assertIs(kept[2].state, CLOSING)

    def test_not_for_long(self) -> None:
        """Three seconds after its last request one is closed, and nothing is left to be called."""
        self.clock.advance(10)
        asked = self.ask()
        self.clock.advance(20)
        kept = self.endpoint.protocols
        kept[0].dataReceived(OK)
        self.successResultOf(asked)
        for _ in range(5):
            self.clock.advance(0.5)
        self.assertEqual(self.open(kept), [True])
        self.clock.advance(0.5)
        self.assertIs(kept[0].state, CLOSING)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_by_one(self) -> None:
        """Each is closed in its time; the others stay."""
        kept = self.keep(1)
        self.clock.advance(1)
        asked = [self.ask(), self.ask()]
        self.reactor.advance(0)
        kept = self.endpoint.protocols
        kept[1].dataReceived(OK)
        self.clock.advance(1.5)
        kept[0].dataReceived(OK)
        for each in asked:
            self.successResultOf(each)
        self.clock.advance(1.5)
        self.assertEqual(self.open(kept), [True, False])
        used = self.ask()
        kept[0].dataReceived(OK)
        self.successResultOf(used)

    def test_late_call(self) -> None:
        """One that should be closed by now is not used, if a busy reactor did not come to it."""
        for idle, used in ((3.9, True), (4.0, False)):
            with self.subTest(idle=idle):
                self.clock.advance(10)
                self.answered()
                protocol, before = self.endpoint.protocols[-1], len(self.endpoint.sockets)
                self.clock.rightNow += idle
                self.answered()
                self.assertEqual(len(self.endpoint.sockets), before + (not used))
                self.assertEqual(self.open([protocol]), [used])

    def test_dropped(self) -> None:
        """Those of an origin are closed when they are to be, whatever its path; others stay."""
        kept = self.keep(2)
        self.agent.drop_idle(b"http://127.0.0.1:81/upload?a=1")
        self.assertEqual(self.open(kept), [True, True])
        self.agent.drop_idle(b"http://127.0.0.1/another")
        self.assertEqual(self.open(kept), [False, False])

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

    def test_close(self) -> None:
        """It is closed when all its connections are, in use or not, and then nothing is left."""
        self.patch(Connection, "abortConnection", lambda _: None)
        kept = self.keep(3)
        asked = [self.ask(), self.ask()]
        closed = self.agent.close()
        self.assertEqual(self.open(kept), [False] * 3)
        for protocol in kept:
            self.assertNoResult(closed)
            protocol.connectionLost()
        self.assertIsNone(self.successResultOf(closed))
        for each in asked:
            self.failureResultOf(each, ConnectionBroken)
        self.reactor.advance(0)
        self.assertEqual(self.reactor.getDelayedCalls() + self.clock.getDelayedCalls(), [])
        self.answered()
        self.assertEqual(len(self.endpoint.sockets), 4)

    def test_close_in_the_same_turn(self) -> None:
        """Nothing is left of requests whose connections were lost in the turn they began in."""
        asked = [self.ask(), self.ask()]
        for protocol in self.endpoint.protocols:
            protocol.connectionLost()
        self.assertIsNone(self.successResultOf(self.agent.close()))
        self.assertEqual(self.reactor.getDelayedCalls() + self.clock.getDelayedCalls(), [])
        for each in asked:
            self.failureResultOf(each, ConnectionBroken)

    def test_looked_at_often_enough(self) -> None:
        """A limit of less than a second is kept, too."""
        self.make(stall_timeout=0.4)
        asked = self.ask()
        for _ in range(4):
            self.assertNoResult(asked)
            self.clock.advance(0.101)
        self.failureResultOf(asked, StallTimeout)
