"""
What may spare work.
"""

from __future__ import annotations

from tests.journal_rig import JournalTestCase
from txresumable.push import Version

VERSION = Version((1 << 64) - 1, 5, 7)


class HintTests(JournalTestCase):
    """Hints."""

    def remember(self, name: str, value: bytes) -> None:
        self.result(self.journal.remember("scans", b"a\xff", VERSION, name, value))

    def hint(
        self, name: str = "digest", version: Version = VERSION, folder: str = "scans"
    ) -> object:
        return self.result(self.journal.hint(folder, b"a\xff", version, name))

    def test_remembers(self) -> None:
        """A value is kept for one version of a file and one name, over restarts; the last one."""
        self.assertIsNone(self.hint())
        self.remember("digest", b"\0old")
        self.remember("digest", b"\0new")
        self.remember("chunks", b"")
        self.restart()
        self.assertEqual((self.hint(), self.hint("chunks")), (b"\0new", b""))
        for version in (
            Version(1, 5, 7),
            Version(VERSION.inode, 6, 7),
            Version(VERSION.inode, 5, 8),
        ):
            self.assertIsNone(self.hint(version=version))
        self.assertIsNone(self.hint(folder="other"))

    def test_forgets(self) -> None:
        """What is older than wanted is forgotten."""
        self.remember("digest", b"x")
        self.clock.advance(10)
        self.remember("chunks", b"y")
        self.assertEqual(self.result(self.journal.forget(10)), 0)
        self.clock.advance(0.1)
        self.assertEqual(self.result(self.journal.forget(10)), 1)
        self.assertEqual((self.hint(), self.hint("chunks")), (None, b"y"))
