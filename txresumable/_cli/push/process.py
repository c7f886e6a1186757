"""
A process that watches folders.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..._runtime.notify import Notifier
from ..._runtime.observers import OneShotObserver
from ..._runtime.printable import printable
from ..._runtime.shutdown import (
    abort_on_signal,
    end_anyway,
    end_once_stopped,
    exit_with,
    on_hangup,
    stop_reactor,
)
from ...errors import InvalidOption
from ...push import AlreadyRunning, HostNotices, PushService
from ...push.control import ControlService
from ...push.errors import JournalTooNew
from ...push.journal.lock import Lock
from ...push.settings import PushSettings
from ..config import load
from ..exit_status import FAILED, RUNNING, USAGE

__all__ = [
    "PushProcess",
    "check_free",
    "make_push",
    "make_whole",
    "reload_or_log",
    "start_status",
    "tell_daemon",
]

_WAIT = 10.0
"""Seconds that whoever waits on the terminal for a daemon waits at most."""
_log = Logger()


def check_free(settings: PushSettings) -> None:
    """
    See whether a service could start with these settings, while that can still be said on the
    terminal.  Blocks.

    :raises AlreadyRunning: if one runs.
    """
    path = os.path.join(settings.state, "lock")
    if os.path.exists(path):
        with suppress(OSError):
            Lock(path).release()


def make_push(path: str, settings: PushSettings, reactor: Any) -> PushService:
    """
    The service that a configuration file asks for.

    :param path: the file, which is read again on demand.
    :param settings: what it said.
    """
    path = os.path.abspath(path)  # a daemon changes its working directory
    # The modules that are loaded stay: to look through them each time is what takes longest.
    gc.collect()
    gc.freeze()
    return PushService(settings, reactor=reactor, reload=lambda: load(path))


def make_whole(service: PushService, reactor: Any) -> MultiService:
    """
    A service with what it is controlled by, and what notifies systemd.

    :param service: what is controlled.
    """
    whole = MultiService()
    service.setServiceParent(whole)  # type: ignore[no-untyped-call]
    control = ControlService(service.settings.control, service, reactor=reactor)
    control.setServiceParent(whole)  # type: ignore[no-untyped-call]
    HostNotices(service, reactor=reactor).setServiceParent(whole)  # type: ignore[no-untyped-call]
    return whole


def reload_or_log(service: PushService) -> None:
    """
    Read the configuration of a service again; what is wrong with it is logged, and changes nothing.
    """

    def refused(failure: Failure) -> None:
        for line in str(failure.value).splitlines():
            _log.error("The settings were not reloaded: {line}", line=line)

    notifier = Notifier()
    notifier.reloading()
    service.reload().addErrback(refused).addCallback(lambda _: notifier.ready())


class PushProcess(MultiService):
    """
    Watched folders that a process is for, in ``twistd``.  SIGHUP has the configuration read again.
    If it cannot start, the process ends, with the status of :func:`start_status`.  A signal lets it
    finish what is under way; a second one does not.
    """

    _log = Logger()

    def __init__(
        self,
        service: PushService,
        *,
        reactor: Any,
        waiting: Callable[[], Callable[[str], object]] = lambda: lambda _: None,
        exit_with: Callable[[int], object] = exit_with,
        abort_on_signal: Callable[..., object] = abort_on_signal,
        on_hangup: Callable[[Any, Callable[[], object]], object] = on_hangup,
        end_anyway: Callable[[int], object] = end_anyway,
    ) -> None:
        """
        :param service: what it is for.
        :param waiting: called when it is started; what that returns is called with nothing once
            it has started, or with why it could not.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self.service = service
        make_whole(service, reactor).setServiceParent(self)
        self._reactor = reactor
        self._take_waiting = waiting
        self._notify_started: Callable[[str], object] = lambda _: None
        self._exit_with = exit_with
        self._abort_on_signal = abort_on_signal
        self._on_hangup = on_hangup
        self._end_anyway = end_anyway
        self._status = 0
        self._waiting: Any = None
        self._stopped: OneShotObserver[Any] = OneShotObserver()

    def startService(self) -> None:
        """Begin."""
        self._stopped = OneShotObserver()
        end_once_stopped(self._reactor, self.stopService, lambda: self._end_anyway(self._status))
        self._abort_on_signal(self._reactor, self.service.abort, self._end_anyway)
        self._notify_started = self._take_waiting()
        super().startService()  # type: ignore[no-untyped-call]
        self._on_hangup(self._reactor, self.reload)
        self._waiting = self._reactor.callLater(_WAIT, self._tell, "")
        began = self.service.when_started()
        began.addCallbacks(lambda _: self._tell(""), self._failed)

    def stopService(self) -> Deferred[Any]:
        """
        End, with care, however often this is called.

        :returns: a Deferred that fires when nothing is left.
        """
        if self.running:  # a second time would give no more time to what is under way
            stopping = super().stopService()  # type: ignore[no-untyped-call]
            stopping.addBoth(self._stopped.settle)
        return self._stopped.wait()

    def reload(self) -> None:
        """Read the configuration again."""
        reload_or_log(self.service)

    def _tell(self, why: str) -> None:
        if self._waiting is not None and self._waiting.active():
            self._waiting.cancel()
        self._waiting = None
        self._notify_started(why)

    def _failed(self, failure: Failure) -> None:
        if failure.check(CancelledError):
            self._tell("it was stopped before it had started")
            return
        why = str(failure.value)
        self._log.critical("Could not start: {why}", why=why)
        self._status = start_status(failure)
        self._tell(why)
        self._exit_with(self._status)
        self._reactor.callWhenRunning(self._end)

    def _end(self) -> None:
        if self.running:
            stop_reactor(self._reactor)


def start_status(error: BaseException | Failure) -> int:
    """
    The exit status of a service that could not start.

    :param error: why: what only a change of the configuration or of what is installed helps
        against is 2, which keeps systemd from starting it again.
    """
    reason = error.value if isinstance(error, Failure) else error
    if isinstance(reason, AlreadyRunning):
        return RUNNING
    return USAGE if isinstance(reason, (InvalidOption, JournalTooNew, ImportError)) else FAILED


def tell_daemon(options: Any) -> Callable[[], Callable[[str], None]]:
    """
    Who waits on the terminal for a daemon is told by ``twistd`` as soon as its services are
    started, which says little; with this it waits until the journal is open, and sees why it could
    not start: the pipe of ``twistd`` takes 100 bytes, which it shows as Python would.

    :param options: those of ``twistd``, which have the pipe to it once there is one.
    :returns: to be called when the service starts; what that returns is to be called with nothing,
        or with why it could not start.
    """
    terminal = None if options.get("nodaemon", True) else os.dup(2)

    def take() -> Callable[[str], None]:
        pipe, options["statusPipe"] = options.get("statusPipe"), None

        def tell(why: str) -> None:
            nonlocal pipe, terminal
            if why and terminal is not None:
                with suppress(OSError):
                    os.write(terminal, f"{printable(why)}\n".encode())
            if pipe is not None:
                os.write(pipe, b"1 it could not start" if why else b"0")
            for each in pipe, terminal:
                if each is not None:
                    os.close(each)
            pipe = terminal = None

        return tell

    return take
