"""
The exit status of a process whose main program knows only success.

``twistd`` ends with 0 whatever its services did, and offers no way to say otherwise.
"""

from __future__ import annotations

import atexit
import sys
from atexit import _run_exitfuncs
from os import _exit
from typing import NoReturn

__all__ = ["exit_with"]


def exit_with(status: int) -> None:
    """
    Let this process end with a status when it ends by itself; a signal that ends it still counts.

    :param status: the exit status; of several calls the last one counts.
    """
    atexit.unregister(_end)
    atexit.register(_end, status)


def _end(status: int) -> NoReturn:
    """Runs at exit, the last that does: everything that was to run at exit has its turn before."""
    # Coverage is measured until everything had its turn.
    atexit.unregister(_end)
    try:  # pragma: no cover
        # As the standard library's multiprocessing does at the end of a forked process.
        _run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):  # pragma: no cover
        pass  # nobody reads it any more
    finally:  # pragma: no cover
        _exit(status)
