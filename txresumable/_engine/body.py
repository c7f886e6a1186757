"""
The body of an upload: a head, a chunk that is read as it is sent, a tail.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.interfaces import IConsumer
from twisted.python.failure import Failure
from zope.interface import implementer

from .._http.body import IRequestBody
from .._policy.limiter import RateLimiter
from .._source.source import Source
from ..errors import TransportError

__all__ = ["PIECE", "ChunkBody"]

PIECE = 120 * 1024
"""
Bytes handed to a transport that keeps them, at a time.  From 128 KiB on, each buffer is a fresh
mapping and its page faults cost more than the bytes.
"""


@implementer(IRequestBody)
class ChunkBody:
    """
    A body that keeps no more than one piece in memory.

    An :class:`~txresumable._http.body.IDirectConsumer`, which keeps none, is given larger pieces,
    in memory that is used again: how much is worth reading it says itself.

    The source is checked before the first byte is read, and before the last piece is sent, so that
    a body with bytes of two contents is never complete.

    :ivar length: bytes in all.
    :ivar failure: why the source could not be sent, or :data:`None`.
    """

    failure: Failure | None = None
    _consumer: Any = None
    _done: Deferred[None] | None = None
    _reading: Deferred[Any] | None = None
    _limiting: Deferred[Any] | None = None
    _at = 0
    _direct = _pausing = _pumping = False

    def __init__(
        self,
        head: bytes,
        source: Source,
        start: int,
        end: int,
        tail: bytes,
        read_later: Callable[[Source, int, int], Deferred[bytes]],
        progress: Callable[[int], object] | None = None,
        limiter: RateLimiter | None = None,
    ) -> None:
        """
        :param head: sent before the chunk.
        :param source: what the chunk is read from; open.
        :param start: the chunk's first byte.
        :param end: the byte after its last.
        :param tail: sent after the chunk.
        :param read_later: reads what is not in memory, off the reactor thread.
        :param progress: told how many bytes of the chunk were handed over so far.
        :param limiter: holds pieces back to a rate.
        """
        self._head = head
        self._source = source
        self._start = start
        self._end = end
        self._tail = tail
        self._read_later = read_later
        self._progress = progress
        self._limiter = limiter
        self.length = len(head) + end - start + len(tail)

    def whole(self, head: bytes) -> bytes | None:
        """
        All of the request, if its body is small and at hand; otherwise, or to anyone who does not
        ask, that is given by :meth:`startProducing`.

        :param head: what comes before the body.
        :raises Exception: as the source cannot be read; :attr:`failure` says so, too.
        """
        size = self._end - self._start
        if size > PIECE or self._limiter is not None:
            return None
        try:
            piece = self._source.glance(self._start, size)
            if len(piece) < size:
                return None
            self._source.check()
        except BaseException:  # a file object of the user's may raise anything
            self.failure = Failure()
            raise
        return b"".join((head, self._head, piece, self._tail))

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """
        Send it all.

        :returns: a Deferred that fires when the last byte was handed over and fails if the source
            cannot be read; cancelling it stops.
        """
        if self._reading is not None:  # for a consumer that was given up
            self.stopProducing()
        self._consumer = consumer
        self._direct = self._limiter is None and getattr(consumer, "read_size", 0) > 0
        self._at = 0
        self._pausing = False
        try:
            self._source.check()
        except BaseException:  # a file object of the user's may raise anything
            self._fail(Failure())
        else:
            self._pump()
        if self.failure is not None:
            return fail(self.failure)
        if self._at == self.length and self._reading is None:
            return succeed(None)
        self._done = Deferred(lambda _: self.stopProducing())
        return self._done

    def pauseProducing(self) -> None:
        self._pausing = True

    def resumeProducing(self) -> None:
        self._pausing = False
        self._pump()

    def stopProducing(self) -> None:
        """Send nothing more.  Safe to call at any time, and more than once."""
        self._consumer = None
        self._done = None
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()

    @property
    def is_held_back(self) -> bool:
        """Whether it waits for its turn at the limiter: by our own will, not the peer's."""
        return self._reading is not None and self._reading is self._limiting

    @property
    def position(self) -> int:
        """How many bytes were handed over."""
        return self._at

    def _pump(self) -> None:
        """Hand over pieces until the consumer has enough, the disk is slow, or all is sent."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._consumer is not None and self._reading is None and not self._pausing:
                self._step()
        except BaseException:
            self._fail(Failure())
        finally:
            self._pumping = False

    def _step(self) -> None:
        start, left = self._next()
        if self._direct:
            if not self._consumer.read_size:
                self._pausing = True
                return
            piece = self._source.glance(start, min(self._consumer.read_size, left))
            if piece or not left:
                self._write_some(piece)
                return
        size = min(PIECE, left)
        if self._limiter is not None and size:
            size = min(size, self._limiter.quantum)
            wait = self._limiter.reserve(size)
            if wait is not None:
                self._limiting = wait
                self._wait_for(wait, lambda _: self._read(start, size))
                return
        self._read(start, size)

    def _next(self) -> tuple[int, int]:
        """:returns: from where in the source to go on, and how many bytes of the chunk are left."""
        start = max(self._start, self._start + self._at - len(self._head))
        return min(start, self._end), max(0, self._end - start)

    def _read(self, start: int, size: int) -> None:
        piece = self._source.read_now(start, size)
        if piece is not None:
            self._hand_over(piece)
            return
        self._wait_for(self._read_later(self._source, start, size), self._hand_over)

    def _wait_for(self, waiting: Deferred[Any], then: Callable[[Any], None]) -> None:
        self._reading = waiting

        def go_on(result: Any) -> None:
            if self._reading is waiting:
                self._reading = None
                try:
                    then(result)
                except BaseException:
                    self._fail(Failure())
                    return
                self._pump()

        def fall(failure: Failure) -> None:
            if failure.check(CancelledError) and self._consumer is None:
                return
            self._reading = None
            self._fail(failure)

        waiting.addCallbacks(go_on, fall)

    def _around(self, piece: bytes | memoryview) -> list[bytes | memoryview]:
        """The piece that comes next, with what is left of the head and the tail next to it."""
        before, size = len(self._head), self._end - self._start
        parts: list[bytes | memoryview] = []
        if self._at < before:
            parts.append(self._head[self._at :])
        if piece:
            parts.append(piece)
        if max(0, self._at - before) + len(piece) >= size:
            self._source.check()
            parts.append(self._tail[max(0, self._at - before - size) :])
        return parts

    def _write_some(self, piece: bytes | memoryview) -> None:
        parts = self._around(piece)
        self._advance(self._consumer.write_some(parts))

    def _hand_over(self, piece: bytes | memoryview) -> None:
        data = b"".join(self._around(piece))
        try:
            self._consumer.write(data)
        except BaseException as error:  # of a client of the user's: it ends this attempt only
            raise TransportError(f"{type(error).__name__}: {error}") from error
        self._advance(len(data))

    def _advance(self, taken: int) -> None:
        self._at += taken
        if self._progress is not None and self._consumer is not None:
            loaded = min(self._at - len(self._head), self._end - self._start)
            if loaded > 0:
                self._progress(loaded)
        if self._at == self.length and self._consumer is not None:  # not stopped meanwhile
            done, self._done, self._consumer = self._done, None, None
            if done is not None:
                done.callback(None)

    def _fail(self, failure: Failure) -> None:
        self.failure = failure
        done, self._done, self._consumer = self._done, None, None
        if done is not None:
            done.errback(failure)
