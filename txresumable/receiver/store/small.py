"""
Small files, of which nothing is written before they have arrived whole.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred, succeed

from .admission import Admission
from .chunk import Chunk
from .completion import Completion
from .entry import RecordedEntry, ReleasedAtEnd
from .finished import FinishedUpload, Shelf
from .received import ReceivedFile
from .record import Done, Record
from .refused import Refused
from .small_groups import Groups
from .state import State, check
from .uploads import OpenUploads
from .whole import WholeFile
from .work import Work
from .writer import ChunkSink, Sink

__all__ = ["SMALL", "SmallFile", "SmallFiles"]

SMALL = 256 * 1024
"""The most bytes of a file that is kept in memory until it is there."""

Ordinary = Callable[[], Awaitable[RecordedEntry]]


class SmallFile(ReleasedAtEnd):
    """
    A :class:`~txresumable.receiver.store.entry.RecordedEntry` of a file that arrives in one chunk.

    When it is there it is stored with others, or, if that cannot be, as any upload is: then this
    stands for the entry of that.

    :param files: what stores it.
    :param key: its name in the private folder.
    :param record: what it is.
    :param ordinary: begins an upload of it that is like any other.
    :ivar is_removed: whether its client has abandoned it.
    """

    def __init__(self, files: SmallFiles, key: str, record: Record, ordinary: Ordinary) -> None:
        self.key = key
        self.record = record
        self.ordinary = ordinary
        self.is_removed = False
        self._files = files
        self._entry: RecordedEntry | None = None
        self._received: ReceivedFile | None = None

    def release(self) -> None:
        """Use it no more."""
        self._files.forget(self)
        if self._entry is not None:
            self._entry.release()

    def become(self, entry: RecordedEntry) -> None:
        """Stand for an entry."""
        self._entry = entry

    def received(self, upload: FinishedUpload) -> None:
        """It is in its place."""
        self._entry, self._received = upload, upload.file

    @property
    def full(self) -> bool:
        """Whether it is durable."""
        return self._entry is not None and self._entry.full

    def ranges(self) -> str:
        """Its chunk, once it is durable."""
        return "" if self._entry is None else self._entry.ranges()

    async def holds(self, chunk: Chunk) -> bool:
        """Whether the chunk is durable, and has the digest that was asked for, if any."""
        return self._entry is not None and await self._entry.holds(chunk)

    async def claim(self, chunk: Chunk) -> ChunkSink:
        """Where the chunk goes."""
        if self._entry is not None:
            return await self._entry.claim(chunk)
        return _SmallSink(self._files, self, chunk)

    def finish(self) -> Deferred[ReceivedFile]:
        """Fire with the file; it is in its place already, unless it came the ordinary way."""
        if self._received is not None:
            return succeed(self._received)
        assert self._entry is not None
        return self._entry.finish()


class _SmallSink(Sink):
    """Keeps a chunk until it is there."""

    def __init__(self, files: SmallFiles, file: SmallFile, chunk: Chunk) -> None:
        super().__init__(chunk, lambda: None)
        self._files = files
        self._file = file
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.count(data)
        self._pieces.append(data)

    async def commit(self, checksum: str = "") -> None:
        self.check_length()
        content, self._pieces = b"".join(self._pieces), []
        await self._files.store(self._file, self.chunk, content, checksum)

    def abandon(self) -> None:
        self._pieces = []


class SmallFiles:
    """
    Small files that are arriving.

    :param uploads: all others.
    :param groups: stores those that are there.
    :param admission: says whether one more may begin.
    :param shelf: where they go.
    :param completion: who is notified of files: there must be nobody, who might change them.
    :param work: what is under way in the store.
    :param possible: whether files may be stored so at all.
    """

    def __init__(
        self,
        uploads: OpenUploads,
        groups: Groups,
        admission: Admission,
        shelf: Shelf,
        completion: Completion,
        work: Work,
        *,
        possible: bool,
    ) -> None:
        self._uploads = uploads
        self._groups = groups
        self._admission = admission
        self._shelf = shelf
        self._completion = completion
        self._work = work
        self._possible = possible
        self._arriving: dict[str, SmallFile] = {}

    def begin(
        self, key: str, chunk: Chunk, wanted: Callable[[], Record], ordinary: Ordinary
    ) -> SmallFile | None:
        """
        Take a file that is small enough, if nothing of it is known in memory.

        :param wanted: gives its record.
        :param ordinary: begins an upload that is like any other.
        :returns: a use of it, to be released; nothing if it has to come the ordinary way.
        """
        if chunk.layout.count > 1 or chunk.layout.size > SMALL or not self._is_quick:
            return None
        if key in self._admission or key in self._arriving or self._work.closed:
            return None
        try:
            record = wanted()
            self._admission.announce(key, record)
        except Refused:
            return None  # as it is again, unless the file is there
        file = self._arriving[key] = SmallFile(self, key, record, ordinary)
        return file

    def abandon(self, key: str) -> bool:
        """Refuse what still arrives of a file; whether there is one."""
        file = self._arriving.get(key)
        if file is None:
            return False
        file.is_removed = True
        self.forget(file)
        return True

    def forget(self, file: SmallFile) -> None:
        """A file arrives no more."""
        if self._arriving.get(file.key) is file:
            del self._arriving[file.key]
            self._admission.withdraw(file.key)

    async def store(self, file: SmallFile, chunk: Chunk, content: bytes, checksum: str) -> None:
        """
        Store a file that is there.

        :raises Refused: if it is not what was announced, or may not be stored.
        :raises OSError: if the disk fails.
        """
        self._check(file)
        if self._is_quick and self._uploads.take(file.key):
            try:
                found = WholeFile(file.key, file.record, content, checksum or chunk.checksum)
                outcome = await self._groups.add(found)
                if isinstance(outcome, Done):
                    self.forget(file)
                    self._uploads.received(outcome)
                    file.received(self._shelf.upload(file.key, outcome))
                    return
                if outcome is not None:
                    raise outcome
            finally:
                self._uploads.give_back(file.key)
            self._check(file)
        self.forget(file)
        entry = await file.ordinary()
        file.become(entry)
        sink = await entry.claim(chunk)
        try:
            held = sink.write(content)
            if held is not None:
                await held
            await sink.commit(checksum)
        finally:
            sink.abandon()

    def _check(self, file: SmallFile) -> None:
        if file.is_removed:
            check(State.DISCARDED)

    @property
    def _is_quick(self) -> bool:
        return self._possible and self._groups.quick and not self._completion.has_observer
