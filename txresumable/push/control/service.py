"""
Where the control is: a Unix socket, a port, or both.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from ..._runtime.clock import steady
from ..._runtime.reactor import Reactor
from ..._runtime.ticker import Ticker
from ..settings import ControlSettings
from .controlled import Controlled
from .events import EventLog
from .guard import Guard
from .root import make_root
from .site import ControlSite
from .traffic import Traffic

__all__ = ["AGAIN", "ControlService"]

AGAIN = 5.0
"""Seconds until a socket that is taken is tried again."""
_FAREWELL = 1.0
"""Seconds that connections have for their responses when they are to end, as others are let in."""


class ControlService(Service):
    """
    Watching and controlling a service, by HTTP.

    What cannot be listened on is reported in the log and tried again: files are delivered all the
    same.  Other settings of it are in force as soon as the service goes by them.

    :ivar ports: what it listens on.
    """

    _log = Logger()

    def __init__(
        self,
        settings: ControlSettings,
        service: Controlled,
        *,
        reactor: Reactor | None = None,
    ) -> None:
        """
        :param settings: where it is, and for whom; its ``socket`` is absolute.
        :param service: what is controlled.
        :param reactor: the installed one by default, looked up now.
        """
        if reactor is None:
            from twisted.internet import reactor
        self.ports: list[Any] = []
        self._settings = settings
        self._service = service
        self._reactor: Any = reactor
        self._clock = clock = steady(reactor)
        self._events = EventLog(clock)
        self._waiting: list[Callable[[], Any]] = []
        self._retry = Ticker(clock, AGAIN, self._listen)
        self._sites: list[ControlSite] = []
        self._traffic = Traffic()
        self._metrics = _metrics(service)
        self._listeners: list[tuple[Any, Callable[..., object]]] = [
            (service.reloaded, self._reloaded),
            (service.changed, self._events.changed),
            (service.changed, self._traffic.changed),
        ]
        if self._metrics is not None:
            self._listeners.append((service.changed, self._metrics.changed))
            self._listeners.append((service.chunk_sent, self._metrics.chunk_sent))
        self._leaving: list[tuple[Any, list[ControlSite]]] = []
        self._moving: Deferred[Any] = succeed(None)

    def startService(self) -> None:
        """Begin."""
        super().startService()  # type: ignore[no-untyped-call]
        for signal, listener in self._listeners:
            signal.register(listener)
        self._begin()

    def _begin(self) -> None:
        if self._settings.socket is not None:
            self._waiting.append(self._listen_on_socket)
        if self._settings.port is not None:
            self._waiting.append(self._listen_on_port)
        if self._listen():
            self._retry.start()

    def stopService(self) -> Deferred[Any]:
        """
        End.

        :returns: a Deferred that fires when nothing is listened on.
        """
        if not self.running:
            return succeed(None)
        super().stopService()  # type: ignore[no-untyped-call]
        for signal, listener in self._listeners:
            signal.unregister(listener)
        self._events.close()
        stopped, sites = self._end()
        for timer, left in self._leaving:
            timer.cancel()
            sites += left
        self._leaving = []
        self._drop(sites)
        return DeferredList([stopped, self._moving])

    def _end(self) -> tuple[Deferred[Any], list[ControlSite]]:
        """Listen no more; what remains are connections."""
        self._retry.stop()
        self._waiting.clear()
        ports, self.ports = self.ports, []
        sites, self._sites = self._sites, []
        return DeferredList([maybeDeferred(port.stopListening) for port in ports]), sites

    def _reloaded(self) -> None:
        """Go by the settings that are in force, if these are others."""
        settings = self._service.settings.control
        if settings == self._settings:
            return
        self._settings = settings
        stopped, sites = self._end()
        timer = self._clock.callLater(_FAREWELL, self._drop, sites)
        self._leaving.append((timer, sites))
        self._moving = DeferredList([self._moving, stopped])
        self._moving.addCallback(self._move, settings)

    def _drop(self, sites: list[ControlSite]) -> None:
        self._leaving = [each for each in self._leaving if each[0].active()]
        for site in sites:
            site.drop_connections()

    def _move(self, _: object, settings: ControlSettings) -> None:
        if self.running and settings is self._settings and not self.ports:
            self._begin()

    def _listen(self) -> bool:
        """Whether there is something left to listen on."""
        for listen in list(self._waiting):
            try:
                self.ports.append(listen())
            except (CannotListenError, OSError) as error:
                self._log.error("Cannot listen for control: {error}; trying again", error=error)
            else:
                self._waiting.remove(listen)
        return bool(self._waiting)

    def _site(self, token: str | None) -> ControlSite:
        guard = Guard(token, frozenset({self._settings.interface.lower()}))
        page = self._settings.page
        metrics = None if self._metrics is None else self._metrics.resource(guard)
        root = make_root(
            self._service, guard, self._events, self._traffic, metrics=metrics, page=page
        )
        site = ControlSite(root, self._reactor)
        self._sites.append(site)
        return site

    def _listen_on_port(self) -> Any:
        settings = self._settings
        assert settings.port is not None
        site = self._site(settings.token)
        return self._reactor.listenTCP(settings.port, site, interface=settings.interface)

    def _listen_on_socket(self) -> Any:
        path = self._settings.socket
        assert path is not None
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        _remove_stale(path)
        mask = os.umask(0o177)  # never is there a moment when others may connect
        try:
            return self._reactor.listenUNIX(path, self._site(None), mode=0o600)
        finally:
            os.umask(mask)


def _remove_stale(path: str) -> None:
    """Remove a socket that nobody listens on; others stay, and cannot be listened on."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trying:
        trying.settimeout(0)
        try:
            trying.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            os.unlink(path)
        except OSError:  # somebody is there, and busy
            return


def _metrics(service: Controlled) -> Any:
    try:
        from .metrics import Metrics
    except ImportError:
        return None
    return Metrics(service)
