"""
The exit status of the command and of ``twistd resumable-upload``: which one an upload has, and how
``twistd``, which always exits with 0, is made to exit with it.
"""

from __future__ import annotations

import atexit
import sys
from atexit import _run_exitfuncs
from os import _exit
from typing import NoReturn

from ..service.report import Report

__all__ = ["exit_with", "signal_status", "upload_status"]


def upload_status(report: Report, signal: int | None = None) -> int:
    """
    The exit status of an upload.

    :param report: how its files ended.
    :param signal: the number of the signal that stopped it, if one did.
    :returns: 0 if all files are on the server; else that of the signal, or 1 without one.
    """
    if not report.failed:
        return 0
    return 1 if signal is None else signal_status(signal)


def signal_status(number: int) -> int:
    """
    The exit status of what a signal ended, as shells have it.

    :param number: the number of the signal.
    """
    return 128 + number


def exit_with(status: int) -> None:
    """
    Set the status with which this process exits, unless a signal ends it.

    :param status: the exit status; the last call wins.
    """
    atexit.unregister(_end)
    atexit.register(_end, status)


def _end(status: int) -> NoReturn:
    """Called at exit; runs all other exit handlers first, as nothing runs after ``_exit()``."""
    # Coverage is measured until all of them have run.
    atexit.unregister(_end)
    try:  # pragma: no cover
        # As the standard library's multiprocessing does at the end of a forked process.
        _run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):  # pragma: no cover
        pass  # the other end of the pipe is closed
    finally:  # pragma: no cover
        _exit(status)
