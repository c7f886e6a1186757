"""
What the kernel says of connections.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txresumable._http.tcp_info import says_state, tcp_info


class Known:
    """
    A socket whose kernel says something.

    :param fields: numbers, by where they are.
    """

    def __init__(self, fields: dict[int, int]) -> None:
        self._fields = fields

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        told = bytearray(size)
        for at, value in self._fields.items():
            length = 8 if at == 120 else 4
            told[at : at + length] = value.to_bytes(length, sys.byteorder)
        return bytes(told)


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

        known: Any = Known({16: 1000, 68: 80_000, 80: 20, 100: 3, 120: 7})
        self.assertEqual(tcp_info(known), (0.08, 20_000, 7, 3))

    def test_an_idle_connection(self) -> None:
        """Its window is halved for each timeout of 0.2 s, but is never less than a first one."""
        for idle, window, left in (
            (0, 80, 80),
            (199, 80, 80),
            (200, 80, 40),
            (399, 80, 40),
            (400, 80, 20),
            (4_000_000_000, 80, 10),
            (4_000_000_000, 4, 4),
        ):
            known: Any = Known({8: 200_000, 16: 1000, 44: idle, 80: window})
            told = tcp_info(known)
            assert told is not None
            self.assertEqual(told.window, left * 1000)
