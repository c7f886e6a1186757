"""
The exit status of the command and of ``twistd resumable-upload``: which one an upload has, and how
``twistd``, which always exits with 0, is made to exit with it.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError

from ..errors import (
    ChunkRejected,
    InsecureCredentials,
    NotAReceiver,
    ProxyRefused,
    Redirected,
    RetriesExhausted,
    SourceChanged,
    TLSRejected,
    TransportError,
    UnexpectedResponse,
)
from ..service.report import Report

__all__ = [
    "CHANGED",
    "FAILED",
    "REFUSED",
    "RUNNING",
    "UNREACHABLE",
    "USAGE",
    "signal_status",
    "status_of",
    "upload_status",
]

FAILED, USAGE, UNREACHABLE, REFUSED, CHANGED, RUNNING = 1, 2, 3, 4, 5, 75
"""
Some files failed for good; the command line cannot be used; the target cannot be reached, or time
is up; it refuses everybody, as for a wrong password or certificate, or is no receiver; only files
that change are left; another process does the same.
"""

_REFUSALS = (401, 403, 404, 405, 407, 501)
"""Statuses that say more about the target than about a file."""
_REFUSED = (InsecureCredentials, NotAReceiver, ProxyRefused, Redirected, TLSRejected)


def status_of(error: BaseException) -> int:
    """
    The exit status of one file that is not on the server.

    :param error: why.
    """
    if isinstance(error, RetriesExhausted):
        is_alive = isinstance(error.last, ChunkRejected) and not error.of_server
        return FAILED if is_alive else max(status_of(error.last), UNREACHABLE)
    if isinstance(error, (*_REFUSED, UnexpectedResponse)):
        return REFUSED
    if isinstance(error, ChunkRejected):
        return REFUSED if error.status in _REFUSALS else FAILED
    if isinstance(error, (CancelledError, TransportError)):
        return UNREACHABLE
    return CHANGED if isinstance(error, SourceChanged) else FAILED


def upload_status(report: Report, signal: int | None = None) -> int:
    """
    The exit status of an upload.

    :param report: how its files ended.
    :param signal: the number of the signal that stopped it, if one did.
    :returns: 0 if all files are on the server; else that of the signal; else the one that all those
        have that are not, or the first of 1, 4, 3 and 5 that one of them has.
    """
    if not report.failed:
        return 0
    if signal is not None:
        return signal_status(signal)
    found = {status_of(each.error) for each in report.failed}
    return next(each for each in (FAILED, REFUSED, UNREACHABLE, CHANGED) if each in found)


def signal_status(number: int) -> int:
    """
    The exit status of what a signal ended, as shells have it.

    :param number: the number of the signal.
    """
    return 128 + number
