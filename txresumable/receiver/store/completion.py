"""
Notification of received files.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..._runtime.clock import steady
from .received import ReceivedFile
from .refused import Refused

__all__ = ["Completion", "OnComplete"]

OnComplete = Callable[[ReceivedFile], "Awaitable[object] | None"]


class Completion:
    """
    Calls ``on_complete`` and waits for it, up to a limit.

    :param observer: gives the callable, if there is one now.
    :param limit: for how many seconds to wait.
    :param reactor: whose clock to use; the installed one by default.
    """

    _log = Logger()

    def __init__(
        self, observer: Callable[[], OnComplete | None], limit: float, reactor: Any = None
    ) -> None:
        self._observer = observer
        self._limit = limit
        self._reactor = reactor

    @property
    def has_observer(self) -> bool:
        """Whether there is one now."""
        return self._observer() is not None

    def notify(self, file: ReceivedFile) -> Deferred[None]:
        """
        Call it.

        :returns: a Deferred that fires when it is done, has failed (which is logged), or has
            taken too long, and continues in the background; fails with :exc:`Refused` if the file
            is refused in time.  Cancelling cancels what it does.
        """
        result: Deferred[object] = Deferred.fromCoroutine(self._call(file))
        notified: Deferred[None] = Deferred(lambda _: result.cancel())
        result.addErrback(self._failed, file, notified)
        result.addBoth(self._end, notified)
        if not notified.called:
            self._set_limit(notified, file)
        return notified

    async def _call(self, file: ReceivedFile) -> object:
        observer = self._observer()
        result = None if observer is None else observer(file)
        return None if result is None else await result

    def _end(self, result: object, notified: Deferred[None]) -> None:
        if isinstance(result, Failure):
            notified.errback(result)
        elif not notified.called:
            notified.callback(None)

    def _failed(
        self, failure: Failure, file: ReceivedFile, notified: Deferred[None]
    ) -> Failure | None:
        if failure.check(CancelledError):
            self._log.info("on_complete was cancelled for {path}", path=file.path)
        elif failure.check(Refused) and not notified.called:
            return failure
        else:
            self._log.failure("on_complete failed for {path}", failure=failure, path=file.path)
        return None

    def _set_limit(self, notified: Deferred[None], file: ReceivedFile) -> None:
        reactor = self._reactor
        if reactor is None:
            from twisted.internet import reactor
        limit = steady(reactor).callLater(self._limit, self._late, notified, file)

        def end(result: Any) -> Any:
            if limit.active():
                limit.cancel()
            return result

        notified.addBoth(end)

    def _late(self, notified: Deferred[None], file: ReceivedFile) -> None:
        self._log.error(
            "on_complete has taken {limit} seconds for {path}", limit=self._limit, path=file.path
        )
        notified.callback(None)
