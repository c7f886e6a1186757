"""
The end of a process: the signals that ask for it, and what must not keep it from coming.
"""

from __future__ import annotations

import atexit
import signal
import sys
import threading
from atexit import _run_exitfuncs
from collections.abc import Callable
from contextlib import suppress
from os import _exit as end_process
from typing import Any, NoReturn

from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger

__all__ = [
    "abort_on_signal",
    "end_anyway",
    "end_once_stopped",
    "exit_with",
    "hold_hangups",
    "on_hangup",
    "on_signals",
    "stop_reactor",
]

GRACE = 3.0
"""Seconds that a process has for its end."""
_NUMBERS = (signal.SIGINT, signal.SIGTERM)
_log = Logger()


def on_signals(reactor: Any, called: Callable[[int], object]) -> None:
    """
    Be told of SIGINT and SIGTERM from now on, instead of whoever was told before.  After the second
    one they end the process as by default, for a reactor that is blocked (by a pipe that nobody
    empties, say) tells of none.

    In a thread other than the main one, where Python cannot do that, nothing changes.

    :param reactor: a running reactor.
    :param called: called in the reactor thread with the signal's number.
    """
    if not _is_main_thread():
        return
    before: list[int] = []

    def arrived(number: int, _: object) -> None:
        reactor.callFromThread(called, number)
        if before:
            for each in _NUMBERS:
                signal.signal(each, signal.SIG_DFL)
        before.append(number)

    for number in _NUMBERS:
        signal.signal(number, arrived)


def abort_on_signal(
    reactor: Any, abort: Callable[[], object], end_anyway: Callable[[int], object]
) -> None:
    """
    Leave the first SIGINT or SIGTERM to the reactor, which stops then, and have the next one, or
    one that comes while the reactor stops for another reason, end at once what is under way.
    Those that follow it are as for :func:`on_signals`, and nothing changes where that changes
    nothing.

    :param reactor: a reactor, which need not run yet.
    :param abort: called in the reactor thread with the signal that follows.
    :param end_anyway: called then with the exit status that shells have for this signal.
    """
    is_stopping = False

    def arrived(number: int) -> None:
        _log.info("{signal}: stopping at once", signal=signal.Signals(number).name)
        end_anyway(128 + number)
        abort()

    def stopping() -> None:
        nonlocal is_stopping
        if not is_stopping:
            is_stopping = True
            on_signals(reactor, arrived)

    def leave(number: int) -> None:
        stop = signal.getsignal(number)
        if not callable(stop):
            return

        def first(number: int, frame: Any) -> None:
            stopping()
            stop(number, frame)

        signal.signal(number, first)

    def begin() -> None:
        for number in _NUMBERS if _is_main_thread() and not is_stopping else ():
            leave(number)

    reactor.callWhenRunning(begin)  # once the reactor has its own handlers
    reactor.addSystemEventTrigger("before", "shutdown", stopping)


class _Held:
    """Whether a signal came."""

    came = False

    def __call__(self, *_: object) -> None:
        self.came = True


def hold_hangups() -> None:
    """
    Keep SIGHUP from ending the process from now on; one that comes is kept for :func:`on_hangup`.
    Nothing changes where :func:`on_signals` changes nothing.
    """
    if _is_main_thread():
        signal.signal(signal.SIGHUP, _Held())


def on_hangup(reactor: Any, called: Callable[[], object]) -> None:
    """
    Be told of SIGHUP from now on, which otherwise ends the process, and of one that was held.
    Nothing changes where :func:`on_signals` changes nothing.

    :param reactor: a reactor.
    :param called: called in the reactor thread.
    """
    if not _is_main_thread():
        return
    before = signal.signal(signal.SIGHUP, lambda *_: reactor.callFromThread(called))
    if isinstance(before, _Held) and before.came:
        reactor.callFromThread(called)


def stop_reactor(reactor: Any) -> None:
    """
    Stop a reactor, unless it already stops.

    :param reactor: a reactor that runs.
    """
    with suppress(ReactorNotRunning):
        reactor.stop()


def end_anyway(status: int) -> None:
    """
    See to it that the process ends soon, whatever hangs: Python waits for threads, and one that
    reads from a disk that hangs, say, does not return.

    :param status: its exit status.
    """
    ending = threading.Timer(GRACE, _end, (status,))
    ending.daemon = True
    ending.start()


def end_once_stopped(
    reactor: Any,
    stop: Callable[[], Deferred[Any]],
    end_anyway: Callable[[], object],
) -> None:
    """
    When the reactor stops, do not let what hangs keep the process: the reactor waits for its
    threads, and handles no signal meanwhile.

    :param reactor: the reactor that this process is about.
    :param stop: stops what the process is for, once however often it is called; the Deferred fires
        when that has stopped.
    :param end_anyway: called then.
    """

    def stopping() -> Deferred[Any]:
        return stop().addBoth(lambda _: end_anyway())

    reactor.addSystemEventTrigger("before", "shutdown", stopping)


def exit_with(status: int) -> None:
    """
    Set the status with which this process exits, unless a signal ends it: ``twistd`` always exits
    with 0.

    :param status: the exit status; the last call wins.
    """
    atexit.unregister(_exit_now)
    atexit.register(_exit_now, status)


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _end(status: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    end_process(status)


def _exit_now(status: int) -> NoReturn:
    """Called at exit; runs all other exit handlers first, as nothing runs after ``_exit()``."""
    # Coverage is measured until all of them have run.
    atexit.unregister(_exit_now)
    try:  # pragma: no cover
        # As the standard library's multiprocessing does at the end of a forked process.
        _run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):  # pragma: no cover
        pass  # the other end of the pipe is closed
    finally:  # pragma: no cover
        end_process(status)
