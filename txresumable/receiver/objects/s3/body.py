"""
The body of a request, from memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConsumer
from twisted.python.failure import Failure
from zope.interface import implementer

from ...._http.body import IRequestBody

__all__ = ["PiecesBody"]

_SMALL = 64 * 1024
_PIECE = 120 * 1024
_MOST_PIECES = 64


@implementer(IRequestBody)
class PiecesBody:
    """
    Pieces that follow each other.  They are not copied, unless the transport keeps them.

    :ivar length: bytes in all.
    """

    failure: Failure | None = None
    is_held_back = False
    _consumer: Any = None
    _done: Deferred[None] | None = None
    _at = _index = _offset = 0
    _direct = _paused = _pumping = False

    def __init__(self, pieces: Sequence[memoryview]) -> None:
        self._pieces = pieces
        self.length = sum(map(len, pieces))

    @property
    def position(self) -> int:
        """How many bytes were handed over."""
        return self._at

    def whole(self, head: bytes) -> bytes | None:
        """All of the request, if it is small."""
        if self.length > _SMALL:
            return None
        return b"".join((head, *self._pieces))

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """
        Send it all.

        :returns: a Deferred that fires when the last byte was handed over; cancelling it stops.
        """
        self._at = self._index = self._offset = 0
        self._paused = False
        self._consumer = consumer
        self._direct = getattr(consumer, "read_size", 0) > 0
        self._pump()
        if self._at == self.length:
            return succeed(None)
        self._done = Deferred(lambda _: self.stopProducing())
        return self._done

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        self._pump()

    def stopProducing(self) -> None:
        """Send nothing more."""
        self._consumer = self._done = None

    def _pump(self) -> None:
        """Hand over pieces until the consumer has enough, or all is sent."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._consumer is not None and not self._paused and self._at < self.length:
                self._step()
        finally:
            self._pumping = False
        if self._at == self.length and self._consumer is not None:
            done, self._done, self._consumer = self._done, None, None
            if done is not None:
                done.callback(None)

    def _step(self) -> None:
        if not self._direct:
            data = b"".join(self._next(_PIECE))
            self._consumer.write(data)
            self._advance(len(data))
        elif self._consumer.read_size:
            self._advance(self._consumer.write_some(self._next(self._consumer.read_size)))
        else:
            self._paused = True

    def _next(self, size: int) -> list[memoryview]:
        """What comes next, of at most so many bytes."""
        found: list[memoryview] = []
        offset = self._offset
        for piece in self._pieces[self._index : self._index + _MOST_PIECES]:
            part = piece[offset : offset + size]
            found.append(part)
            size -= len(part)
            offset = 0
            if not size:
                break
        return found

    def _advance(self, taken: int) -> None:
        self._at += taken
        self._offset += taken
        while self._index < len(self._pieces) and self._offset >= len(self._pieces[self._index]):
            self._offset -= len(self._pieces[self._index])
            self._index += 1
