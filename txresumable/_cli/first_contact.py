"""
A person who waits wants to know of a wrong address within seconds.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.error import (
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
    DNSLookupError,
)

from ..errors import ConnectFailed, ConnectTimeout
from ..events import Events
from ..options import Options
from ..retry import FailedAttempt

__all__ = ["FirstContact"]

_FEW = 5
_NOBODY = (ConnectionRefusedError, DNSLookupError, ConnectionLost, ConnectionDone)


class FirstContact:
    """
    A retry policy that gives up after five tries where no such host is known, nothing listens on
    its port, or what does speaks no TLS, or a proxy has no way there, as long as the server has
    not accepted anything.

    :param options: those of the uploader: what else fails is tried again as they say.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        asked = ("target", "chunk_retry_interval", "retry_policy")
        self._policy = Options(**{name: options[name] for name in asked if name in options}).policy
        self._is_reached = False

    def watch(self, uploader: Events) -> None:
        """Learn from an uploader's events whether the server was ever there."""
        uploader.chunk_completed.register(self._reached)

    def __call__(self, failed: FailedAttempt) -> float | None:
        """As each policy."""
        error = failed.error
        if not isinstance(error, ConnectFailed):
            self._is_reached = True
        elif not self._is_reached and failed.attempts >= _FEW and _is_nobody(error):
            return None
        return self._policy(failed)

    def _reached(self, *_: object) -> None:
        self._is_reached = True


def _is_nobody(error: ConnectFailed) -> bool:
    if isinstance(error, ConnectTimeout):
        return False
    cause = error.__cause__  # none, if a proxy says it
    return cause is None or isinstance(cause, _NOBODY)
