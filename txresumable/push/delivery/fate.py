"""
What becomes of a file whose upload has failed.
"""

from __future__ import annotations

from enum import Enum

from twisted.internet.defer import CancelledError

from ...errors import (
    ChecksumMismatch,
    ChunkRejected,
    ConnectFailed,
    FileRejected,
    InsecureCredentials,
    NotAReceiver,
    ProxyRefused,
    ReceivedBefore,
    Redirected,
    ResumableError,
    RetriesExhausted,
    SourceChanged,
    TLSRejected,
    TransportError,
    UploaderClosed,
)

__all__ = ["Fate", "fate_of"]

_OF_TARGET = (401, 402, 403, 404, 405, 407, 411, 413, 414, 421, 426, 431, 451)
"""Statuses that speak of the address, of who asks, or of how, rather than of what is sent."""
_PASSING = (408, 409, 423, 425, 429)
_GONE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class Fate(Enum):
    """What becomes of it."""

    STORED = "stored"
    """It is on the server all the same."""
    AGAIN = "again"
    """This attempt has failed, and another one may not."""
    FAILED = "failed"
    """No attempt can succeed."""
    CHANGED = "changed"
    """It is another version by now."""
    GONE = "gone"
    """It is not there any more."""
    UNREACHABLE = "unreachable"
    """The target takes no files now, whichever."""
    REFUSED = "refused"
    """So it seems; but if it takes others, this file is the reason."""
    STOPPED = "stopped"
    """It was cancelled."""


def fate_of(error: BaseException | None) -> Fate:
    """
    What becomes of a file.

    :param error: what its upload failed with.
    """
    if isinstance(error, (CancelledError, UploaderClosed)):
        return Fate.STOPPED
    if isinstance(error, SourceChanged):
        return Fate.CHANGED
    if isinstance(error, OSError):
        return Fate.GONE if isinstance(error, _GONE) else Fate.AGAIN
    if isinstance(error, FileRejected):
        return Fate.AGAIN if error.rule == "duplicate" else Fate.FAILED
    if isinstance(error, RetriesExhausted):
        no_way = error.of_server or isinstance(error.last, ConnectFailed)
        return Fate.UNREACHABLE if no_way else _of_last(error.last)
    if isinstance(error, ChunkRejected):
        return _of_status(error)
    if isinstance(error, (NotAReceiver, TLSRejected, ProxyRefused, InsecureCredentials)):
        return Fate.UNREACHABLE
    if isinstance(error, ChecksumMismatch):
        return Fate.AGAIN
    return Fate.REFUSED if isinstance(error, ResumableError) else Fate.AGAIN


def _of_last(error: BaseException) -> Fate:
    """What becomes of a file for which too many tries have ended like the last of them."""
    if isinstance(error, ChunkRejected):
        return Fate.REFUSED if error.status >= 500 else Fate.AGAIN
    return Fate.REFUSED if isinstance(error, TransportError) else Fate.AGAIN


def _of_status(error: ChunkRejected) -> Fate:
    if isinstance(error, ReceivedBefore):
        return Fate.STORED
    # A server in trouble is so for all files, unless it takes others.
    if isinstance(error, Redirected) or error.status in _OF_TARGET or error.status >= 500:
        return Fate.REFUSED
    return Fate.AGAIN if error.status in _PASSING else Fate.FAILED
