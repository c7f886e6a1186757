"""
Watching a folder where the system can: that only shortens the wait for the next scan.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReactorFDSet
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..._runtime.printable import printable

if TYPE_CHECKING:
    from .notifier import Notifier, NotifierListener

__all__ = ["FolderWatch"]

_log = Logger()


class FolderWatch:
    """
    What notices that something happens in a folder and those below it.

    Where it cannot be (not on Linux, or as there are too many watches), that is logged once, and
    nothing is noticed: then files are found by scans alone.
    """

    def __init__(self, reactor: Any, root: str, listener: NotifierListener) -> None:
        """
        :param reactor: with one that reads no descriptors, nothing is noticed.
        :param root: the folder.
        :param listener: is notified.
        """
        self._reactor = reactor
        self._root = root
        self._listener = listener
        self._notifier: Notifier | None = None
        self._is_full = False
        self._has_given_up = False

    @property
    def is_watching(self) -> bool:
        """Whether anything is noticed."""
        return self._notifier is not None

    def begin(self) -> None:
        """Begin, if that was not done, or has come to an end."""
        if self._notifier is not None or self._has_given_up:
            return
        if not IReactorFDSet.providedBy(self._reactor):
            return
        try:
            from twisted.internet.inotify import INotifyError

            from .notifier import Notifier
        except ImportError:
            self._give_up("this system has no inotify")
            return
        try:
            root = os.path.realpath(os.fsencode(self._root))
            self._notifier = Notifier(self._reactor, root, self._listener)
        except INotifyError:
            self._give_up("the system gives no more out (fs.inotify.max_user_instances)")
        else:
            self._notifier.startReading()  # type: ignore[no-untyped-call]

    def add(self, path: bytes) -> None:
        """
        Watch a folder, before it is listed.  May be called in a thread.

        :param path: relative to the folder.
        """
        notifier = self._notifier
        if notifier is None or self._is_full:
            return
        from twisted.internet.inotify import INotifyError  # there is one, so it can be imported

        try:
            notifier.add(path)
        except INotifyError:  # or the folder is not there any more
            here = os.path.join(os.fsencode(self._root), path)
            self._is_full = os.path.isdir(here) and not os.path.islink(here)

    def check(self) -> None:
        """After folders were added, and no thread adds any: see whether that went well."""
        if self._is_full:
            self._give_up("the system allows no more (fs.inotify.max_user_watches)")
        elif self._notifier is not None and self._notifier.is_stale:
            self.close()
            self._listener.lost_track()

    def close(self) -> None:
        """Notice nothing any more, until it is begun again."""
        notifier, self._notifier = self._notifier, None
        if notifier is not None:
            notifier.stopReading()  # type: ignore[no-untyped-call]
            reason = Failure(ConnectionDone())
            notifier.connectionLost(reason)  # type: ignore[no-untyped-call]

    def _give_up(self, reason: str) -> None:
        self.close()
        self._has_given_up, self._is_full = True, False
        _log.warn(
            "{path} cannot be watched: {reason}; files are found by scans",
            path=printable(self._root),
            reason=reason,
        )
