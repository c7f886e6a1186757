"""
How fast connections are.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

from twisted.trial.unittest import SynchronousTestCase

from txresumable._http.gauge import Gauge
from txresumable._http.state import ACTIVE, CONNECTING, IDLE, ConnectionState
from txresumable._http.tcp_info import TCPInfo


class FakeConnection:
    """Of which something is known, or nothing."""

    has_body = True
    took = 0.0

    def __init__(self, state: ConnectionState, told: TCPInfo | None = None) -> None:
        self.state = state
        self.sender = Mock(is_written=True, given=1000, began=5.0)
        self._told = told

    def tcp_info(self) -> TCPInfo | None:
        assert self.state is not CONNECTING, "it has no socket yet"
        return self._told


class GaugeTests(SynchronousTestCase):
    """
    Over connections of all kinds.
    """

    def test_several(self) -> None:
        """All that has arrived counts; round trips only of those in use, the longest."""
        connections: Any = [
            FakeConnection(ACTIVE, TCPInfo(0.1, 1, 1000, 3)),
            FakeConnection(ACTIVE, TCPInfo(0.2, 1, 200)),
            FakeConnection(ACTIVE, None),
            FakeConnection(IDLE, TCPInfo(0.3, 1, 30, 4)),
            FakeConnection(CONNECTING, None),
        ]
        gauge = Gauge(connections)
        self.assertEqual((gauge.round_trip(), gauge.acknowledged()), (0.2, 1230))
        self.assertEqual((gauge.round_trips(), gauge.repeated()), ([0.1, 0.2], 7))

    def test_nothing_known(self) -> None:
        """Without connections, or if the kernel says nothing, there is nothing to say."""
        for connections in ([], [FakeConnection(ACTIVE, None)]):
            known: Any = connections
            gauge = Gauge(known)
            self.assertEqual((gauge.round_trip(), gauge.acknowledged()), (None, None))

    def test_requests_that_wait(self) -> None:
        """Those that were written whole, have a body, and are not too large."""
        connections: Any = [FakeConnection(ACTIVE) for _ in range(5)]
        connections += [FakeConnection(IDLE), FakeConnection(CONNECTING)]
        connections[1].sender.is_written = connections[2].has_body = False
        connections[3].sender.given = 1001
        connections[4].sender.began = 7.0
        self.assertEqual(list(Gauge(connections).waiting(1000)), [5.0, 7.0])

    def test_what_requests_took(self) -> None:
        """That of each connection's last request with a body, if it had one."""
        connections: Any = [FakeConnection(state) for state in (ACTIVE, IDLE, CONNECTING)]
        connections[0].took, connections[1].took = 3.0, 4.0
        self.assertEqual(Gauge(connections).took(), [3.0, 4.0])
