"""Tests for the threads in which the store does what blocks."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from txresumable._protocol.layout import ChunkLayout
from txresumable.receiver import Store
from txresumable.receiver.store.chunk import Chunk

from .receiver_rig import QuickDisk
from .reentrancy.reactor import SplitReactor


class CrowdedReactor(SplitReactor):
    """
    A reactor in a process that may have no more threads.

    :ivar is_full: whether none can be started.
    """

    is_full = False

    def callInThreadWithCallback(self, *args: Any, **kwargs: Any) -> None:
        """Do something in a thread, if there is one."""
        if self.is_full:
            raise RuntimeError("can't start new thread")
        super().callInThreadWithCallback(*args, **kwargs)


class NoThreadTests(SynchronousTestCase):
    """No thread can be started for a while."""

    def setUp(self) -> None:
        self.reactor = CrowdedReactor()
        self.store = Store(self.mktemp(), reactor=self.reactor, _disk=QuickDisk())

    def tearDown(self) -> None:
        closed = self.store.close()
        self.reactor.let_all_arrive()
        self.successResultOf(closed)

    def send(self, offset: int, *, is_full: bool) -> Deferred[None]:
        """Send one chunk of two, which is made durable when there may be no thread for that."""
        layout = ChunkLayout(8, 4, False)
        chunk = Chunk(identifier="x", offset=offset, layout=layout, file_name="x")

        async def send() -> None:
            with await self.store.begin("", chunk) as entry:
                sink = await entry.claim(chunk)
                sink.write(b"abcd")
                self.reactor.is_full = is_full
                await sink.commit()

        sent = Deferred.fromCoroutine(send())
        self.reactor.let_all_arrive()
        self.reactor.is_full = False
        return sent

    def test_not_durable(self) -> None:
        """A chunk that cannot be made durable fails, and is stored when it comes again."""
        self.successResultOf(self.send(0, is_full=False))
        self.failureResultOf(self.send(1, is_full=True), OSError)
        self.successResultOf(self.send(1, is_full=False))

    def test_not_begun(self) -> None:
        """An upload that cannot be begun fails likewise."""
        self.reactor.is_full = True
        self.failureResultOf(self.send(0, is_full=True), OSError)
        self.successResultOf(self.send(0, is_full=False))
