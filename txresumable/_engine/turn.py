"""
State first, everybody else afterwards: code of the application runs when nothing is half done.

Whatever happens, a call of the application's or an event of the reactor's, the engine first brings
its own state in order, and notes whom that concerns.  Then its turn runs: requests that nobody
wants any more are cancelled, observers and waiters are notified, chunks begin.  Each of these may
call the uploader again; such a call settles its own part and leaves the rest to the turn that
runs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger

__all__ = ["Turn"]

_T = TypeVar("_T")
_log = Logger()


class Turn:
    """
    What is to be done once the state is settled.

    :ivar begin_next: begins one more chunk, or returns false.
    :ivar missed: whether it ran while something was beginning :meth:`alone`, and has to run again.
    """

    __slots__ = ("_abandoned", "_beginning", "_notices", "_notifying", "begin_next", "missed")

    def __init__(self) -> None:
        self.begin_next: Callable[[], bool] = bool
        self._abandoned: deque[Deferred[Any]] = deque()
        self._notices: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._beginning = self._notifying = self.missed = False

    def post(self, notify: Callable[..., object], *args: Any) -> None:
        """
        Note whom to notify, after those who were noted before.

        :param notify: called with ``args``.  What it raises is logged.
        """
        self._notices.append((notify, args))

    def abandon(self, waiting: Deferred[Any], *, request: bool = False) -> None:
        """
        Note what nobody waits for any more.

        :param waiting: is going to be cancelled, before anybody is notified.
        :param request: whether it is a request: those end before code of the application hears
            that it was cancelled.
        """
        if request:
            self._abandoned.appendleft(waiting)
        else:
            self._abandoned.append(waiting)

    def run(self) -> None:
        """
        Cancel what was abandoned; then notify everybody, unless one of them is calling; then begin
        chunks, unless one is just beginning, and notify again until nothing is left to do.
        """
        if self._abandoned:
            self._cancel_abandoned()
        if self._notifying:
            return
        if self._notices:
            self._notify()
        if self._beginning:
            self.missed = True
            return
        self._beginning = True
        try:
            while self.begin_next():
                if self._notices:
                    self._notify()
        finally:
            self._beginning = False

    def alone(self, begin: Callable[..., Deferred[_T]], *args: Any, **named: Any) -> Deferred[_T]:
        """
        Begin something of which somebody may be notified before there is anything to cancel: until
        there is, nothing else begins.

        :param begin: called with the rest.
        :returns: what it returned.  If the turn was :attr:`missed` meanwhile, it has to run.
        """
        if self._beginning:
            return begin(*args, **named)
        self._beginning, self.missed = True, False
        try:
            return begin(*args, **named)
        finally:
            self._beginning = False

    def _notify(self) -> None:
        self._notifying = True
        while self._notices:
            notify, args = self._notices.popleft()
            try:
                notify(*args)
            except BaseException:
                _log.failure("A notification raised: {notify}", notify=notify)
        self._notifying = False

    def _cancel_abandoned(self) -> None:
        while self._abandoned:
            try:
                self._abandoned.popleft().cancel()
            except BaseException:  # a canceller of the application's
                _log.failure("Cancelling raised")
