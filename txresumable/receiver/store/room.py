"""
Room on the disk that is promised.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define

__all__ = ["Room"]

_HELD = 900.0


@define
class _Promise:
    left: int
    since: float


class Room:
    """
    What uploads that were accepted have still to write.

    Files are made at their full length but take room only as they are written, so what is free
    now is not what is free for one more.  A promise is held for a quarter of an hour after the
    last chunk: an upload that was abandoned must not keep others away until it expires, and one
    that is resumed later than that takes its chance like a new one.

    Each file that begins asks what is promised, so that is not added up anew, however many there
    are.

    :param now: the clock.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._latest = float("-inf")
        self._held: dict[str, _Promise] = {}  # the oldest first
        self._lapsed: dict[str, int] = {}
        self._total = 0

    def promised(self) -> int:
        """How many bytes are promised to those who are active."""
        now = self._time()
        while self._held:
            key, promise = next(iter(self._held.items()))
            if now - promise.since <= _HELD:
                break
            self._lapsed[key] = self._take(key) or 0
        return self._total

    def promise(self, key: str, size: int) -> None:
        """Promise an upload so many bytes from now on."""
        self._take(key)
        self._held[key] = _Promise(size, self._time())
        self._total += size

    def written(self, key: str, size: int) -> None:
        """An upload has written so many of its bytes."""
        left = self._take(key)
        if left is not None:
            self.promise(key, left - size)

    def forget(self, key: str) -> None:
        """An upload needs no more."""
        self._take(key)

    def _take(self, key: str) -> int | None:
        """Hold a promise no more; how many bytes it was about, if there was one."""
        promise = self._held.pop(key, None)
        if promise is None:
            return self._lapsed.pop(key, None)
        self._total -= promise.left
        return promise.left

    def _time(self) -> float:
        now = self._now()
        if now < self._latest:
            # The clock was set back, and times lie in the future.
            for promise in self._held.values():
                promise.since = min(promise.since, now)
        self._latest = now
        return now
