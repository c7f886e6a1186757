from __future__ import annotations

from twisted.internet.defer import Deferred

from txresumable.receiver import ObjectStore, ReceivedFile, Refused
from txresumable.receiver.objects.state import State
from txresumable.testing import FakeObjects

from .object_store_rig import SIZES, FleetTestCase


class Lasting(FakeObjects):
    """A client of the bucket that takes for ever to remove a file."""

    async def delete(self, key: str) -> None:
        if key.startswith("files/"):
            await Deferred()
        await super().delete(key)


class RejectedTests(FleetTestCase):
    """What the application does not want stays rejected."""

    def test_closed_meanwhile(self) -> None:
        """A store that closes while it removes the file leaves that to the sweep of another."""

        def reject(file: ReceivedFile) -> None:
            raise Refused(422, "no dogs")

        one = ObjectStore(
            Lasting(self.bucket), reactor=self.clock, _sizes=SIZES, on_complete=reject
        )
        two = self.open()
        for number in (1, 2):
            self.wait(self.send(one, number))
        sending = self.ended(self.send(one, 3), 5.0)
        self.assertNoResult(sending)
        self.assertEqual(len(self.names("files/")), 1)
        self.wait(one.close())
        self.failureResultOf(sending, Refused)
        self.assertIs(self.record().state, State.REJECTED)
        self.wait(two.sweep())
        self.assertEqual(self.names("files/"), [])
