"""
What object storage cannot do, as requests are told.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil

from twisted.logger import Logger

from ..store.refused import Refused
from .interface import Conflict, Forbidden, Missing, StorageError, Unavailable

__all__ = ["StorageAway", "refusing"]

_log = Logger()
_SOON, _LATER = 2, 60


class StorageAway(Refused):
    """The storage does not respond, or cannot do anything for now."""


@contextmanager
def refusing() -> Iterator[None]:
    """
    Do something with the storage.

    :raises Refused: with 503 if that fails; :exc:`StorageAway` if it is to be tried again.
    """
    try:
        yield
    except Unavailable as error:
        _log.warn("the storage failed: {reason}", reason=error.reason)
        wait = max(1, ceil(error.retry_after or _SOON))
        raise StorageAway(503, "the receiver's storage does not respond", wait) from error
    except Forbidden as error:
        _log.critical("the storage refuses this receiver: {reason}", reason=error.reason)
        raise Refused(503, "the receiver's storage refuses it", _LATER) from error
    except (Conflict, Missing) as error:
        # Somebody else was faster.
        raise Refused(503, "another receiver changes this upload", 1, about="upload") from error
    except StorageError as error:
        _log.error("the storage rejected a request: {reason}", reason=error.reason)
        raise Refused(503, "the receiver's storage failed", _SOON) from error
