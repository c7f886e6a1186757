"""Tests for what a connection of the receiver is doing."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.receiver_rig import ClientFile, ReceiverTestCase, Thread
from txresumable.receiver.web import pace
from txresumable.receiver.web.phase import TRANSITIONS, Phase, advance

FILE = ClientFile(bytes(range(65, 90)))
TEST = FILE.test(1)
REFUSED = FILE.upload(1, expect="100-continue", origin="https://evil.example")
ALLOWED = {(phase, following) for phase in Phase for following in TRANSITIONS[phase]}


class TableTests(SynchronousTestCase):
    """The table is kept to."""

    def test_walk(self) -> None:
        """A phase that can follow does, and any other raises."""
        for phase in Phase:
            for following in Phase:
                if (phase, following) in ALLOWED:
                    self.assertIs(advance(phase, following), following)
                else:
                    self.assertRaises(RuntimeError, advance, phase, following)


class ConnectionTests(ReceiverTestCase):
    """Connections pass through what the table says."""

    def setUp(self) -> None:
        super().setUp()
        self.seen: set[tuple[Phase, Phase]] = set()

        def recording(phase: Phase, following: Phase) -> Phase:
            self.seen.add((phase, following))
            return advance(phase, following)

        self.patch(pace, "advance", recording)
        self.thread = Thread()
        self.start(run=self.thread.run)
        self.addCleanup(self.thread.work)

    def test_each(self) -> None:
        """Every one of its transitions happens."""
        for pieces in (1, 65536):
            wire = self.connect().send(TEST, pieces)
            self.thread.work()
            wire.send(b"\r").send(b"\n").end()
            self.connect().send(REFUSED, pieces)
        self.connect().send(TEST[:9]).end()
        self.connect().send(TEST).protocol.loseConnection()
        self.assertEqual(self.seen, ALLOWED)
