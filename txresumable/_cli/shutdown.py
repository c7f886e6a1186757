"""
The signals that ask a process to end.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from os import _exit as end_process
from typing import Any

__all__ = ["end_anyway", "on_signals"]

GRACE = 3.0
"""Seconds that a process has for its end."""


def on_signals(reactor: Any, called: Callable[[int], object]) -> None:
    """
    Be told of SIGINT and SIGTERM from now on, instead of whoever was told before.

    In a thread other than the main one, where Python cannot do that, nothing changes.

    :param reactor: a running reactor.
    :param called: called in the reactor thread with the signal's number.
    """
    if threading.current_thread() is not threading.main_thread():
        return

    def arrived(number: int, _: object) -> None:
        reactor.callFromThread(called, number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, arrived)


def end_anyway(status: int) -> None:
    """
    See to it that the process ends soon, whatever hangs: Python waits for threads, and one that
    reads from a disk that hangs, say, does not return.

    :param status: its exit status.
    """
    ending = threading.Timer(GRACE, _end, (status,))
    ending.daemon = True
    ending.start()


def _end(status: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    end_process(status)
