"""
The small files that a server is examined with.
"""

from __future__ import annotations

from random import Random
from secrets import token_hex

from attrs import field, frozen

from .._protocol.layout import ChunkLayout
from .._protocol.request import FileFacts

__all__ = ["CHUNK", "PREFIX", "REST", "Specimen", "Specimens"]

PREFIX = "txresumable-doctor-"
CHUNK = 16 * 1024
"""
Bytes of a chunk.  To see whether a file is complete, there are servers that sum up the sizes of a
folder's entries, the folder's own of some KiB included.
"""

REST = CHUNK // 2
"""Bytes of what is left when a file is divided into chunks."""


@frozen
class Specimen:
    """
    A file that is made up.

    :ivar name: its identifier; its file name has an extension as well.
    :ivar layout: its chunks.
    :ivar folder: the folder that it is in, or nothing.
    """

    name: str
    layout: ChunkLayout
    folder: str = ""

    @property
    def file_name(self) -> str:
        """Its name, without folders."""
        return f"{self.name}.bin"

    @property
    def facts(self) -> FileFacts:
        """What requests state about it."""
        path = f"{self.folder}/{self.file_name}" if self.folder else self.file_name
        layout, kind = self.layout, "application/octet-stream"
        return FileFacts(self.file_name, path, self.name, kind, layout.size, layout.count)

    def chunk(self, number: int) -> bytes:
        """
        The content of a chunk.

        :param number: counted from 1.
        """
        start, end = self.layout.range(number - 1)
        return Random(f"{self.name} {number}").randbytes(end - start)


@frozen
class Specimens:
    """
    Makes specimens, each with a name of its own.

    :ivar token: what all names have in common.
    :ivar made: those that were made.
    """

    token: str = field(factory=lambda: token_hex(4))
    made: list[Specimen] = field(factory=list)

    def make(
        self, size: int, *, chunk_size: int = CHUNK, force: bool = False, folder: str = ""
    ) -> Specimen:
        """
        Make a file.

        :param size: in bytes.
        :param chunk_size: in bytes.
        :param force: whether the remainder is a chunk of its own.
        :param folder: the folder that it is in.
        """
        name = f"{PREFIX}{self.token}-{len(self.made):03}"
        made = Specimen(name, ChunkLayout(size, chunk_size, force), folder)
        self.made.append(made)
        return made

    def make_with_rest(self, chunks: int, force: bool) -> Specimen:
        """
        Make a file that is no multiple of a chunk.

        :param chunks: how many it has.
        :param force: whether the remainder is a chunk of its own.
        """
        return self.make((chunks - force) * CHUNK + REST, force=force)
