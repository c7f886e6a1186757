"""
A range of an object, while it arrives.
"""

from __future__ import annotations

from collections.abc import Callable

from ...._http.response import Response
from ..interface import Unavailable

__all__ = ["ByteRange"]


class ByteRange:
    """
    Takes the bytes of a range from the response to a request for it, and no others.

    :param start: the first byte.
    :param end: the one after the last.
    :param write: called with the bytes, piece by piece.
    :ivar header: what a request says of it.
    :ivar size: how many bytes it has.
    """

    def __init__(self, start: int, end: int, write: Callable[[bytes], object]) -> None:
        self.end = end
        self.size = end - start
        self.header = f"bytes={start}-{end - 1}"
        self._start = start
        self._write = write
        self._arrived = 0

    def of(self, response: Response) -> Callable[[bytes], object] | None:
        """What takes the body of a response, by its head; nothing if it has other bytes."""
        length = response.header("content-length")
        is_it = response.code == 206 or (response.code == 200 and not self._start)
        return self._take if is_it and length in (None, str(self.size)) else None

    def check(self, what: str) -> None:
        """
        See that all of it has arrived, after a success.

        :raises Unavailable: if it has not, or other bytes have.
        """
        if self._arrived != self.size:
            raise Unavailable(f"{what}: that is not what arrived")

    def _take(self, data: bytes) -> None:
        self._arrived += len(data)
        if self._arrived <= self.size:
            self._write(data)
