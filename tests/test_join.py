"""
Tests for ``join()``, and for the failures it reports.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txresumable import (
    ChunkRejected,
    FileRejected,
    Resumable,
    UploaderClosed,
)
from txresumable._engine.join import MOST, Join
from txresumable._engine.turn import Turn
from txresumable.uploader import engine_of

from .uploader_rig import UploaderTestCase


class Rest:
    """
    Everything else, which ``join()`` waits for.
    """

    def __init__(self) -> None:
        self.is_done = True
        self.cancelled = 0

    def cancel_all(self) -> None:
        self.cancelled += 1


class FailureTests(SynchronousTestCase):
    """
    The failures that are reported.
    """

    def setUp(self) -> None:
        self.rest, self.clock, self.turn = Rest(), Clock(), Turn()
        self.join = Join(self.rest, self.clock, self.turn)

    def wait(self) -> Deferred[None]:
        """What ``join()`` returns."""
        joined = self.join.wait()
        self.turn.run()
        return joined

    def test_forgotten(self) -> None:
        """A failure is reported, and what is tried again is not."""
        self.join.failed("a", Failure(KeyError()), Deferred())
        self.join.forget("a")
        self.assertIsNone(self.successResultOf(self.wait()))
        self.join.failed("a", Failure(KeyError()), Deferred())
        self.failureResultOf(self.wait(), KeyError)
        self.assertEqual(self.rest.cancelled, 2)

    def test_as_many_as_are_remembered(self) -> None:
        """Of those that are not handled, the last that is remembered is reported, too."""
        for handled, reported in ((MOST - 1, True), (MOST, False)):
            for number in range(handled):
                self.join.failed(number, Failure(ValueError()), succeed(None))
            self.join.failed("last", Failure(KeyError()), Deferred())
            joined = self.wait()
            if reported:
                self.failureResultOf(joined, KeyError)
            else:
                self.assertIsNone(self.successResultOf(joined))

    def test_within_a_call(self) -> None:
        """What fails within a call is reported in the reactor's next iteration, once."""
        self.rest.is_done = False
        joined = self.wait()
        for what in "ab":
            self.join.within_call(self.join.failed, what, Failure(KeyError()), Deferred())
        [call] = self.clock.getDelayedCalls()
        self.assertEqual(call.getTime(), self.clock.seconds())
        self.join.check()
        self.assertNoResult(joined)
        self.clock.advance(0)
        self.failureResultOf(joined, KeyError)


