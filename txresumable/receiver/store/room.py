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

    :param now: the clock.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._promises: dict[str, _Promise] = {}

    def promised(self) -> int:
        """How many bytes are promised to those who are active."""
        now, total = self._now(), 0
        for promise in self._promises.values():
            # After the clock was set back a time lies in the future.
            promise.since = min(promise.since, now)
            if now - promise.since <= _HELD:
                total += promise.left
        return total

    def promise(self, key: str, size: int) -> None:
        """Promise an upload so many bytes from now on."""
        self._promises[key] = _Promise(size, self._now())

    def written(self, key: str, size: int) -> None:
        """An upload has written so many of its bytes."""
        promise = self._promises.get(key)
        if promise is not None:
            promise.left -= size
            promise.since = self._now()

    def forget(self, key: str) -> None:
        """An upload needs no more."""
        self._promises.pop(key, None)
