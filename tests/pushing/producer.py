"""
Who puts files into watched folders: in every way in which that is done.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from attrs import define, field
from twisted.internet.task import deferLater

from .content import content_of, digest_of

__all__ = ["KINDS", "Producer"]

KINDS = ("whole", "growing", "renamed", "replaced", "rewritten", "whole", "renamed", "folder")
PAUSE = 0.15
"""Seconds between two parts of a file that grows; far less than it takes to settle."""
LONG = 15
"""How many times longer files are that are replaced or written over, so as to be so under way."""
NAMES = (
    b"%d.dat",
    b"line\nbreak-%d",
    b"\xff\xfe-%d",
    b"blank %d ",
    b"<b>%d<b>&amp;",
    b"\xc3\xa4-%d.dcm",
    b"-rf-%d",
    b"$(echo %d)",
)


@define
class Producer:
    """
    Puts files into folders.

    :ivar folders: the folders.
    :ivar aside: where files are prepared, on the same file system.
    :ivar final: the digest of what each file was at last, by its number.
    :ivar passing: digests of what it was before.
    :ivar kinds: how many files of each kind there were.
    """

    reactor: Any
    random: Random
    folders: list[Path]
    aside: Path
    longest: int
    final: dict[int, str] = field(factory=dict)
    passing: set[str] = field(factory=set)
    kinds: dict[str, int] = field(factory=dict)

    async def produce(self, number: int) -> None:
        """Put a file somewhere, in some way.  It is complete when this has ended."""
        kind = KINDS[number % len(KINDS)]
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        name = NAMES[self.random.randrange(len(NAMES))] % number
        folder = os.fsencode(self.folders[number % len(self.folders)])
        if kind == "folder":
            folder = os.path.join(folder, b"sub\n%d" % (number % 7), b"%d" % (number % 3))
            os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, name)
        make: Callable[[int, bytes], Any] = getattr(self, f"_{kind}")
        await make(number, path)

    def _content(self, number: int, version: int, *, is_last: bool, is_long: bool = False) -> bytes:
        size = self.random.randrange(self.longest) * (LONG if is_long else 1)
        content = content_of(number, version, size)
        if is_last:
            self.final[number] = digest_of(content)
        else:
            self.passing.add(digest_of(content))
        return content

    async def _pause(self, seconds: float) -> None:
        await deferLater(self.reactor, seconds)

    async def _whole(self, number: int, path: bytes) -> None:
        _write(path, self._content(number, 1, is_last=True))

    async def _folder(self, number: int, path: bytes) -> None:
        await self._whole(number, path)

    async def _growing(self, number: int, path: bytes) -> None:
        content = self._content(number, 1, is_last=True)
        parts = 6
        size = len(content) // parts + 1
        for start in range(0, len(content), size):
            with open(path, "ab") as file:
                file.write(content[start : start + size])
            await self._pause(PAUSE)

    async def _renamed(self, number: int, path: bytes) -> None:
        self._move_in(number, 1, path, is_last=True)

    async def _replaced(self, number: int, path: bytes) -> None:
        """Another file takes its place while it may be under way."""
        self._move_in(number, 1, path, is_last=False)
        await self._pause(self.random.uniform(0.7, 2.5))
        self._move_in(number, 2, path, is_last=True)

    async def _rewritten(self, number: int, path: bytes) -> None:
        """It is written over, in its place, while it may be under way."""
        first = self._content(number, 1, is_last=False, is_long=True)
        _write(path, first)
        await self._pause(self.random.uniform(0.7, 2.5))
        second = content_of(number, 2, len(first))[: len(first)]
        self.final[number] = digest_of(second)
        try:
            with open(path, "r+b") as file:
                file.write(second)
        except FileNotFoundError:  # it was sent, and is not here any more
            _write(path, second)

    def _move_in(self, number: int, version: int, path: bytes, *, is_last: bool) -> None:
        draft = self.aside / str(number)
        is_long = not is_last
        draft.write_bytes(self._content(number, version, is_last=is_last, is_long=is_long))
        os.rename(draft, path)


def _write(path: bytes, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
