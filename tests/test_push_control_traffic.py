"""How much was sent."""

from __future__ import annotations

from tests.control_rig import ControlTestCase
from tests.journal_rig import seen
from txresumable.push import PushState


class TrafficTests(ControlTestCase):
    """Bytes that have got to the target."""

    def transferred(self) -> int:
        """How many it is said to be."""
        number: int = self.ask("GET", "/status").json["transferred"]
        return number

    def test_total(self) -> None:
        """It is what was stored, and the part of what is under way; what fails is lost."""
        self.observe(seen("a", 1000, is_marked=True), seen("b", 600, is_marked=True))
        self.assertEqual(self.transferred(), 0)
        a, b = self.result(self.journal.take("scans", 2))
        self.service.sending = {str(a.id): 0.25, str(b.id): 0.5, "99": 1.0}
        self.assertEqual(self.transferred(), 250 + 300)
        self.service.sending = {str(b.id): 0.5}
        self.result(self.journal.move(a.id, PushState.STORED, PushState.HOOK))
        self.assertEqual(self.transferred(), 1000 + 300)
        self.service.sending = {}
        self.result(self.journal.move(b.id, PushState.WAITING, until=self.now()))
        self.result(self.journal.move(a.id, PushState.MOVING))
        self.assertEqual(self.transferred(), 1000)
