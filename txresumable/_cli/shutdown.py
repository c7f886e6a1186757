"""
The signals that ask a process to end.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any

__all__ = ["on_signals"]


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
