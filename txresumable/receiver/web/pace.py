"""
Timeouts of a connection.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .phase import Phase, advance

__all__ = ["Pace"]

_WINDOW = 20.0
_LONGEST_RESPONSE = 900.0
# nginx's lingering_timeout is 5 s and its lingering_time 30 s; a client that reads nothing before
# it has sent its chunk needs as long as the chunk does.
_LINGERING_WINDOW = 10.0
_LONGEST_LINGERING = 300.0
_MOST_LINGERED = 512 * 1024 * 1024


class Pace:
    """
    Notices when a connection takes too long.

    It may be idle for some time, and a response may take a quarter of an hour.  While a request
    arrives, each 20 seconds must bring their share of bytes.  At the end what the peer still
    sends is awaited, so that it reads why it was refused: as long as there is progress, but no
    longer than 5 minutes or 512 MiB.

    A phase is entered many times a second, so its deadline is not a timer of its own: there is
    one that looks, and looks again.

    :param call_later: as a steady clock's.
    :param seconds: as a steady clock's.
    :param idle: for how many seconds there may be no request; :data:`None` for any time.
    :param min_rate: the fewest bytes a second.
    :param exceeded: called when it has taken too long, and again until this is stopped.
    :ivar phase: what the connection is doing.
    """

    def __init__(
        self,
        call_later: Callable[..., Any],
        seconds: Callable[[], float],
        *,
        idle: float | None,
        min_rate: float,
        exceeded: Callable[[], None],
    ) -> None:
        self.phase = Phase.IDLE
        self._seconds = seconds
        self._call_later = call_later
        self._min_rate = min_rate
        self._exceeded = exceeded
        self._windows = {
            Phase.IDLE: math.inf if idle is None else idle,
            Phase.ARRIVING: _WINDOW,
            Phase.RESPONDING: _LONGEST_RESPONSE,
            Phase.REFUSING: _LONGEST_RESPONSE,
            Phase.CLOSING: _LINGERING_WINDOW,
        }
        self._tick = min(self._windows.values())
        self._since = self._began = seconds()
        self._got = self._total = 0
        self._held: float | None = None
        self._timer: Any = call_later(self._tick, self._look)

    def enter(self, phase: Phase) -> None:
        """
        The connection does something else now.

        :raises RuntimeError: if that cannot follow what it did.
        """
        self.phase = advance(self.phase, phase)
        self._since = self._began = self._seconds()
        self._got = self._total = 0

    def received(self, count: int) -> None:
        """So many bytes came."""
        self._got += count
        if self.phase is Phase.CLOSING:
            self._total += count
            if self._total > _MOST_LINGERED:
                self._exceeded()

    def pause(self) -> None:
        """Reading is paused, and the peer is not to blame."""
        if self._held is None:
            self._held = self._seconds()

    def resume(self) -> None:
        """Reading is resumed."""
        self._held = None
        self._got += int(self._min_rate * _WINDOW)

    def stop(self) -> None:
        """Stop the timer."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _look(self) -> None:
        now = self._seconds()
        left = self._since + self._windows[self.phase] - now
        if left <= 0 and self._progresses(now):
            self._since, self._got = now, 0
            left = self._windows[self.phase]
        self._timer = self._call_later(
            min(left, self._tick) if left > 0 else self._tick, self._look
        )
        if left <= 0:
            self._exceeded()

    def _progresses(self, now: float) -> bool:
        if self.phase is Phase.ARRIVING and self._held is not None:
            return now - self._held < _LONGEST_RESPONSE
        if self.phase is Phase.CLOSING and now - self._began >= _LONGEST_LINGERING:
            return False
        arrives = self.phase in (Phase.ARRIVING, Phase.CLOSING)
        return arrives and self._got >= self._min_rate * self._windows[self.phase]
