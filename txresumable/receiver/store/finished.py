"""
An upload that has been received.
"""

from __future__ import annotations

from attrs import frozen
from twisted.internet.defer import Deferred

from ..web.parameters import Parameters
from .digest import hash_range
from .folder import Folder
from .received import ReceivedFile
from .record import Done, Record
from .thread import Run
from .writer import ChunkSink, Comparison

__all__ = ["Finished"]


@frozen
class Finished:
    """
    An upload whose file is in its place, or has been taken from there lately.

    :ivar done: what is kept about it.
    :ivar file: the file.
    """

    done: Done
    file: ReceivedFile
    _folder: Folder
    _run: Run

    @property
    def record(self) -> Record:
        """What it was."""
        return self.done.record

    @property
    def full(self) -> bool:
        """True."""
        return True

    def ranges(self) -> str:
        """All of them."""
        count = self.record.layout.count
        return f"1-{count}" if count > 1 else "1"

    async def holds(self, given: Parameters) -> bool:
        """Whether the digest is right, if one is asked for and the file is still there."""
        if not given.checksum:
            return True
        return await self._run(self._read, given) in ("", given.checksum)

    def claim(self, given: Parameters) -> ChunkSink:
        """A comparison with what is there."""
        return Comparison(given, lambda: self._run(self._read, given))

    def conclude(self) -> Deferred[ReceivedFile]:
        """Fire with the file."""
        done: Deferred[ReceivedFile] = Deferred()
        done.callback(self.file)
        return done

    def _read(self, given: Parameters) -> str:
        fd = self._folder.open_finished(self.done)
        if fd is None:
            return ""
        with self._folder.disk.opened(fd):
            return hash_range(self._folder.disk, fd, *given.layout.range(given.offset))
