"""
Linux's inotify over many folders: Twisted's, which does not report that events were lost, and ends
when a watched folder is removed.
"""

from __future__ import annotations

import os
import struct
from typing import Any, Protocol

from twisted.internet.fdesc import readFromFD
from twisted.internet.inotify import (
    IN_CLOSE_WRITE,
    IN_CREATE,
    IN_DELETE_SELF,
    IN_DONT_FOLLOW,
    IN_IGNORED,
    IN_ISDIR,
    IN_MOVED_FROM,
    IN_MOVED_TO,
    IN_ONLYDIR,
    IN_Q_OVERFLOW,
    IN_UNMOUNT,
    INotify,
)
from twisted.python.filepath import FilePath

__all__ = ["Notifier", "NotifierListener"]

_MASK = IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR | IN_DONT_FOLLOW
_EVENT = struct.Struct("=iIII")


class NotifierListener(Protocol):
    """Who is notified of what happens in a folder."""

    def touched(self, path: bytes, moved_from: bytes | None) -> None:
        """
        Something was made, written or moved.

        :param path: relative to the folder.
        :param moved_from: what it was called before, relative to the folder; empty if it was
            elsewhere; :data:`None` if it was not moved.
        """

    def lost_track(self) -> None:
        """Something has happened, nobody knows what: all has to be looked at."""


class Notifier(INotify):
    """
    Watches a folder, and those below it that it is told to.

    :ivar is_stale: whether it no longer knows which folder is which: another one has to take over.
    """

    def __init__(self, reactor: Any, root: bytes, listener: NotifierListener) -> None:
        """
        :raises INotifyError: if the system gives out no more of them.
        """
        super().__init__(reactor)  # type: ignore[no-untyped-call]
        self.is_stale = False
        self._root = root
        self._listener = listener
        self._paths: dict[int, bytes] = {}
        self._numbers: dict[bytes, int] = {}
        self._leaving = (0, b"")  # the last name that something was moved from, by its cookie

    def add(self, path: bytes) -> None:
        """
        Watch one more folder; one that is watched already is left as it is.  May be called in a
        thread, by one at a time: events that come before the end of it are not reported, so the
        folder has to be listed after it.

        :param path: relative to the folder.
        :raises INotifyError: if there are too many watches, or this is no folder.
        """
        if path in self._numbers:
            return
        here = self._file_path(path)
        number: int = self.watch(here, _MASK)  # type: ignore[no-untyped-call]
        if self._paths.get(number, path) != path:
            self.is_stale = True  # one folder by two names: it was moved, and its event is to come
        self._paths[number] = path
        self._numbers[path] = number

    def doRead(self) -> Any:
        """See :class:`~twisted.internet.interfaces.IReadDescriptor`."""
        fd = self.fileno()  # type: ignore[no-untyped-call]
        return readFromFD(fd, self._received)

    def _received(self, data: bytes) -> None:
        """Linux hands out whole events only."""
        at = 0
        while at < len(data):
            number, mask, cookie, size = _EVENT.unpack_from(data, at)
            at += _EVENT.size + size
            name = data[at - size : at].rstrip(b"\0")
            if mask & (IN_Q_OVERFLOW | IN_UNMOUNT):
                self._listener.lost_track()
            elif (folder := self._paths.get(number)) is None:
                continue
            elif mask & (IN_IGNORED | IN_DELETE_SELF):
                self._drop(folder)
            elif name:
                self._happened(os.path.join(folder, name), mask, cookie)

    def _happened(self, path: bytes, mask: int, cookie: int) -> None:
        if mask & IN_MOVED_FROM:
            self._leaving = (cookie, path)
            if mask & IN_ISDIR:
                below = os.path.join(path, b"")
                for each in list(self._numbers):
                    if (each + b"/").startswith(below):
                        self._drop(each)
            return
        moved_from = None
        if mask & IN_MOVED_TO:
            left, before = self._leaving
            moved_from = before if left == cookie else b""
        self._listener.touched(path, moved_from)

    def _drop(self, path: bytes) -> None:
        """Watch a folder no more."""
        number = self._numbers.pop(path, 0)
        if self._paths.get(number) == path:
            del self._paths[number]
        self.ignore(self._file_path(path))  # type: ignore[no-untyped-call]

    def _file_path(self, path: bytes) -> FilePath[bytes]:
        return FilePath(os.path.join(self._root, path))
