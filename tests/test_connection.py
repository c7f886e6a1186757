"""
The life of a connection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.tcp import Connection
from twisted.trial.unittest import SynchronousTestCase

from txresumable._http.batch import WriteBatch
from txresumable._http.connection import HTTPConnection
from txresumable._http.state import (
    ACTIVE,
    CLOSED,
    CLOSING,
    CONNECTING,
    IDLE,
    TRANSITIONS,
    ConnectionState,
    change,
)

from .http_rig import HEAD, OK, Listener, Reactor, Socket


class StateTests(SynchronousTestCase):
    """
    A connection's life.
    """

    def connection(self, state: ConnectionState) -> HTTPConnection:
        """One in that state."""
        self.listener = Listener()
        reactor = Reactor()
        connection = HTTPConnection(
            seconds=reactor.seconds,
            batch=WriteBatch(reactor, ()),
            listener=self.listener,
            secure=True,
        )
        given: Any = Socket([])
        transport = Connection(given, connection, reactor)  # type: ignore[arg-type]
        transport.connected = 1
        connection.makeConnection(transport)
        if state is not CONNECTING:
            connection.handshakeCompleted()
        if state is ACTIVE:
            connection.send(HEAD, None).addErrback(lambda _: None)
            reactor.turn()
        elif state is CLOSING:
            connection.abort()
        elif state is CLOSED:
            connection.connectionLost()
        self.assertIs(connection.state, state)
        return connection

    def test_every_transition(self) -> None:
        """Whatever may follow a state does, by what happens to a connection, and nothing else."""
        acts: dict[ConnectionState, Callable[[HTTPConnection], object]] = {
            IDLE: lambda each: (
                each.dataReceived(OK) if each.state is ACTIVE else each.handshakeCompleted()
            ),
            ACTIVE: lambda each: each.send(HEAD, None).addErrback(lambda _: None),
            CLOSING: HTTPConnection.abort,
            CLOSED: HTTPConnection.connectionLost,
        }
        self.assertEqual(set(TRANSITIONS), set(ConnectionState))
        for state, allowed in TRANSITIONS.items():
            for following in allowed:
                with self.subTest(state=state, following=following):
                    connection = self.connection(state)
                    acts[following](connection)
                    self.assertIs(connection.state, following)
            for following in set(ConnectionState) - set(allowed):
                self.assertRaises(RuntimeError, change, state, following)

    def test_one_request_at_a_time(self) -> None:
        """A request can be sent only while none is under way, over what is connected and open."""
        for state in set(ConnectionState) - {IDLE}:
            connection = self.connection(state)
            self.assertRaises(RuntimeError, connection.send, HEAD, None)
            self.assertIs(connection.state, state)

    def test_once_ready(self) -> None:
        """It is ready once, and not after it was aborted."""
        connection = self.connection(IDLE)
        connection.handshakeCompleted()
        self.assertEqual(self.listener.heard, ["ready"])
        connection = self.connection(CONNECTING)
        connection.abort()
        connection.handshakeCompleted()
        connection.connectionLost()
        self.assertEqual(self.listener.heard, ["lost"])
