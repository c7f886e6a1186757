from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from txresumable.receiver import ObjectStore, ReceivedFile
from txresumable.testing import FakeObjects

from .object_store_rig import CONTENT, SIZES, FleetTestCase

OTHER = CONTENT.lower()


class Held(FakeObjects):
    """
    A client of the bucket that holds each question for a chunk back.

    :ivar until: for how long, if at all.
    """

    until: Deferred[None] | None = None

    async def head(self, key: str) -> Any:
        if self.until is not None and key.startswith("u/c/"):
            until: Deferred[None] = Deferred()
            self.until.chainDeferred(until)
            await until
        return await super().head(key)


class FinishedMeanwhileTests(FleetTestCase):
    """
    Chunks are removed once their file is finished: that one is not there does not say that it has
    yet to come.
    """

    def setUp(self) -> None:
        super().setUp()
        self.objects = Held(self.bucket)
        self.one = ObjectStore(self.objects, reactor=self.clock, _sizes=SIZES)
        self.addCleanup(lambda: self.wait(self.one.close()))
        self.two = self.open()

    def finish(self, *numbers: int) -> ReceivedFile:
        """Have another receiver get the rest, finish the file, and remove its chunks."""
        found = [self.wait(self.send(self.two, number)) for number in numbers]
        self.wait(self.two.sweep())
        self.assertEqual(self.names("u/c/"), [])
        file = found[-1]
        assert file is not None
        return file

    def test_stored(self) -> None:
        """Who has stored a chunk, and sees then that another is not there, is told of the end."""
        self.wait(self.send(self.two, 1))
        self.objects.until = held = Deferred()
        sending = self.ended(self.send(self.one, 3), 2.0)
        self.assertNoResult(sending)
        file = self.finish(2)
        self.objects.until = None
        held.callback(None)
        self.assertEqual(self.wait(sending), file)

    def test_held(self) -> None:
        """So is who has asked for a chunk that is known to be there."""
        self.wait(self.send(self.one, 1))

        async def test() -> ReceivedFile | None:
            entry = await self.one.find("", self.chunk())
            assert entry is not None
            with entry:
                self.objects.until = held
                self.assertTrue(await entry.holds(self.chunk()))
                return await entry.finish() if entry.full else None

        held: Deferred[None] = Deferred()
        testing = self.ended(test(), 2.0)
        self.assertNoResult(testing)
        file = self.finish(2, 3)
        self.objects.until = None
        held.callback(None)
        self.assertEqual(self.wait(testing), file)

    def test_stored_anew(self) -> None:
        """What somebody has stored in place of a chunk that was removed does not count."""
        three = self.open()
        for store in (self.one, three):
            self.wait(self.send(store, 1))
        file = self.finish(2, 3)
        self.assertEqual(self.refused(self.send(three, 2, OTHER)).status, 409)
        self.assertEqual(len(self.names("u/c/")), 1)
        self.assertEqual(self.wait(self.send(self.one, 2)), file)


class AbandonedMeanwhileTests(FleetTestCase):
    """Chunks of an upload that was abandoned refuse none of the next one."""

    def test_other_bytes(self) -> None:
        """A chunk that is there with other bytes is no conflict if its upload is no more."""
        one, two, three = self.open(), self.open(), self.open()
        for store in (one, three):
            self.wait(self.send(store, 1))
        self.assertTrue(self.wait(two.abandon("", self.chunk())))
        for store, content in ((three, OTHER), (one, CONTENT)):
            error = self.refused(self.send(store, 2, content))
            self.assertEqual((error.status, error.about), (503, "chunk"))
        self.assertEqual(len(self.names("u/c/")), 1)
        file = self.send_all(one)
        self.assertEqual(self.bucket.objects[file.path].content, CONTENT)

    def test_other_bytes_now(self) -> None:
        """One of an upload that goes on is."""
        one, two = self.open(), self.open()
        self.wait(self.send(one, 1))
        self.wait(self.send(two, 2, OTHER))
        self.assertEqual(self.refused(self.send(one, 2)).status, 409)


class ClosedTests(FleetTestCase):
    """A store that closes finishes nothing any more."""

    def test_finish(self) -> None:
        """Who asks for that is refused, and nothing is left that was not begun."""
        store = self.open()
        entry = self.wait(store.begin("", self.chunk()))
        self.wait(store.close())
        self.assertEqual(self.refused(entry.finish()).status, 503)
        self.assertEqual(self.flushWarnings(), [])
