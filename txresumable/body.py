"""
The body of an upload: a head, a chunk that is read as it is sent, a tail.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.interfaces import IConsumer
from twisted.python.failure import Failure
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

from .limiter import RateLimiter
from .source import Source

__all__ = ["PIECE", "ChunkBody"]

PIECE = 120 * 1024
"""
Bytes handed to the transport at a time.  From 128 KiB on, each buffer is a fresh mapping and its
page faults cost more than the bytes.
"""


@implementer(IBodyProducer)
class ChunkBody:
    """
    An ``IBodyProducer`` that keeps no more than one piece in memory.

    The source is checked before the first byte is read and before the last piece is sent, so that
    a body with bytes of two contents is never complete.

    :ivar length: bytes in all.
    :ivar failure: why the source could not be sent, or :data:`None`.
    """

    __slots__ = (
        "_consumer",
        "_done",
        "_end",
        "_glances",
        "_head",
        "_limiter",
        "_moved",
        "_pausing",
        "_position",
        "_progress",
        "_pumping",
        "_read_later",
        "_reading",
        "_source",
        "_start",
        "_tail",
        "failure",
        "length",
    )

    def __init__(
        self,
        head: bytes,
        source: Source,
        start: int,
        end: int,
        tail: bytes,
        *,
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
        self._start = self._position = start
        self._end = end
        self._tail = tail
        self._read_later = read_later
        self._progress = progress
        self._limiter = limiter
        self.length = len(head) + end - start + len(tail)
        self.failure: Failure | None = None
        self._consumer: Any = None
        self._done: Deferred[None] | None = None
        self._reading: Deferred[Any] | None = None
        self._glances = self._pausing = self._pumping = self._moved = False

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """
        Send it all.

        :returns: a Deferred that fires when the last byte was handed over and fails if the source
            cannot be read; cancelling it stops.
        """
        self._consumer = consumer
        self._glances = getattr(consumer, "keeps_nothing", False) is True
        self._position = self._start
        self._pausing = False
        try:
            self._source.check()
            if self._end - self._start <= PIECE and self._limiter is None:
                piece = self._source.glance(self._start, self._end - self._start)
                if piece is not None:
                    self._source.check()
                    self._position = self._end
                    consumer.write(b"".join((self._head, piece, self._tail)))
                    self._consumer = None
                    if self._progress is not None:
                        self._progress(self._end - self._start)
                    return succeed(None)
        except Exception:  # a file object of the user's may raise anything
            self._consumer = None
            self.failure = Failure()
            return fail(self.failure)
        done: Deferred[None] = Deferred(lambda _: self.stopProducing())
        self._done = done
        if self._head:
            consumer.write(self._head)
        self._pump()
        return done

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

    def take_moved(self) -> bool:
        """Whether any byte was handed over since this was last asked."""
        moved, self._moved = self._moved, False
        return moved

    def _pump(self) -> None:
        """Hand over pieces until the consumer has enough, the disk is slow, or all is sent."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._consumer is not None and self._reading is None and not self._pausing:
                self._step()
        except Exception:
            self._fail(Failure())
        finally:
            self._pumping = False

    def _step(self) -> None:
        size = min(PIECE, self._end - self._position)
        if self._limiter is not None:
            size = min(size, self._limiter.quantum)
            wait = self._limiter.reserve(size)
            if wait is not None:
                self._wait_for(wait, lambda _: self._read(size))
                return
        self._read(size)

    def _read(self, size: int) -> None:
        look = self._source.glance if self._glances else self._source.read_now
        piece = look(self._position, size)
        if piece is not None:
            self._hand_over(piece)
            return
        self._wait_for(self._read_later(self._source, self._position, size), self._hand_over)

    def _wait_for(self, waiting: Deferred[Any], then: Callable[[Any], None]) -> None:
        self._reading = waiting

        def go_on(result: Any) -> None:
            if self._reading is waiting:
                self._reading = None
                try:
                    then(result)
                except Exception:
                    self._fail(Failure())
                    return
                self._pump()

        def fall(failure: Failure) -> None:
            if failure.check(CancelledError) and self._consumer is None:
                return
            self._reading = None
            self._fail(failure)

        waiting.addCallbacks(go_on, fall)

    def _hand_over(self, piece: bytes | memoryview) -> None:
        self._position += len(piece)
        self._moved = True
        last = self._position == self._end
        if last:
            self._source.check()
        consumer = self._consumer
        consumer.write(piece)
        if self._consumer is None:  # stopped meanwhile
            return
        if self._progress is not None:
            self._progress(self._position - self._start)
        if last and self._consumer is not None:
            if self._tail:
                consumer.write(self._tail)
            done, self._done, self._consumer = self._done, None, None
            if done is not None:
                done.callback(None)

    def _fail(self, failure: Failure) -> None:
        self.failure = failure
        done, self._done, self._consumer = self._done, None, None
        if done is not None:
            done.errback(failure)
