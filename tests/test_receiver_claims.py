"""Tests for which request writes which chunk."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable.receiver.store.claims import Claims


class ClaimsTests(SynchronousTestCase):
    """The chunks that are being written."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.claims = Claims(self.clock)
        self.done: list[str] = []

    def tearDown(self) -> None:
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_each(self) -> None:
        """A chunk is claimed until it is released, which happens once."""
        claim = self.claims.make(3, lambda: self.done.append("released"))
        self.assertIs(self.claims.get(3), claim)
        self.assertIsNone(self.claims.get(2))
        for _ in range(2):
            claim.release()
            self.assertIsNone(self.claims.get(3))
        self.assertEqual(self.done, ["released"])

    def test_newest_first(self) -> None:
        """Of those who wait the newest is notified first, when it is released already."""
        claim = self.claims.make(3, lambda: self.done.append("released"))
        for name in "abc":
            claim.wait().addCallback(
                lambda _, name=name: self.done.append(f"{name} {self.claims.get(3)}")
            )
        self.assertEqual(self.done, [])
        claim.release()
        self.assertEqual(self.done, ["released", "c None", "b None", "a None"])

    def test_stalled(self) -> None:
        """It is cut off when nothing has come for a second while somebody waits."""
        claim = self.claims.make(3, lambda: None)
        claim.cut_off = lambda: self.done.append("cut")
        self.clock.advance(5)
        self.assertEqual(self.done, [])  # nobody waits
        claim.progress()
        self.clock.advance(0.5)
        claim.wait()
        claim.wait()
        self.clock.advance(0.4)
        claim.progress()
        self.clock.advance(0.9)
        self.assertEqual(self.done, [])
        self.clock.advance(0.1)
        self.assertEqual(self.done, ["cut"])
        self.clock.advance(1)
        self.assertEqual(self.done, ["cut"])
        claim.wait()
        self.assertEqual(self.done, ["cut"] * 2)
        claim.release()

    def test_stalled_before(self) -> None:
        """One that has stalled before anybody waits is cut off at once."""
        claim = self.claims.make(3, lambda: None)
        claim.cut_off = claim.release
        self.clock.advance(1)
        self.successResultOf(claim.wait())

    def test_held(self) -> None:
        """While it is not the request that is waited for, it is not cut off."""
        claim = self.claims.make(3, lambda: None)
        claim.cut_off = lambda: self.done.append("cut")
        claim.hold()
        claim.wait()
        self.clock.pump([1] * 10)
        claim.progress()
        self.clock.advance(0.9)
        self.assertEqual(self.done, [])
        self.clock.advance(0.1)
        self.assertEqual(self.done, ["cut"])
        claim.release()
