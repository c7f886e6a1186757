"""
Tests for changes of files, one after the other.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred

from tests.push_rig import PushTestCase
from txresumable.push import Entry, PushService, PushState


class ChangesTests(PushTestCase):
    """Who waits gets each file in its new state."""

    def setUp(self) -> None:
        super().setUp()
        self.seen: list[str] = []

    def listen(self, service: PushService, until: int = 0) -> Deferred[None]:
        """Note what is reported."""

        async def listen() -> None:
            with service.changes() as changes:
                async for entry in changes:
                    self.seen.append(f"{entry.name} {entry.state.value}")
                    if len(self.seen) == until:
                        break

        return Deferred.fromCoroutine(listen())

    def test_each(self) -> None:
        """A file comes with each state that it gets into, as that is durable."""
        self.file("a")
        service = self.service(on_sent=["/bin/sent"])
        listening = self.listen(service)
        service.startService()
        states = ["seen", "queued", "uploading", "stored", "hook"]
        self.assertEqual(self.seen[-3:], [f"a {state}" for state in states[-3:]])
        self.clock.hooks[0].end()
        self.assertEqual(self.seen[-2:], ["a moving", "a done"])
        listening.cancel()
        self.failureResultOf(listening, CancelledError)

    def test_slow(self) -> None:
        """Who is slow gets the last state of each file."""
        service = self.service()
        changes = service.changes()
        for name in "ab":
            self.file(name)
        service.startService()
        taken: list[Entry] = []

        async def take() -> None:
            async for entry in changes:
                taken.append(entry)

        changes.close()
        changes.close()
        self.successResultOf(Deferred.fromCoroutine(take()))
        self.assertEqual([each.state for each in taken], [PushState.DONE] * 2)

    def test_ends(self) -> None:
        """It ends when it is left, and when it is closed while somebody waits."""
        service = self.started()
        listening = self.listen(service, until=1)
        self.file("a")
        self.rescan(service)
        self.successResultOf(listening)
        changes = service.changes()
        waiting = Deferred.fromCoroutine(changes.__anext__())
        self.assertNoResult(waiting)
        changes.close()
        self.failureResultOf(waiting, StopAsyncIteration)
