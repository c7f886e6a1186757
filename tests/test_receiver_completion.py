"""Tests for those who want to hear of received files."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import LogLevel

from tests.receiver_rig import ClientFile, FaultyDisk, ReceiverTestCase, Thread, fail_once
from txresumable.receiver import ReceivedFile

CONTENT = bytes(range(65, 100))


class CompletionTests(ReceiverTestCase):
    """on_complete."""

    def setUp(self) -> None:
        super().setUp()
        self.file = ClientFile(CONTENT, chunk_size=100)
        self.pending: list[Deferred[None]] = []
        self.cancelled: list[Deferred[None]] = []

    def later(self, file: ReceivedFile) -> Deferred[None]:
        """Take some time."""
        self.received.append(file)
        self.pending.append(Deferred(self.cancelled.append))
        return self.pending[-1]

    def test_whatever_it_raises(self) -> None:
        """Whatever it raises, now or later, is logged, and the file is received."""

        async def fails(error: BaseException) -> None:
            raise error

        for error in (ValueError(), asyncio.CancelledError(), KeyboardInterrupt(), SystemExit()):
            for late in (False, True):

                def observe(
                    file: ReceivedFile, error: BaseException = error, late: bool = late
                ) -> Awaitable[object]:
                    if late:
                        return fails(error)
                    raise error

                self.root = self.mktemp()
                self.start(on_complete=observe)
                self.assertEqual(self.ask(self.file.upload(1)).content["status"], "complete")
                self.assertEqual(len(self.flushLoggedErrors(type(error))), 1)
                self.assertEqual(self.ask(self.file.test(1)).content["status"], "complete")
                self.successResultOf(self.store.close())

    def test_takes_too_long(self) -> None:
        """It is waited for, but not for ever; what it does goes on."""
        self.start(on_complete=self.later, on_complete_timeout=30)
        wire = self.connect().send(self.file.upload(1))
        self.clock.advance(29)
        self.assertEqual(wire.responses(), [])
        logged = self.log()
        self.clock.advance(1)
        path = os.path.join(os.path.abspath(self.root), "file.dat")
        self.assertEqual(
            logged()[0], (LogLevel.error, f"on_complete has taken 30 seconds for {path}")
        )
        self.assertEqual(wire.response().content["status"], "complete")
        self.assertEqual(self.private(), ["done"])
        self.pending[0].errback(ValueError())
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_in_time(self) -> None:
        """One that ends in time leaves nothing to happen."""
        self.start(on_complete=self.later)
        wire = self.connect().send(self.file.upload(1))
        self.pending[0].callback(None)
        self.assertEqual(wire.response().content["status"], "complete")

    def test_does_not_hold_up_recovery(self) -> None:
        """While it takes its time for one file, others that a crash left complete are finished."""
        disk = FaultyDisk()
        self.start(disk=disk)
        for name in "abc":
            disk.link = fail_once(disk.link, OSError(5, "broken"))  # type: ignore[method-assign]
            self.ask(ClientFile(CONTENT, name, name, chunk_size=100).upload(1))
        self.flushLoggedErrors(OSError)
        self.successResultOf(self.store.close())
        self.assertEqual(self.finished(), {})
        self.start(on_complete=self.later)
        recovered = self.store.recover()
        self.assertEqual(sorted(self.finished()), ["a", "b", "c"])
        self.assertNoResult(recovered)
        self.clock.advance(300)
        self.successResultOf(recovered)

    def test_does_not_hold_up_the_end(self) -> None:
        """When the store is closed it is cancelled, and is called again after the next start."""
        self.start(on_complete=self.later)
        wire = self.connect().send(self.file.upload(1))
        logged = self.log()
        self.successResultOf(self.store.close())
        path = os.path.join(os.path.abspath(self.root), "file.dat")
        self.assertEqual(logged()[0], (LogLevel.info, f"on_complete was cancelled for {path}"))
        self.assertEqual(self.cancelled, self.pending)
        self.assertEqual(wire.response().status, 503)
        self.hang_up()
        self.start()
        self.successResultOf(self.store.recover())
        self.assertEqual(self.finished(), {"file.dat": CONTENT})
        self.assertEqual(len(self.received), 2)
        self.assertEqual(self.ask(self.file.test(1)).content["status"], "complete")

    def test_not_called_any_more(self) -> None:
        """A store that closes before that does not call it, and after the next start it does."""
        calls = set()
        for steps in range(8):
            self.root, self.received, thread = self.mktemp(), [], Thread()
            self.start(on_complete=self.later, run=thread.run)
            self.connect().send(self.file.upload(1))
            thread.work(steps)
            before = len(self.received)
            closing = self.store.close()
            thread.work()
            self.successResultOf(closing)
            self.assertEqual(len(self.received), before)
            self.hang_up()
            self.start()
            self.ask(self.file.upload(1))
            self.assertEqual(self.finished(), {"file.dat": CONTENT})
            self.assertEqual(len(self.received), before + 1)
            self.successResultOf(self.store.close())
            calls.add(before)
        self.assertEqual(calls, {0, 1})

    def test_cancelling_is_ignored(self) -> None:
        """One that ignores being cancelled does not hold up the end either."""
        forever: Deferred[None] = Deferred()

        async def stubborn(file: ReceivedFile) -> Any:
            try:
                await Deferred()
            except CancelledError:
                await forever

        self.start(on_complete=stubborn)
        self.connect().send(self.file.upload(1))
        self.successResultOf(self.store.close())
        forever.callback(None)
