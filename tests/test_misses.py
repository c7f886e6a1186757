"""
Whether asking for chunks helps.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txresumable._engine.misses import CHEAP, SAMPLE, Misses
from txresumable._engine.plan import Plan
from txresumable._protocol.request import FileFacts
from txresumable._protocol.template import Template
from txresumable.options import Options

from .uploader_rig import UploaderTestCase


def plan(chunks: int, size: int = CHEAP + 1) -> Plan:
    """That of a file of so many chunks of a size."""
    facts = FileFacts("a", "a", "a", "", size * chunks, chunks)
    return Plan(Template(Options(target="http://h").encoder, facts))


class MissesTests(SynchronousTestCase):
    """
    Of files of all sizes.
    """

    def setUp(self) -> None:
        self.misses = Misses()

    def miss(self, number: int) -> None:
        """So many small files are absent."""
        for _ in range(number):
            self.misses.count(plan(1), False)

    def asked(self, chunks: int, files: int = 1) -> int:
        """How many tests there are for so many files."""
        plans = [plan(chunks) for _ in range(files)]
        return sum(self.misses.are_few(each, offset) for each in plans for offset in range(chunks))

    def asked_of_cheap(self, chunks: int, files: int) -> int:
        """The same for chunks that are no larger than a question."""
        plans = [plan(chunks, CHEAP) for _ in range(files)]
        return sum(self.misses.are_few(each, offset) for each in plans for offset in range(chunks))

    def test_small_files(self) -> None:
        """After sixteen that are absent, one in fifty is asked for."""
        self.miss(15)
        self.assertEqual(self.asked(1, 100), 100)
        self.miss(1)
        self.assertEqual(self.asked(1, 10 * SAMPLE), 10)

    def test_the_same_each_time(self) -> None:
        """Whether a chunk is asked for is not decided twice."""
        self.miss(16)
        for chunks in (1, 5):
            for each in (plan(chunks) for _ in range(SAMPLE)):
                first = self.misses.are_few(each, 0)
                self.assertEqual([self.misses.are_few(each, 0) for _ in range(9)], [first] * 9)

    def test_files_of_some_chunks(self) -> None:
        """Each file of less than sixteen chunks is asked for one, which need not be the first."""
        self.miss(16)
        self.assertEqual((self.asked(2, 10), self.asked(15, 10)), (10, 10))
        one = plan(3)
        self.assertTrue(self.misses.are_few(one, 2))
        self.assertFalse(self.misses.are_few(one, 0))

    def test_large_files(self) -> None:
        """A file of sixteen chunks or more is asked for by itself."""
        self.miss(100)
        large = plan(16)
        for offset in range(16):
            self.assertTrue(self.misses.are_few(large, offset))
            self.misses.count(large, False)
        self.assertFalse(self.misses.are_few(large, 0))

    def test_cheap(self) -> None:
        """Of files that are as small as a question, one in fifty is asked for after four."""
        self.miss(3)
        self.assertEqual(self.asked_of_cheap(1, 100), 100)
        self.miss(1)
        self.assertEqual(self.asked_of_cheap(1, 100), 2)
        self.assertEqual(self.asked_of_cheap(2, 5), 10)
        self.assertEqual(self.asked(1, 100), 100)

    def test_cheap_chunks(self) -> None:
        """A file of several such chunks is like all others: its chunks may be there."""
        self.miss(4)
        self.assertEqual(self.asked_of_cheap(20, 1), 20)

    def test_cheap_and_found(self) -> None:
        """Once one was found, small chunks are asked for like all others: that spares copies."""
        self.misses.count(plan(1, CHEAP), True)
        self.miss(15)
        self.assertEqual(self.asked_of_cheap(1, 100), 100)
        self.miss(1)
        self.assertEqual(self.asked_of_cheap(1, 100), 2)

    def test_begun_before(self) -> None:
        """What was begun before is asked for by itself: some may be there."""
        self.miss(100)
        for chunks, size in ((1, CHEAP), (1, CHEAP + 1), (15, 10), (40, 10)):
            begun = plan(chunks, size)
            begun.was_begun = True
            for offset in range(min(chunks, 16)):
                self.assertTrue(self.misses.are_few(begun, offset))
                self.misses.count(begun, False)
        self.assertFalse(self.misses.are_few(begun, 16))

    def test_found(self) -> None:
        """A chunk that is found starts anew."""
        self.miss(16)
        self.misses.count(plan(1), True)
        self.assertEqual(self.asked(1, 100), 100)
        self.miss(16)
        self.assertEqual(self.asked(1, 100), 2)


class FolderTests(UploaderTestCase):
    """
    Many small files.
    """

    def test_new_files(self) -> None:
        """Of 1,000 new ones, 35 are asked for, and those under way as the sixteenth is absent."""
        self.assertTrue(35 <= self.asked_of_new(CHEAP + 1, 1000) <= 35 + 3)

    def test_new_tiny_files(self) -> None:
        """Of those that are as small as a question, 4 of 20, and those under way meanwhile."""
        self.assertTrue(4 <= self.asked_of_new(100, 20) <= 4 + 3)

    def test_tiny_files_again(self) -> None:
        """Tiny files that are all there are not sent again."""
        uploader = self.uploader(test_chunks="adaptive")
        uploads = [uploader.add_file(b"x", file_name=str(number)) for number in range(200)]
        while self.client.waiting:
            absent = "no-such-file" in self.client.waiting[0].url
            self.client.respond(404 if absent else 200)
        for upload in uploads:
            self.successResultOf(upload)
        self.assertEqual(self.client.uploads, [])

    def asked_of_new(self, size: int, files: int) -> int:
        """How many tests there are for new files."""
        uploader = self.uploader(test_chunks="adaptive", chunk_size=size)
        uploads = [uploader.add_file(bytes(size), file_name=str(n)) for n in range(files)]
        while self.client.waiting:
            self.client.respond(200 if self.client.waiting[0].is_upload else 404)
        for upload in uploads:
            self.successResultOf(upload)
        self.assertEqual(len(self.client.uploads), files)
        return len(self.client.tests)
