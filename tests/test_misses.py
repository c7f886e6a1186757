"""
Whether asking for chunks helps.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txresumable._engine.misses import SAMPLE, Misses
from txresumable._engine.plan import Plan
from txresumable._protocol.request import FileFacts
from txresumable._protocol.template import Template
from txresumable.options import Options

from .uploader_rig import UploaderTestCase


def plan(chunks: int) -> Plan:
    """That of a file of so many chunks."""
    facts = FileFacts("a", "a", "a", "", 10 * chunks, chunks)
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
        uploader = self.uploader(test_chunks="adaptive")
        uploads = [uploader.add_file(b"x", file_name=str(number)) for number in range(1000)]
        while self.client.waiting:
            self.client.respond(200 if self.client.waiting[0].is_upload else 404)
        for upload in uploads:
            self.successResultOf(upload)
        self.assertEqual(len(self.client.uploads), 1000)
        self.assertTrue(35 <= len(self.client.tests) <= 35 + 3, len(self.client.tests))
