"""
How fast connections are.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txresumable._http.gauge import Gauge
from txresumable._http.state import ACTIVE, CONNECTING, IDLE, ConnectionState
from txresumable._http.tcp_info import TCPInfo


class FakeConnection:
    """Of which something is known, or nothing."""

    def __init__(self, state: ConnectionState, told: TCPInfo | None) -> None:
        self.state = state
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
            FakeConnection(ACTIVE, TCPInfo(0.1, 1, 1000)),
            FakeConnection(ACTIVE, TCPInfo(0.2, 1, 200)),
            FakeConnection(ACTIVE, None),
            FakeConnection(IDLE, TCPInfo(0.3, 1, 30)),
            FakeConnection(CONNECTING, None),
        ]
        gauge = Gauge(connections)
        self.assertEqual((gauge.round_trip(), gauge.acknowledged()), (0.2, 1230))

    def test_nothing_known(self) -> None:
        """Without connections, or if the kernel says nothing, there is nothing to say."""
        for connections in ([], [FakeConnection(ACTIVE, None)]):
            known: Any = connections
            gauge = Gauge(known)
            self.assertEqual((gauge.round_trip(), gauge.acknowledged()), (None, None))
