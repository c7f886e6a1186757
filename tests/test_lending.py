"""
Slots of chunks that wait for a hook or a disk.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from txresumable._source.fileobject import FileObjectSource
from txresumable.file import transfer_of
from txresumable.testing import SentRequest
from txresumable.uploader import engine_of

from .uploader_rig import UploaderTestCase

PATIENCE = 1.0


class SlowFile(BytesIO):
    """What has to be read in a thread."""


def hanging(read: Callable[..., Any]) -> Callable[..., Any]:
    """Read, but not from file objects: that never ends."""
    return lambda source, *args: (
        Deferred() if isinstance(source, FileObjectSource) else read(source, *args)
    )


class LendingTests(UploaderTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.hooks: list[Deferred[Any]] = []

    def headers(self, file: Any, chunk: Any) -> Any:
        """A hook that takes its time for some files."""
        if file.file_name != "slow":
            return {}
        self.hooks.append(Deferred())
        return self.hooks[-1]

    def start(self, slots: int, chunks: int = 5, **options: Any) -> tuple[Any, Any, Any]:
        """Upload a file whose hook takes its time, and another one."""
        options = {"headers": self.headers, "test_chunks": False, **options}
        uploader = self.uploader(simultaneous_uploads=slots, **options)
        content = b"x" * 10 * chunks
        slow = uploader.add_file(content, file_name="slow")
        return uploader, slow, uploader.add_file(content, file_name="other")

    @property
    def names(self) -> list[str]:
        """Whose requests wait for an answer."""
        return [self.name_of(request) for request in self.client.waiting]

    @staticmethod
    def name_of(request: SentRequest) -> str:
        return request.parameters["resumableFilename"]

    def test_hooks_that_never_end(self) -> None:
        """Whichever hook does not end for one file, another one is uploaded."""
        for option in ("preprocess", "headers", "query", "target", "test_target"):

            def hook(about: Any, *_: Any, option: str = option) -> Any:
                slow = "=slow" in "".join(about) if "target" in option else "slow" in repr(about)
                if slow:
                    return Deferred()
                return "http://a.example/?" + "&".join(about) if "target" in option else {}

            uploader = self.uploader(self.receiver, **{option: hook})
            slow = uploader.add_file(b"x" * 100, file_name="slow")
            other = uploader.add_file(b"x" * 100, file_name="other")
            self.clock.advance(PATIENCE)
            self.successResultOf(other)
            slow.cancel()
            self.assert_cancelled(slow)

    def test_patience(self) -> None:
        """A slot is kept for a second, and for as long as it takes if the hook ends in time."""
        uploader, *_ = self.start(1)
        self.clock.advance(PATIENCE * 0.9)
        self.assertEqual(self.names, [])
        self.hooks[0].callback({})
        self.clock.advance(PATIENCE)
        self.assertEqual(self.names, ["slow"])
        uploader.cancel()

    def test_goes_on(self) -> None:
        """When the hook ends, its chunk goes before others, as soon as there is a slot."""
        _, slow, other = self.start(1, chunks=2)
        self.clock.advance(PATIENCE)
        self.assertEqual(self.names, ["other"])
        self.hooks[0].callback({})
        self.assertEqual(self.names, ["other"])
        self.client.respond(200)
        self.assertEqual(self.names, ["slow"])
        self.client.respond(200)
        self.hooks[1].callback({})
        self.answer_all()
        self.successResultOf(slow)
        self.successResultOf(other)

    def test_few_of_one_file_wait(self) -> None:
        """Of one file no more chunks wait than there are slots; then it begins the next ones."""
        _, slow, other = self.start(2, chunks=3, last_chunk_alone=False)
        for _ in range(3):
            self.clock.advance(PATIENCE)
        self.assertEqual((len(self.hooks), self.names), (2, ["other"] * 2))
        self.answer_all()
        self.successResultOf(other)
        self.clock.advance(PATIENCE)
        self.assertEqual(len(self.hooks), 2)
        self.hooks[0].callback({})
        self.client.respond(200)
        self.assertEqual(len(self.hooks), 3)
        for hook in self.hooks[1:]:
            hook.callback({})
        self.answer_all()
        self.successResultOf(slow)

    def test_hook_that_fails(self) -> None:
        """A hook that fails late fails its file, and no slot is lost."""
        _, slow, other = self.start(2)
        self.clock.advance(PATIENCE)
        self.hooks[1].errback(ZeroDivisionError())
        self.failureResultOf(slow, ZeroDivisionError)
        self.answer_all()
        self.successResultOf(other)

    def test_stopped(self) -> None:
        """Nothing comes of a chunk that is stopped as it waits for the hook, or for a slot."""
        for ends in (False, True):
            self.hooks = []
            _, slow, other = self.start(1)
            self.clock.advance(PATIENCE)
            if ends:
                self.hooks[0].callback({})
            slow.cancel()
            self.assert_cancelled(slow)
            self.answer_all()
            self.successResultOf(other)

    def test_stopped_and_goes_on(self) -> None:
        """A hook that does not end with its chunk has no slot that it could lend."""

        async def stubborn(file: Any, chunk: Any) -> Any:
            try:
                await Deferred()
            except CancelledError:
                await Deferred()

        uploader = self.uploader(headers=stubborn, test_chunks=False, simultaneous_uploads=1)
        slow = uploader.add_file(b"x", file_name="slow")
        slow.cancel()
        self.assert_cancelled(slow)
        self.clock.advance(PATIENCE)
        self.assert_idle(uploader, self.client)

    def test_paused(self) -> None:
        """It does not go on while the uploader is paused; then it begins anew."""
        uploader, *_ = self.start(1)
        self.clock.advance(PATIENCE)
        self.hooks[0].callback({})
        uploader.pause()
        self.assertEqual((self.names, uploader.chunks_under_way), ([], 0))
        uploader.resume()
        self.assertEqual((self.names, len(self.hooks)), ([], 2))
        uploader.cancel()

    def test_disks_that_hang(self) -> None:
        """Nor does a file whose digest, or the encoding of its chunks, waits for a disk."""
        for options in ({"checksum": "sha256"}, {"chunk_format": "base64"}):
            uploader = self.uploader(self.receiver, **options)
            uploader.pause()
            slow = uploader.add_file(SlowFile(b"x" * 100), file_name="slow")
            lanes = engine_of(uploader)._prefetcher.lanes
            self.patch(lanes, "run", hanging(lanes.run))
            uploader.resume()
            other = uploader.add_file(b"x" * 100, file_name="other")
            self.clock.advance(PATIENCE)
            self.assertNoResult(slow)
            self.successResultOf(other)
            slow.cancel()
            self.assert_cancelled(slow)

    def test_after_a_read_that_hung(self) -> None:
        """As long as a thread hangs in reading a file, no more of it is begun."""
        uploader = self.uploader(test_chunks=False, simultaneous_uploads=1)
        uploader.pause()
        slow = uploader.add_file(b"x" * 30, file_name="slow")
        other = uploader.add_file(b"x" * 10, file_name="other")
        engine_of(uploader)._prefetcher.abandoned[transfer_of(slow).source] = 1
        uploader.resume()
        self.clock.advance(PATIENCE)
        self.assertEqual(self.names, ["other"])
        self.client.respond(200)
        self.successResultOf(other)
        self.assertEqual(self.names, [])
        engine_of(uploader)._prefetcher._returned(transfer_of(slow).source)
        self.answer_all()
        self.successResultOf(slow)
