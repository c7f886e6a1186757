"""
What the service manager is told about a service.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .._runtime.clock import steady
from .._runtime.notify import Notifier
from .._runtime.reactor import Reactor
from .._runtime.ticker import Ticker
from .errors import JournalUnavailable
from .service import PushService

__all__ = ["PERIOD", "HostNotices", "summary"]

PERIOD = 10.0
"""Seconds between two lines about what it is at."""


class HostNotices(Service):
    """
    Tells systemd when a service has begun, what it is at, that it is alive, and that it stops.

    It is alive as long as the journal's thread comes to an end with what it is to write, and no
    look into a folder hangs.  A journal that cannot be written, as the disk is full, is none
    that a new process could write.
    """

    def __init__(
        self,
        service: PushService,
        *,
        reactor: Reactor | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        """
        :param service: the service, which starts and stops together with this.
        :param reactor: the installed one by default, looked up now.
        :param notifier: who is told; by default whoever the environment names.
        """
        if reactor is None:
            from twisted.internet import reactor
        self._service = service
        self._notifier = notifier or Notifier()
        clock = steady(reactor)
        self._limit = self._notifier.watchdog / 2
        self._status = Ticker(clock, PERIOD, self._tell_status)
        self._watchdog = Ticker(clock, self._limit, self._look)
        self._is_looking = False

    def startService(self) -> None:
        """Begin."""
        super().startService()  # type: ignore[no-untyped-call]
        if self._notifier.is_heard:
            self._service.when_started().addCallbacks(self._started, _not_started)

    def stopService(self) -> None:
        """Say so."""
        super().stopService()  # type: ignore[no-untyped-call]
        self._status.stop()
        self._watchdog.stop()
        self._notifier.stopping()

    def _started(self, _: None) -> None:
        if not self.running:
            return
        self._notifier.ready()
        self._tell_status()
        self._status.start()
        if self._limit:
            self._look()
            self._watchdog.start()

    def _tell_status(self) -> bool:
        told = self._service.status()
        told.addCallback(lambda status: self._notifier.status(summary(status)))
        told.addErrback(_passed)
        return True

    def _look(self) -> bool:
        if not self._is_looking:
            self._is_looking = True
            Deferred.fromCoroutine(self._write()).addBoth(self._looked)
        return True

    async def _write(self) -> None:
        journal = self._service.journal
        if journal is not None:
            with suppress(JournalUnavailable):
                await journal.beat()

    def _looked(self, result: Any) -> None:
        self._is_looking = False
        hanging = [each for each in self._service.folders.values() if each.busy_for > self._limit]
        if self.running and not hanging:
            self._notifier.alive()


def summary(status: Mapping[str, Any]) -> str:
    """
    A status in one line.

    :param status: that of a service.
    """
    files: dict[str, int] = {}
    for folder in status["folders"].values():
        for state, count in folder["files"].items():
            files[state] = files.get(state, 0) + count
    waiting = sum(files.get(state, 0) for state in ("seen", "settling", "queued", "waiting"))
    parts = [f"{files.get('uploading', 0)} uploading", f"{waiting} to send"]
    parts += [f"{files[state]} {state}" for state in ("failed", "held") if files.get(state)]
    parts += ["paused"] if status["paused"] else []
    parts += [status["trouble"]] if status["trouble"] else []
    return ", ".join(parts)


def _not_started(_: Failure) -> None:
    """Whoever starts the service reports that."""


def _passed(failure: Failure) -> None:
    failure.trap(JournalUnavailable)
