"""
The open files of an upload that is being received.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from attrs import define, field

from ..._protocol.layout import ChunkLayout
from .descriptor import Descriptor
from .present import Present
from .record import ABSENT, DURABLE, Record, encode_time
from .refused import FilesRemoved, Refused
from .unwritten import Unwritten

__all__ = ["UploadFiles"]


@define(eq=False)
class UploadFiles:
    """
    An unfinished upload with its files open.

    :ivar key: its name in the private folder.
    :ivar record: what it is.
    :ivar data: its bytes.
    :ivar chunks: its record.
    :ivar present: the chunks that are durable.
    :ivar start: where those bytes begin in the record.
    :ivar unsure: chunks that may be durable in the record on the disk although they are not
        present; empty except after a failure of the disk.
    :ivar mtime: when the file was last written to, in nanoseconds, as was noted when it got its
        name: from then on others can change it.
    :ivar size: how many bytes it had then.
    """

    key: str
    record: Record
    data: Descriptor
    chunks: Descriptor
    present: Present
    start: int
    unsure: set[int] = field(factory=set)
    mtime: int | None = None
    size: int = field(init=False)
    _may_change: bool = field(default=False, init=False)
    _noted: int | None = field(default=None, init=False)
    _layout: ChunkLayout = field(init=False)

    @size.default
    def _whole_size(self) -> int:
        return self.record.size

    @_layout.default
    def _make_layout(self) -> ChunkLayout:
        return self.record.layout

    @property
    def missing_size(self) -> int:
        """How many bytes are not durable."""
        return self.present.missing_size(self._layout)

    @property
    def full(self) -> bool:
        """Whether all chunks are durable."""
        return self.present.first_missing == self.present.count

    def durable_size(self) -> int:
        """How many bytes of the beginning are durable."""
        layout, missing = self._layout, self.present.first_missing
        return layout.size if missing == layout.count else layout.range(missing)[0]

    def ranges(self) -> str:
        """The durable chunks, counted from 1, as ``1-57,60``."""
        return self.present.ranges()

    def mark_durable(self, offsets: Sequence[int]) -> int:
        """
        Chunks are durable.

        :returns: how many bytes they have.
        """
        size = 0
        for offset in offsets:
            self.present.add(offset)
            start, end = self._layout.range(offset)
            size += end - start
        return size

    def close(self) -> None:
        """Close the files."""
        self.data.close()
        self.chunks.close()

    @property
    def changed(self) -> bool:
        """Whether somebody has changed the file since it got its name."""
        return self.mtime is not None and self._found() != (self.size, self.mtime)

    def check(self) -> None:
        """
        Look whether the bytes of an upload are still there; this does not block.

        :raises FilesRemoved: if somebody has removed them.
        """
        if not self.data.status().st_nlink:
            raise FilesRemoved.by_somebody()

    def check_unchanged(self) -> None:
        """
        Look whether they are as they were when the file got its name, if it has.

        :raises Refused: with 503 if somebody has changed them.
        """
        if self.changed:
            raise Refused(503, "the file was changed in its place", 1, about="upload")

    def write(self, unwritten: Unwritten) -> None:
        """
        Write some bytes.

        :raises OSError: if they cannot be written.
        """
        unwritten.write_to(self.data)

    @property
    def has_durable_time(self) -> bool:
        """Whether the time of the last write is as durable as what was written."""
        return self._noted is not None

    def commit(
        self, chunks: Mapping[int, Unwritten], may_change: bool = True
    ) -> Mapping[int, OSError]:
        """
        Write what is left of chunks, make them durable, and then the fact that they are.

        The only chunk of a file is the last one, too: when it was written is made durable with
        it, which saves :meth:`note_time` two syncs.

        :param may_change: as :meth:`note_time` has it, if that is known.
        :returns: the chunks that could not be written, which the others do not suffer from.
        :raises OSError: if the disk fails.  What the record says of these chunks is taken back
            before, since they will be written anew; where that fails too they are ``unsure``.
        :raises FilesRemoved: if there are no such files any more.
        """
        if not (self.data.status().st_nlink and self.chunks.status().st_nlink):
            raise FilesRemoved.by_somebody()
        failed = self._write_each(chunks)
        offsets = [offset for offset in chunks if offset not in failed]
        if not offsets:
            return failed
        only = self._layout.count == 1 and not may_change
        if only:
            self.data.sync()
        else:
            self.data.sync_data()
        try:
            if only:
                # In one write, so that there is never a time without the chunk.
                _, self._noted = self._found()
                self.chunks.write(DURABLE + encode_time(self._noted), self.start)
            else:
                for offset in offsets:
                    self.chunks.write(DURABLE, self.start + offset)
            self.chunks.sync_data()
        except BaseException:
            self.unsure.update(offsets)
            with suppress(OSError):
                self.take_back()
            raise
        return failed

    def _write_each(self, chunks: Mapping[int, Unwritten]) -> dict[int, OSError]:
        failed: dict[int, OSError] = {}
        for offset, unwritten in chunks.items():
            try:
                unwritten.write_to(self.data)
            except OSError as error:
                failed[offset] = error
        return failed

    def take_back(self) -> None:
        """
        Let the record say that the chunks that are ``unsure`` are absent.

        After a failed sync nobody knows what is on the disk, and what the system has in its
        memory counts as written; only to write it once more, and to sync, makes it certain.
        """
        absent = ABSENT if self._noted is None else ABSENT + encode_time(0)
        for offset in self.unsure:
            self.chunks.write(absent, self.start + offset)
        self.chunks.sync_data()
        self.unsure.clear()
        self._noted = None

    def note_time(self, may_change: bool) -> None:
        """
        Note when the file was last written to, before it gets its name.

        :param may_change: whether what is done to it until :meth:`note_end` is part of its end;
            otherwise this is noted durably.
        """
        self._may_change = may_change
        if self.mtime is None:
            _, mtime = self._found()
            wanted = None if may_change else mtime
            if wanted != self._noted:
                end = self.start + self._layout.count
                self.chunks.write(encode_time(wanted or 0), end)
                self.chunks.sync_data()
                self._noted = wanted
            self.mtime = mtime

    def note_end(self) -> None:
        """What was done to the file so far is part of its end, if it may be."""
        if self._may_change:
            self.size, self.mtime = self._found()
            self._may_change = False

    def rewrite(self) -> None:
        """Write once more, durably, which chunks are durable."""
        self.chunks.write(self.present.encode(), self.start)
        self.chunks.sync_data()

    def _found(self) -> tuple[int, int]:
        found = self.data.status()
        return found.st_size, found.st_mtime_ns
