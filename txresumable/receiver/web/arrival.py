"""
The body of one upload request, on its way from the network to the disk.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping

from attrs import evolve
from twisted.internet.defer import Deferred

from ..store.chunk import Chunk
from ..store.interface import Entry
from ..store.refused import Refused
from ..store.writer import ChunkSink
from .form import BodyParser, Event, Field, Mark
from .parameters import ChunkReader

__all__ = ["Arrival"]

Begin = Callable[[Chunk], Awaitable[Entry]]


class Arrival:
    """
    Takes a body as it comes and writes the chunk in it.

    Once the request is refused, the rest of its body is read and discarded.

    :param parser: parses the body.
    :param url: the parameters of the URL.
    :param reader: reads parameters.
    :param begin: gives the upload that a chunk belongs to.
    :ivar done: fires with the upload, to be released, when the chunk is durable; fails with
        :class:`Refused` or :exc:`OSError`, perhaps before the body ends.
    :ivar pause: called when no more of the body can be taken for now.
    :ivar resume: called when it can be again.
    :ivar cut_off: called when the request was refused while its body does not go on.
    """

    def __init__(
        self, parser: BodyParser, url: Mapping[str, str], reader: ChunkReader, begin: Begin
    ) -> None:
        self._parser = parser
        self._url = url
        self._reader = reader
        self._begin = begin
        self._fields: list[tuple[str, str]] = []
        self._events: deque[Event | Refused] = deque()
        self._awaited: Deferred[None] | None = None
        self._over = False
        self._refused = False
        self._paused = False
        self.pause: Callable[[], None] = lambda: None
        self.resume: Callable[[], None] = lambda: None
        self.cut_off: Callable[[], None] = lambda: None
        self.done: Deferred[Entry] = Deferred.fromCoroutine(self._receive())

    @property
    def over(self) -> bool:
        """Whether nothing more of the body matters."""
        return self._over

    def begin(self) -> None:
        """Begin with what is known before the body arrives."""
        self._take(self._parser.begin())

    def feed(self, data: bytes) -> None:
        """Take more of the body."""
        self._take(self._parser.parse(data))
        if self._awaited is None and not (self._over or self._paused):
            # It is waiting for the disk and not for more of the body.
            self._paused = True
            self.pause()

    def end(self) -> None:
        """The body is all there."""
        self._take(self._parser.end())

    def refuse(self, error: Refused) -> None:
        """Give up, unless the body is all there."""
        if not (self._over or self._refused):
            self._refused = True
            self._events.append(error)
            self._wake()

    def lost(self) -> None:
        """The rest of the body will not come, and nobody waits for a response."""
        self.done.addErrback(lambda _: None)
        self.refuse(Refused(400, "the request ended too early"))

    def _give_way(self, error: Refused) -> None:
        """Others cannot wait for the rest of the chunk."""
        if not (self._over or self._refused):
            self.refuse(error)
            self.cut_off()

    def _take(self, events: Iterator[Event]) -> None:
        if self._over or self._refused:
            return
        try:
            self._events.extend(events)
        except Refused as error:
            self.refuse(error)
        self._wake()

    def _wake(self) -> None:
        awaited, self._awaited = self._awaited, None
        if awaited is not None:
            awaited.callback(None)

    async def _next(self) -> Event:
        while not self._events:
            if self._paused:
                # More may come at once.
                self._paused = False
                self.resume()
                continue
            self._awaited = Deferred()
            await self._awaited
        event = self._events.popleft()
        if isinstance(event, Refused):
            raise event
        return event

    async def _receive(self) -> Entry:
        entry: Entry | None = None
        sink: ChunkSink | None = None
        stored = False
        try:
            chunk = await self._described()
            entry = await self._begin(chunk)
            sink = await entry.claim(chunk)
            sink.cut_off = self._give_way
            early = len(self._fields)
            while (event := await self._next()) is not Mark.END:
                if isinstance(event, bytes):
                    held = sink.write(event)
                    if held is not None:
                        await held
                elif isinstance(event, Field):
                    self._fields.append((event.name, event.value))
            if len(self._fields) > early:
                chunk = self._confirmed(chunk)
            self._over = True
            await sink.commit(chunk.checksum)
            stored = True
            return entry
        finally:
            self._over = True
            self._events.clear()
            if sink is not None:
                sink.abandon()
            if entry is not None and not stored:
                entry.release()
            if self._paused:
                self.resume()

    async def _described(self) -> Chunk:
        """What the request says before its chunk."""
        while (event := await self._next()) is not Mark.BEGIN:
            if isinstance(event, Field):
                self._fields.append((event.name, event.value))
        return self._read()

    def _confirmed(self, chunk: Chunk) -> Chunk:
        """
        What the request says as a whole: a checksum may follow the chunk, all else that does
        must repeat what stood before it, since that decided where the chunk went.
        """
        whole = self._read()
        if evolve(whole, checksum=chunk.checksum) != chunk:
            raise Refused(400, "what describes a chunk must stand before it")
        return whole

    def _read(self) -> Chunk:
        return self._reader.read(self._url, self._fields)
