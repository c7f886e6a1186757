"""
What the kernel says of connections.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txresumable._http.tcp_info import says_state, tcp_info


class TCPInfoTests(SynchronousTestCase):
    """
    Real connections, and what is none.
    """

    def setUp(self) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        self.peer = socket.create_connection(listening.getsockname())
        self.ours, _ = listening.accept()
        listening.close()
        self.addCleanup(self.peer.close)
        self.addCleanup(self.ours.close)

    def test_a_connection(self) -> None:
        """A round trip on loopback is short, and all that has arrived is counted."""
        if not says_state(self.ours):
            self.assertNotEqual(sys.platform, "linux")
            return
        self.ours.sendall(b"x" * 5000)
        left = 5000
        while left:
            left -= len(self.peer.recv(left))
        told = tcp_info(self.ours)
        assert told is not None
        self.assertTrue(0 < told.round_trip < 1, told)
        self.assertTrue(1000 < told.window < 1 << 30, told)
        self.assertLessEqual(told.acknowledged, 5000)
        for _ in range(100_000):  # the peer's kernel takes its time
            told = tcp_info(self.ours)
            assert told is not None
            if told.acknowledged == 5000:
                return
        self.fail("what arrived was not counted")

    def test_closed(self) -> None:
        """Of a connection that is closed nothing is known."""
        self.ours.close()
        self.assertFalse(says_state(self.ours))
        self.assertIsNone(tcp_info(self.ours))

    def test_other_sockets(self) -> None:
        """Nor of what is not TCP, or no socket."""
        one, other = socket.socketpair()
        self.addCleanup(one.close)
        self.addCleanup(other.close)
        for none in (one, None, object()):
            self.assertFalse(says_state(none))

    def test_an_old_kernel(self) -> None:
        """Nor with a kernel that tells less."""

        class Old:
            def getsockopt(self, level: int, option: int, size: int) -> bytes:
                return b"\1" * min(size, 104)

        old: Any = Old()
        self.assertIsNone(tcp_info(old))

    def test_fields(self) -> None:
        """What is where in the kernel's structure."""

        class Known:
            def getsockopt(self, level: int, option: int, size: int) -> bytes:
                fields = bytearray(size)
                for at, length, value in ((16, 4, 1000), (68, 4, 80_000), (80, 4, 20), (120, 8, 7)):
                    fields[at : at + length] = value.to_bytes(length, sys.byteorder)
                return bytes(fields)

        known: Any = Known()
        self.assertEqual(tcp_info(known), (0.08, 20_000, 7))
