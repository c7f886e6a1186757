"""
``txresumable push``: watched folders in the foreground.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import Any, TextIO

from twisted.application.service import MultiService
from twisted.internet.defer import CancelledError, Deferred

from ..._runtime.shutdown import end_anyway, on_hangup, on_signals
from ...push import PushService
from ..exit_status import signal_status
from ..output import Output
from ..progress import View
from .process import reload_or_log, start_status
from .under_way import PushUnderWay

__all__ = ["Foreground"]


class Foreground:
    """
    Watches folders until a signal comes, and logs to standard error.
    """

    def __init__(
        self,
        service: PushService,
        others: MultiService,
        *,
        begin_logging: Callable[[Any, Any], object],
        is_shown: bool = True,
        errors: TextIO | None = None,
        on_signals: Callable[[Any, Callable[[int], object]], object] = on_signals,
        on_hangup: Callable[[Any, Callable[[], object]], object] = on_hangup,
        end_anyway: Callable[[int], object] = end_anyway,
    ) -> None:
        """
        :param service: what watches.
        :param others: what it is a part of.
        :param begin_logging: called with the reactor and where to log to.
        :param is_shown: whether what is under way is shown below that, if it is a terminal.
        :param errors: where that is; standard error by default.
        """
        self._service = service
        self._others = others
        self._errors: Any = Output(sys.stderr if errors is None else errors)
        self._is_shown = is_shown
        self._on_signals = on_signals
        self._on_hangup = on_hangup
        self._end_anyway = end_anyway
        self._begin_logging = begin_logging
        self._number = 0
        self._stopped: Deferred[Any] = Deferred()

    def run(self, reactor: Any) -> Deferred[None]:
        """
        Watch.

        :returns: a Deferred that fails with :exc:`SystemExit` that has the exit status: 128 and the
            number of the signal that ended it, or that of :func:`start_status`.
        """
        return Deferred.fromCoroutine(self._run(reactor))

    async def _run(self, reactor: Any) -> None:
        if self._is_shown:
            self._errors = View(self._errors, PushUnderWay(self._service).picture, reactor)
        self._begin_logging(reactor, self._errors)
        reactor.callWhenRunning(self._on_signals, reactor, self._signalled)
        if self._is_shown:  # before that, a signal would leave the terminal as it is then
            reactor.callWhenRunning(self._errors.begin)
        reactor.callWhenRunning(self._on_hangup, reactor, lambda: reload_or_log(self._service))
        self._others.startService()
        try:
            await self._service.when_started()
        except CancelledError:  # by a signal
            pass
        except Exception as error:
            self._close()
            print(error, file=self._errors, flush=True)
            raise SystemExit(start_status(error)) from None
        await self._stopped
        self._close()
        status = signal_status(self._number)
        self._end_anyway(status)
        raise SystemExit(status)

    def _close(self) -> None:
        if self._is_shown:
            self._errors.end()

    def _signalled(self, number: int) -> None:
        name = signal.Signals(number).name
        if self._number:
            print(f"{name}: stopping at once", file=self._errors, flush=True)
            self._service.abort()
            return
        self._number = number
        if self._is_shown:
            self._errors.show_cursor()
        print(f"{name}: what is under way has 10 s to finish", file=self._errors, flush=True)
        # Once: a second time would give no more time to what is under way.
        self._others.stopService().addBoth(self._stopped.callback)
