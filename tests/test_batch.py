"""
Requests that begin together.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable._http.state import IDLE
from txresumable.errors import ConnectionBroken, MalformedResponse

from .http_rig import OK, Endpoint, Reactor, make_agent

URL = b"http://127.0.0.1/upload?a=1"


class GatheringTests(SynchronousTestCase):
    """
    Small requests of one turn of the reactor.
    """

    def setUp(self) -> None:
        self.reactor, self.clock = Reactor(), Clock()
        self.endpoint = Endpoint(self.reactor)
        self.agent = make_agent(self.reactor, self.clock, endpoint=lambda _: self.endpoint)
        self.addCleanup(self.agent.close)

    def ask(self, number: int) -> list[Deferred[Any]]:
        """Begin so many requests."""
        return [self.agent.request(b"GET", URL) for _ in range(number)]

    def sent(self) -> list[int]:
        """How many requests went out over each connection."""
        return [
            socket.arrived.count(b"GET /upload?a=1 HTTP/1.1") for socket in self.endpoint.sockets
        ]

    def test_alone(self) -> None:
        """One for which nobody waits goes out at once."""
        self.ask(1)
        self.assertEqual(self.sent(), [1])

    def test_written(self) -> None:
        """Whoever wants to know hears of those that went out together, once for all of them."""
        written = Mock()
        self.agent = make_agent(
            self.reactor, self.clock, endpoint=lambda _: self.endpoint, written=written
        )
        self.addCleanup(self.agent.close)
        written.side_effect = lambda: self.assertEqual(self.sent(), [1, 1, 1])
        self.ask(3)
        self.reactor.advance(0)
        written.assert_called_once_with()
        self.reactor.advance(1)
        written.assert_called_once_with()

    def test_together(self) -> None:
        """Others go out at the end of the turn, each once."""
        asked = self.ask(3)
        self.assertEqual(self.sent(), [1, 0, 0])
        self.reactor.advance(0)
        self.assertEqual(self.sent(), [1, 1, 1])
        for protocol in self.endpoint.protocols:
            protocol.dataReceived(OK)
        for reply in asked:
            self.assertEqual(self.successResultOf(reply).code, 200)
        self.ask(3)
        self.reactor.advance(0)
        self.assertEqual(self.sent(), [2, 2, 2])

    def test_cancelled(self) -> None:
        """One that is cancelled before that is not sent."""
        asked = self.ask(3)
        asked[1].cancel()
        self.failureResultOf(asked[1], CancelledError)
        self.reactor.advance(0)
        self.assertEqual(self.sent(), [1, 0, 1])

    def test_closed(self) -> None:
        """When the agent is closed before that, none is sent, and nothing is left."""
        for asked in self.ask(3):
            asked.addErrback(lambda failure: failure.trap(ConnectionBroken))
        self.agent.close()
        self.reactor.advance(0)
        self.assertEqual(self.sent(), [1, 0, 0])
        self.assertEqual(self.reactor.getDelayedCalls() + self.clock.getDelayedCalls(), [])

    def test_response_before(self) -> None:
        """What a server says before that ends the connection, and is no response."""
        asked = self.ask(2)
        self.endpoint.protocols[1].dataReceived(OK)
        self.failureResultOf(asked[1], MalformedResponse)
        self.reactor.advance(0)
        self.assertEqual(self.sent(), [1, 0])
        self.assertIsNot(self.endpoint.protocols[1].state, IDLE)

    def test_one_that_cannot_be_sent(self) -> None:
        """One that raises as it goes out ends alone; the others go out."""
        asked = self.ask(3)
        self.endpoint.sockets[1].fault = RuntimeError("no such thing")
        self.reactor.advance(0)
        self.reactor.advance(0)
        self.failureResultOf(asked[1], ConnectionBroken)
        self.assertEqual(self.sent(), [1, 0, 1])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_a_turn_that_does_not_end(self) -> None:
        """A wall clock that is set back puts them off by no more than half a second."""
        self.ask(3)
        self.clock.advance(0.5)
        self.assertEqual(self.sent(), [1, 1, 1])
        self.reactor.advance(3600)
        self.assertEqual(self.sent(), [1, 1, 1])
