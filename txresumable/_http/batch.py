"""
Small requests that begin together, and go out together.
"""

from __future__ import annotations

from collections.abc import Sized
from typing import Any, Protocol

from twisted.logger import Logger

__all__ = ["HeldRequest", "WriteBatch"]

_log = Logger()


class HeldRequest(Protocol):
    """A request that waits in a batch."""

    def release(self) -> None:
        """Send it, if it is still to be sent."""

    def abort(self) -> None:
        """Close its connection."""


class WriteBatch:
    """
    The requests that begin in one turn of the reactor, until its end: a peer that sleeps is woken
    once for all of them.

    :param reactor: whose turns they are.
    :param active: the connections that have a request under way; one alone waits for nobody.
    """

    def __init__(self, reactor: Any, active: Sized) -> None:
        self._reactor = reactor
        self._active = active
        self._held: list[HeldRequest] = []
        self._flushing: Any = None

    def hold(self, request: HeldRequest) -> bool:
        """
        Take a request, unless it is the only one.

        :returns: whether it is going to be released later.
        """
        if len(self._active) < 2:
            return False
        if self._flushing is None:
            self._flushing = self._reactor.callLater(0, self.flush)
        self._held.append(request)
        return True

    def flush(self) -> None:
        """Release all of them now; one that raises ends alone."""
        held = self.clear()
        for request in held:
            try:
                request.release()
            except Exception:
                _log.failure("A connection is closed, as its request cannot be sent")
                request.abort()

    def clear(self) -> list[HeldRequest]:
        """
        Forget them.

        :returns: those that were there.
        """
        flushing, self._flushing = self._flushing, None
        if flushing is not None and flushing.active():
            flushing.cancel()
        held, self._held = self._held, []
        return held
