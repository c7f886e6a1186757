"""
A file to make sources of.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txresumable._source.factory import make_source
from txresumable._source.source import Source

__all__ = ["CONTENT", "SourceTestCase"]

CONTENT = b"".join(b"%09d\n" % number for number in range(20_000))


class SourceTestCase(SynchronousTestCase):
    """
    Tests with a file at :attr:`path` that has :data:`CONTENT`.
    """

    def setUp(self) -> None:
        self.path = self.mktemp()
        self.write()

    def write(self) -> None:
        """Write a new file, or over the old one."""
        with open(self.path, "wb") as file:
            file.write(CONTENT)

    def opened(self, path: str | None = None) -> int:
        """How many descriptors of a file are open."""
        path = os.path.realpath(path or self.path)
        links = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
        return sum(os.path.realpath(link) == path for link in links)

    def source(self, what: Any, check: str = "strict") -> Source:
        return make_source(what, "name", check)[0]

    def rewrite(self, content: bytes, at: int = 0, times: bool = True) -> None:
        """Write to the file, and put its time of writing back, if not told otherwise."""
        before = os.stat(self.path)
        with open(self.path, "r+b") as file:
            file.seek(at)
            file.write(content)
        if times:
            os.utime(self.path, ns=(before.st_atime_ns, before.st_mtime_ns))