class JoinTests(UploaderTestCase):
    """
    Waiting for all.
    """

    def test_a_folder_counts(self) -> None:
        """While a folder is looked through, all is not done."""
        top = self.mktemp()
        os.mkdir(top)
        uploader = self.uploader()
        walking: Deferred[Any] = Deferred()
        engine_of(uploader).completion.arriving.append(walking)
        joined = uploader.join()
        self.assertNoResult(joined)
        engine_of(uploader).completion.arriving.remove(walking)
        self.assertEqual(self.successResultOf(uploader.add_directory(top)), [])
        self.assertIsNone(self.successResultOf(joined))

    def test_the_first_of_several(self) -> None:
        """Of the failures before, join() fails with the first, and forgets them all."""
        uploader = self.uploader(test_chunks=False)
        for name in "ab":
            uploader.add_file(b"x", file_name=name)
        for status in (404, 415):
            self.client.respond(status)
        error = self.failureResultOf(uploader.join(), ChunkRejected).value
        self.assertEqual(error.status, 404)
        self.assertIsNone(self.successResultOf(uploader.join()))

    def test_handled_as_soon_as_it_is_there(self) -> None:
        """What a call returns that failed already may be handled before join() reports it."""
        for most in (2, None):
            missing = self.mktemp()
            uploader = self.uploader(test_chunks=False, max_files=most)
            upload = uploader.add_file(b"x", file_name="a")
            joined = uploader.join()
            for each in uploader.add_files([missing] * 2):
                self.failureResultOf(each)
            self.clock.advance(0)
            self.assertNoResult(joined)
            self.client.respond(200)
            self.successResultOf(upload)
            self.assertIsNone(self.successResultOf(joined))

    def test_nobody_handles_it(self) -> None:
        """What nobody has handled when the reactor goes on fails join(), and cancels the rest."""
        for most in (2, None):
            uploader = self.uploader(test_chunks=False, max_files=most)
            upload = uploader.add_file(b"x", file_name="a")
            joined = uploader.join()
            refused = uploader.add_files([self.mktemp(), self.mktemp()])
            self.failureResultOf(refused[0])
            self.assertNoResult(joined)
            self.clock.advance(0)
            self.failureResultOf(joined, FileRejected if most else FileNotFoundError)
            self.assert_cancelled(upload)
            self.assertEqual(self.flushLoggedErrors(), [])

    def test_all_ends_before_it_is_known(self) -> None:
        """Whether that failure is handled is waited for, though nothing else is left to do."""
        for handled in (False, True):
            uploader = self.uploader(test_chunks=False)
            uploader.add_file(b"x", file_name="a")
            joined = uploader.join()
            refused = uploader.add_file(self.mktemp())
            self.client.respond(200)
            self.assertNoResult(joined)
            if handled:
                self.failureResultOf(refused, FileNotFoundError)
            self.clock.advance(0)
            if handled:
                self.assertIsNone(self.successResultOf(joined))
            else:
                self.failureResultOf(joined, FileNotFoundError)

    def test_awaited_one_after_the_other(self) -> None:
        """A failure that a coroutine caught is handled, whether it came before that or then."""
        caught: list[BaseException] = []

        async def main() -> None:
            async with self.uploader(test_chunks=False) as uploader:
                uploads = [uploader.add_file(b"x", file_name=name) for name in "ab"]
                for upload in reversed(uploads):
                    try:
                        await upload
                    except ChunkRejected as error:
                        caught.append(error)

        running = Deferred.fromCoroutine(main())
        self.client.respond(404)
        self.client.respond(415)
        self.assertIsNone(self.successResultOf(running))
        self.assertEqual([error.status for error in caught], [415, 404])

    def test_awaited_within_the_call(self) -> None:
        """So is one that came as the call returned it, while join() waits."""

        async def main(uploader: Resumable) -> None:
            for upload in uploader.add_files([self.mktemp(), self.mktemp()]):
                with self.assertRaises(FileNotFoundError):
                    await upload

        uploader = self.uploader(test_chunks=False)
        uploader.add_file(b"x", file_name="a")
        joined = uploader.join()
        self.assertIsNone(self.successResultOf(Deferred.fromCoroutine(main(uploader))))
        self.clock.advance(0)
        self.client.respond(200)
        self.assertIsNone(self.successResultOf(joined))

    def test_tried_again_in_vain(self) -> None:
        """Of a second try nobody has a handle: join() reports it, and so it does once."""
        uploader = self.uploader(test_chunks=False)
        upload = uploader.add_file(b"x", file_name="a")
        self.client.respond(404)
        self.failureResultOf(upload, ChunkRejected)
        upload.file.retry()
        self.client.respond(415)
        self.assertEqual(self.failureResultOf(uploader.join(), ChunkRejected).value.status, 415)
        self.assertIsNone(self.successResultOf(uploader.join()))

    def test_left(self) -> None:
        """Nothing can be added to an uploader that was left."""

        async def main() -> Resumable:
            async with self.uploader(self.receiver) as uploader:
                uploader.add_file(b"x", file_name="a")
            return uploader

        uploader = self.successResultOf(Deferred.fromCoroutine(main()))
        self.assertRaises(UploaderClosed, uploader.add_file, b"x", file_name="b")

    def test_leaving_by_an_exception(self) -> None:
        """What leaves the context is what was raised in it, at once, and all is cancelled."""
        uploads: list[Any] = []

        async def main() -> None:
            async with self.uploader() as uploader:
                uploads.append(uploader.add_file(b"x", file_name="a"))
                raise KeyError("mine")

        self.failureResultOf(Deferred.fromCoroutine(main()), KeyError)
        self.assert_cancelled(*uploads)
