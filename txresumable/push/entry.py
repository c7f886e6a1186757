"""
One version of a file in a watched folder, and what is known about it.
"""

from __future__ import annotations

import os

from attrs import frozen

from .._runtime.printable import printable
from .state import PushState

__all__ = ["BEGUN", "HANDED_OVER", "TAKEN", "Entry", "Seen", "Version"]

BEGUN = '{"begun": true}'
"""The note of what was taken to be sent, if nothing else is noted: some may be on the server."""

HANDED_OVER = '{"handed over": true}'
"""
The note of what is done here, as somebody else sends it: who that is may have looked while it was
not there, so one that is back is handed over once more.
"""

TAKEN = b".resumable-"
"""
What a file is called, with 32 hexadecimal digits, in the moment in which it is deleted, if that is
in its own folder.
"""


@frozen
class Version:
    """
    What distinguishes two contents of a path.

    :ivar inode: the number of the file.
    :ivar size: in bytes.
    :ivar mtime_ns: when it was last written to, in nanoseconds since 1970.
    """

    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Version:
        """
        The version that a file is at.

        :param status: the file's.
        """
        return cls(status.st_ino, status.st_size, status.st_mtime_ns)

    @property
    def shared(self) -> str:
        """The version as other machines see it: their inodes may be others."""
        return f"{self.size}-{self.mtime_ns}"

    @classmethod
    def from_shared(cls, text: str) -> Version:
        """
        A version as another machine has seen it.

        :param text: its :attr:`shared`.
        """
        size, _, mtime_ns = text.partition("-")
        return cls(0, int(size), int(mtime_ns))


@frozen
class Seen:
    """
    A file as it lies in a watched folder.

    :ivar path: relative to the folder, as :func:`os.fsencode` returns it.
    :ivar version: its version.
    :ivar is_marked: whether it is known to be complete: by a marker, or because it was renamed to
        its place.
    :ivar is_moved: whether it, or a folder that it is in, has just been moved to its place.
    """

    path: bytes
    version: Version
    is_marked: bool = False
    is_moved: bool = False


@frozen
class Entry:
    """
    One version of a file in a watched folder: a row of the journal.

    Times are seconds since 1970, by the clock on the wall.

    :ivar id: its number, which no other version has or gets.
    :ivar folder: the name of the folder's settings.
    :ivar path: relative to the folder, as :func:`os.fsencode` returns it.
    :ivar version: which version of the path it is.
    :ivar state: what it is at.
    :ivar identifier: what the server knows it by; empty until that is known.
    :ivar event_id: 32 hexadecimal digits, which hooks are given: the same ones as long as the
        version is not sent once more.
    :ivar attempts: how many attempts were made to upload it.
    :ivar why: why it is in this state, or empty.
    :ivar until: when that ends by itself, or 0.
    :ivar seen: when it was first seen.
    :ivar changed: when it came into this state.
    :ivar sent: how many bytes were sent, in all attempts.
    :ivar digest: that of its content, or empty.
    :ivar note: JSON, for who delivers it.
    :ivar location: where it was moved to, or empty.
    :ivar is_aside: whether it is out of the way: deleted or moved after it was sent, or away after
        it was handed over, or all is done for it after it failed.
    """

    id: int
    folder: str
    path: bytes
    version: Version
    state: PushState
    identifier: str
    event_id: str
    attempts: int
    why: str
    until: float
    seen: float
    changed: float
    sent: int
    digest: str
    note: str
    location: bytes
    is_aside: bool

    @property
    def name(self) -> str:
        """The path as text that is safe to print."""
        return printable(os.fsdecode(self.path))
