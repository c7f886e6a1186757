"""
Tests for idle connections, as an agent keeps them.
"""

from __future__ import annotations

from txresumable._http.connection import HTTPConnection
from txresumable._http.state import ACTIVE, CLOSING, IDLE
from txresumable._http.tcp_info import TCPInfo
from txresumable.errors import (
    MalformedResponse,
    StaleConnection,
)

from .http_rig import OK, URL, AgentTestCase


class PoolTests(AgentTestCase):
    """
    Connections that are used again, or not.
    """

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

    def test_the_fastest(self) -> None:
        """Of several the one whose window is largest is used; if none is known, the last one."""
        kept = self.keep(3)
        windows = dict(zip(kept, (4000, 9000, 1000), strict=True))
        self.patch(HTTPConnection, "tcp_info", lambda each: TCPInfo(0.1, windows[each], 0))
        for expected in (kept[1], kept[0], kept[2]):
            self.ask()
            self.assertIs(expected.state, ACTIVE)
            windows[expected] = 0
        self.assertEqual(len(self.endpoint.protocols), 3)

    def test_a_short_round_trip(self) -> None:
        """Near the server the last one is used, and the kernel is asked about no other."""
        kept = self.keep(3)
        windows, looked = dict(zip(kept, (4000, 9000, 1000), strict=True)), []
        round_trip = 0.000999

        def look(connection: HTTPConnection) -> TCPInfo:
            looked.append(connection)
            return TCPInfo(round_trip, windows[connection], 0)

        self.patch(HTTPConnection, "tcp_info", look)
        self.ask()
        self.assertEqual((kept[2].state, looked), (ACTIVE, [kept[2]]))
        round_trip = 0.001
        windows[kept[0]] = 10_000
        self.ask()
        self.assertEqual([each.state for each in kept], [ACTIVE, IDLE, ACTIVE])

    def test_the_last(self) -> None:
        """Without knowing how fast they are, the one is used that was used last."""
        kept = self.keep(3)
        for expected in reversed(kept):
            self.ask()
            self.assertIs(expected.state, ACTIVE)

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

    def test_a_new_one_waits(self) -> None:
        """While a new one waits for its first response, none is kept: a worker may be free then."""
        kept = self.keep(2)
        asked = [self.ask() for _ in range(3)]
        self.reactor.advance(0)
        kept[1].dataReceived(OK)
        self.successResultOf(asked[0])
        self.assertEqual(self.open(kept), [False, True])
        self.clock.advance(0.5)
        self.assertEqual(self.open(kept), [False, True])
        self.clock.advance(0.5)
        self.assertIs(kept[1].state, CLOSING)
        self.assertIs(kept[0].state, ACTIVE)
        self.assertIs(self.endpoint.protocols[2].state, ACTIVE)

    def test_an_old_one_waits(self) -> None:
        """One that was served before has its worker: the others are kept."""
        kept = self.keep(2)
        self.ask()
        self.reactor.advance(0)
        self.clock.advance(0.5)
        self.clock.advance(0.5)
        self.assertEqual(self.open(kept), [True, False])
        self.assertIs(kept[1].state, ACTIVE)

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
