"""
Tests for requests over the connections of an agent.
"""

from __future__ import annotations

from twisted.internet.tcp import Connection

from txresumable.errors import (
    ConnectionBroken,
    StaleConnection,
    StallTimeout,
)

from .http_rig import AgentTestCase


class AgentTests(AgentTestCase):
    """
    Requests, watched over.
    """

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
        self.assertIs(self.failureResultOf(asked).type, ConnectionBroken)

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
