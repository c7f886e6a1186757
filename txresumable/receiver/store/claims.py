"""
Which request writes which chunk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from .refused import Refused

__all__ = ["Claim", "Claims", "sent_again"]

# A client that has lost its connection sends the chunk anew long before the old connection is
# known to be dead; and two that send the same chunk on slow lines must not cut each other off.
_STALLED = 1.0


class Claim:
    """
    A request writes a chunk, until it is released.

    :param clock: the time.
    :param released: called once it is released.
    :ivar cut_off: called if a newer request waits for the chunk and this one has stalled: it has
        to be released soon.
    """

    def __init__(self, clock: Any, released: Callable[[], None]) -> None:
        self.cut_off: Callable[[], None] = lambda: None
        self._clock = clock
        self._released: Callable[[], None] | None = released
        self._since: float | None = None
        self._timer: Any = None
        self._waiting: list[Deferred[None]] = []
        self.progress()

    def progress(self) -> None:
        """Some of the chunk has arrived."""
        self._since = self._clock.seconds()

    def hold(self) -> None:
        """Until there is progress, it is not the request that is waited for."""
        self._since = None

    def wait(self) -> Deferred[None]:
        """A Deferred that fires when it is released: the newest one first."""
        released: Deferred[None] = Deferred()
        self._waiting.append(released)
        if self._timer is None:
            self._look()
        return released

    def release(self) -> None:
        """Another may write the chunk; once is enough, more does nothing."""
        released, self._released = self._released, None
        if released is None:
            return
        if self._timer is not None:
            self._timer.cancel()
        released()
        while self._waiting:
            self._waiting.pop().callback(None)

    def _look(self) -> None:
        self._timer = None
        since = self._clock.seconds() if self._since is None else self._since
        left = since + _STALLED - self._clock.seconds()
        if left > 0:
            self._timer = self._clock.callLater(left, self._look)
        else:
            self.cut_off()


class Claims:
    """
    The chunks of an upload that are being written, each by one request.

    :param clock: the time, as a reactor has it.
    """

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self._claims: dict[int, Claim] = {}

    def get(self, offset: int) -> Claim | None:
        """The claim to a chunk, if there is one."""
        return self._claims.get(offset)

    def make(self, offset: int, released: Callable[[], None]) -> Claim:
        """
        Claim a chunk that nobody else writes.

        :param released: called when it is released.
        """

        def remove() -> None:
            del self._claims[offset]
            released()

        claim = self._claims[offset] = Claim(self._clock, remove)
        return claim


def sent_again() -> Refused:
    """Why a request that has stalled is cut off."""
    return Refused(503, "a newer request sends this chunk", 1, about="chunk")
