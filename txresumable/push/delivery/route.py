"""
One folder and its way to its target.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, Union

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..._runtime.clock import steady
from ..._runtime.threads import run_in_thread
from ..effects import Effects
from ..entry import Entry, Seen
from ..folder import WatchedFolder
from ..folder.lookup import has, look
from ..hooks import Hooks, Ping
from ..jobs.source import JobQueue
from ..journal import Journal
from ..settings import FolderSettings
from .aftercare import Aftercare
from .effect_queue import EffectQueue
from .handover import Handover
from .sending import Sending
from .steps import Steps
from .target import Target
from .waiting import Waiting

__all__ = ["Route"]

_log = Logger()


class Route:
    """
    What is found in a folder is sent, and then seen to.

    :ivar settings: those of the folder.
    :ivar target: where to.
    :ivar folder: finds files.
    :ivar sending: sends them, or hands them over to a queue.
    :ivar is_shared: whether that is so.
    :ivar aftercare: sees to them then.
    :ivar effects: what happens to files in the folder.
    :ivar ping: calls its URL.
    """

    def __init__(
        self,
        settings: FolderSettings,
        target: Target,
        journal: Journal,
        steps: Steps,
        trash: str,
        hooks: Hooks,
        reactor: Any,
        *,
        queue: JobQueue | None = None,
        added: Callable[[], object] = lambda: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """
        :param settings: those of the folder.
        :param target: where to.
        :param journal: where all is written down.
        :param steps: writes it down.
        :param trash: the folder that files are deleted in.
        :param hooks: runs commands.
        :param reactor: the reactor.
        :param queue: where files are handed over to instead of being sent.
        :param added: called when there is something new in it.
        :param now: the wall clock.
        """
        clock = steady(reactor)
        self._reactor = reactor
        self.settings = settings
        self.target = target
        self.folder = WatchedFolder(settings, journal, reactor=reactor, now=now)
        self.effects = EffectQueue(Effects(os.fsencode(settings.path), os.fsencode(trash)), reactor)
        self.ping = Ping(settings.ping, reactor)
        self.aftercare = Aftercare(settings, steps, hooks, self.effects, self.ping, clock, now=now)
        self.is_shared = queue is not None
        self.sending: Union[Sending, Handover]
        if queue is None:
            self.sending = Sending(settings, target, steps, self, reactor, now=now)
        else:
            self.sending = Handover(settings, queue, steps, added, clock)
        self.waiting: Waiting | None = None

    def start(self, waiting: Waiting) -> None:
        """
        Begin, with what is left from before.

        :param waiting: sees to files that are tried again later.
        """
        self.waiting = waiting
        self.folder.found.register(self.sending.wake)
        self.folder.scanned.register(self._scanned)
        self.aftercare.resume()
        self.sending.wake()

    def stop(self) -> None:
        """Begin nothing more."""
        self.folder.found.unregister(self.sending.wake)
        self.folder.scanned.unregister(self._scanned)
        self.sending.stop()

    def look(self, path: str) -> Deferred[Seen]:
        """
        Look at one file in the folder, which is taken to be complete.

        :param path: its path, absolute or below the folder.
        :returns: a Deferred that fires with it.  It fails with :exc:`InvalidOption` if that is no
            path of a file in the folder, and with :exc:`OSError` if it cannot be looked at.
        """
        return run_in_thread(self._reactor, look, self.settings.path, path)

    def has(self, entry: Entry) -> Deferred[bool]:
        """
        Look whether the version of a file lies in the folder now.

        :returns: a Deferred that fires with that.
        """
        root, path, version = self.settings.path, entry.path, entry.version
        return run_in_thread(self._reactor, has, root, path, version)

    def _scanned(self) -> None:
        if self.target.is_up is not False:
            self.aftercare.is_well()

    # What sending says (SendingListener) -------------------------------------------------------

    def is_done_when_stored(self) -> bool:
        """Whether nothing is left to do for a file that is stored."""
        return self.aftercare.is_done_when_stored()

    def stored(self, entry: Entry) -> None:
        """A file is STORED."""
        self.aftercare.stored(entry)

    def done(self, entry: Entry) -> None:
        """A file is DONE already."""
        self.aftercare.done(entry)

    def failed(self, entry: Entry) -> None:
        """A file is FAILED."""
        self.aftercare.failed(entry)

    def waits(self, entry: Entry) -> None:
        """A file is WAITING."""
        if self.waiting is not None:
            self.waiting.look()

    def has_changed(self) -> None:
        """A path holds another version."""
        if self.folder.running:
            self.folder.rescan().addErrback(_not_scanned)


def _not_scanned(failure: Failure) -> None:
    if not failure.check(CancelledError):
        _log.info("A folder could not be scanned: {why}", why=failure.getErrorMessage())
