"""
A receiver that begins once its object storage has proved fit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from ..._runtime.clock import steady
from ..._runtime.shutdown import (
    abort_on_signal,
    end_anyway,
    end_once_stopped,
    exit_with,
    stop_reactor,
)
from .interface import Forbidden, Objects, StorageError, Unavailable, Unreadable
from .probe import Unfit, probe

__all__ = ["StartOnceFit"]

_AGAIN_AFTER = 5.0
_PATIENCE = 30.0


class StartOnceFit(Service):
    """
    Starts another service, which listens then, once storage has passed its self-test.  While the
    storage is away that is tried again and again.  Storage that is unfit, or does not let us in,
    ends the process with 1; so does what does not respond as storage does for half a minute.

    :param service: the other service, whose stop also closes the storage.
    :param objects: the storage.
    :param prefix: what the keys of all objects begin with.
    :param place: where the storage is said to be, for people.
    :param reactor: that of this process.
    """

    _log = Logger()

    def __init__(
        self,
        service: Any,  # Any: IService, and what starts it may raise SystemExit
        objects: Objects,
        prefix: str,
        place: str,
        *,
        reactor: Any,
        exit_with: Callable[[int], object] = exit_with,
        abort_on_signal: Callable[..., object] = abort_on_signal,
        end_anyway: Callable[[int], object] = end_anyway,
    ) -> None:
        self._service = service
        self._objects = objects
        self._prefix = prefix
        self._place = place
        self._reactor = reactor
        self._exit_with = exit_with
        self._abort_on_signal = abort_on_signal
        self._end_anyway = end_anyway
        self._starting: Deferred[None] | None = None

    def startService(self) -> None:
        """
        Begin to find out, and see to the end of the process: threads look for credentials, and for
        addresses, and they may hang.
        """
        end_once_stopped(self._reactor, self.stopService, lambda: self._end_anyway(1))
        self._abort_on_signal(self._reactor, self._service.abort, self._end_anyway)
        super().startService()  # type: ignore[no-untyped-call]
        self._starting = Deferred.fromCoroutine(self._start())
        self._starting.addErrback(self._failed)

    def stopService(self) -> Deferred[None]:
        """
        Stop.

        :returns: a Deferred as that of the other service.
        """
        super().stopService()  # type: ignore[no-untyped-call]
        if self._starting is not None:
            self._starting.cancel()
        stopped: Deferred[None] = self._service.stopService()
        return stopped

    async def _start(self) -> None:
        try:
            await self._until_fit()
            self._service.startService()
        except (StorageError, SystemExit) as error:
            self._end(error)

    async def _until_fit(self) -> None:
        """:raises StorageError: if it is not to be waited for."""
        clock = steady(self._reactor)
        strange_since: float | None = None
        while True:
            try:
                await probe(self._objects, self._prefix)
                return
            except (Unfit, Forbidden) as error:
                raise type(error)(f"{self._place}: {error}")
            except StorageError as error:
                now = clock.seconds()
                if isinstance(error, Unavailable) and not isinstance(error, Unreadable):
                    strange_since = None
                elif strange_since is None:
                    strange_since = now
                elif now - strange_since >= _PATIENCE:
                    what = "no object storage responds there that speaks S3"
                    raise Unfit(f"{self._place}: {what}: {error}")
                self._log.warn(
                    "{place}: waiting for the storage: {error}",
                    place=self._place,
                    error=error,
                )
            await deferLater(clock, _AGAIN_AFTER)

    def _failed(self, failure: Any) -> None:
        if failure.check(CancelledError) is None:
            self._log.failure("the receiver cannot start", failure)
            self._end(failure.value)

    def _end(self, why: BaseException) -> None:
        self._log.critical("the receiver does not start: {why}", why=why)
        self._exit_with(1)
        self._reactor.callWhenRunning(self._stop)

    def _stop(self) -> None:
        if self.running:
            stop_reactor(self._reactor)
