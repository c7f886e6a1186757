"""Tests for the warning of names that not every server keeps apart."""

from __future__ import annotations

from twisted.internet.testing import EventLoggingObserver
from twisted.logger import formatEvent, globalLogPublisher

from txresumable import ChunkRejected, Resumable
from txresumable.service.names import SharedNames

from .uploader_rig import UploaderTestCase

WARNING = (
    "a/x and b/x have the same name: a server that stores files by their names alone keeps one of "
    "them"
)


class SharedNamesTests(UploaderTestCase):
    """
    Two files of one name.
    """

    def setUp(self) -> None:
        super().setUp()
        self.events = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        self.files = self.uploader(test_chunks=False, simultaneous_uploads=1)
        SharedNames(self.files)

    def add(self, *paths: str, uploader: Resumable | None = None) -> None:
        """Add files."""
        for path in paths:
            name = path.rpartition("/")[2]
            (uploader or self.files).add_file(
                path.encode(), file_name=name, relative_path=path
            ).addErrback(lambda failure: failure.trap(ChunkRejected))

    def warnings(self) -> list[str]:
        """What was warned of, but for files that fail."""
        lines = [formatEvent(each) for each in self.events if each["log_level"].name == "warn"]
        return [line for line in lines if "failed" not in line]

    def test_once(self) -> None:
        """It is warned of once, when the first file is complete."""
        self.add("a/x", "b/x", "c/x", "a/y", "b/y")
        self.assertEqual(self.warnings(), [])
        self.client.respond(200)
        self.assertEqual(self.warnings(), [WARNING])
        self.answer_all()
        self.add("c/y")
        self.answer_all()
        self.assertEqual(self.warnings(), [WARNING])

    def test_at_once(self) -> None:
        """When files are complete already, it is warned of before the second one is sent."""
        self.add("a/x", "a/y")
        self.answer_all()
        self.assertEqual(self.warnings(), [])
        self.add("b/x")
        self.assertEqual(self.warnings(), [WARNING])
        self.answer_all()

    def test_other_names(self) -> None:
        """Names that differ are none of that, nor is the same file once more."""
        self.add("a/x", "a/y", "b/z")
        self.answer_all()
        self.add("a/x", "a/y")
        self.answer_all()
        self.assertEqual(self.warnings(), [])

    def test_nothing_complete(self) -> None:
        """Nothing is said if nothing is complete."""
        self.add("a/x", "b/x")
        self.answer_all(404)
        self.assertEqual(self.warnings(), [])

    def test_receiver_like_ours(self) -> None:
        """A receiver that lists chunks, or says the file's digest, keeps files apart."""
        for headers in ({"Resumable-Stored": "1"}, {"Resumable-File-Checksum": "sha256:"}):
            for first, then in ((("a/x", "b/x"), ()), (("a/x",), ("b/x",))):
                uploader = self.uploader(test_chunks=False, simultaneous_uploads=1)
                SharedNames(uploader)
                self.add(*first, uploader=uploader)
                self.client.respond(200, headers=headers)
                self.add(*then, uploader=uploader)
                self.client.respond(200)
        self.assertEqual(self.warnings(), [])
