"""
Small requests that begin together, and are written together.
"""

from __future__ import annotations

from collections.abc import Callable, Sized
from typing import Any, Protocol

from twisted.logger import Logger

__all__ = ["HeldRequest", "WriteBatch"]

_log = Logger()


class HeldRequest(Protocol):
    """A request in a batch."""

    def release(self) -> None:
        """Send it, unless it has been cancelled."""

    def abort(self) -> None:
        """Close its connection."""


class WriteBatch:
    """
    Holds the small requests of one turn of the reactor until its end, so that a sleeping peer is
    woken once for all of them.

    :param reactor: whose turns these are.
    :param active: the connections with a request under way; the only one does not wait.
    :param written: called when some were written.
    """

    def __init__(
        self, reactor: Any, active: Sized, written: Callable[[], object] | None = None
    ) -> None:
        self._reactor = reactor
        self._active = active
        self._written = written
        self._held: list[HeldRequest] = []
        self._flushing: Any = None

    def hold(self, request: HeldRequest) -> bool:
        """
        Hold a request, unless it is the only one.

        :returns: whether it is held; it is then released later.
        """
        if len(self._active) < 2:
            return False
        if self._flushing is None:
            self._flushing = self._reactor.callLater(0, self.flush)
        self._held.append(request)
        return True

    def flush(self) -> None:
        """Release all of them now; if one raises, only its own connection is aborted."""
        held = self.clear()
        for request in held:
            try:
                request.release()
            except Exception:
                _log.failure("A request cannot be sent; its connection is aborted")
                request.abort()
        if held and self._written is not None:
            self._written()

    def clear(self) -> list[HeldRequest]:
        """
        Forget all of them.

        :returns: those that were held.
        """
        flushing, self._flushing = self._flushing, None
        if flushing is not None and flushing.active():
            flushing.cancel()
        held, self._held = self._held, []
        return held
