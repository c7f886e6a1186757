"""
A person who waits wants to know of a wrong address within seconds.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionRefusedError, DNSLookupError

from ..errors import ConnectFailed
from ..events import Events
from ..options import Options
from ..retry import FailedAttempt

__all__ = ["FirstContact"]

_FEW = 5


class FirstContact:
    """
    A retry policy that gives up after five tries where no such host is known or nothing listens on
    its port, as long as the server has not accepted anything.

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
        elif not self._is_reached and failed.attempts >= _FEW and _is_nobody(error.__cause__):
            return None
        return self._policy(failed)

    def _reached(self, *_: object) -> None:
        self._is_reached = True


def _is_nobody(cause: BaseException | None) -> bool:
    return isinstance(cause, (ConnectionRefusedError, DNSLookupError))
