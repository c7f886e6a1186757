"""
``txresumable doctor``: what was found about a server, printed.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import Any, TextIO

from twisted.internet.defer import CancelledError, Deferred

from .._runtime.shutdown import on_signals
from ..doctor import Diagnosis, examine, prescription
from ..errors import InvalidOption, ResumableError
from ..service.report import explain
from .arguments import ARGUMENTS
from .exit_status import signal_status
from .headers import RenewedHeaders
from .output import Output

__all__ = ["OF_REQUESTS", "Consultation"]

_OPTIONS = frozenset(
    (
        "test_target",
        "test_method",
        "upload_method",
        "headers",
        "query",
        "with_credentials",
        "insecure_credentials",
        "trust_root",
        "client_certificate",
        "proxy",
        "dialect",
        "method",
        "chunk_format",
        "parameter_namespace",
        "connect_timeout",
        "stall_timeout",
        "chunk_timeout",
    )
)
OF_REQUESTS = tuple(
    argument
    for argument in ARGUMENTS
    if argument.option in _OPTIONS or argument.option.endswith("_parameter_name")
)
"""The arguments that are about single requests."""


class Consultation:
    """
    Examines a server, prints what was found, and ends.

    :param options: of :func:`~txresumable.doctor.examine`, with its ``target``.
    :param format: how it is printed.
    :param output: where to; standard output by default.
    :param errors: where it is said why nothing was found; standard error by default.
    """

    def __init__(
        self,
        options: dict[str, Any],
        format: str,
        *,
        output: TextIO | None = None,
        errors: TextIO | None = None,
        on_signals: Callable[[Any, Callable[[int], object]], object] = on_signals,
    ) -> None:
        self._options = options
        self._format = format
        self._output = Output(sys.stdout if output is None else output)
        self._errors = Output(sys.stderr if errors is None else errors)
        self._on_signals = on_signals
        self._signal = 0

    def run(self, reactor: Any) -> Deferred[None]:
        """
        Examine.

        :returns: a Deferred that fails with :exc:`SystemExit` that has the exit status: 0 if it is
            a receiver, 1 if it is none, does not respond, or what was found cannot be written, 2
            if it cannot be examined with these options, 128 and the signal's number if a signal
            ended it.
        """
        return Deferred.fromCoroutine(self._run(reactor))

    async def _run(self, reactor: Any) -> None:
        examining = Deferred.fromCoroutine(self._examine(reactor))
        reactor.callWhenRunning(self._on_signals, reactor, self._signalled(examining))
        try:
            diagnosis = await examining
        except CancelledError:
            print(f"{signal.Signals(self._signal).name}: stopped", file=self._errors)
            raise SystemExit(signal_status(self._signal)) from None
        except ResumableError as error:
            print(explain(error), file=self._errors)
            raise SystemExit(2 if isinstance(error, InvalidOption) else 1) from None
        print(prescription(diagnosis, self._format), file=self._output, flush=True)
        if (lost := self._output.lost) is not None:
            print(f"what was found could not be written: {lost.strerror}", file=self._errors)
            raise SystemExit(1)
        raise SystemExit(0 if diagnosis.is_receiver else 1)

    async def _examine(self, reactor: Any) -> Diagnosis:
        options = dict(self._options)
        if isinstance(options.get("headers"), RenewedHeaders):
            options["headers"] = await options["headers"](None, None)
        return await examine(reactor=reactor, **options)

    def _signalled(self, examining: Deferred[Any]) -> Callable[[int], None]:
        def stop(number: int) -> None:
            self._signal = number
            examining.cancel()

        return stop
