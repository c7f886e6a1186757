"""Tests for the tests of stores: the folder passes them, and a store that is wrong does not."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from attrs import define, field
from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.reporter import TestResult
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.receiver_rig import QuickDisk
from txresumable.receiver import Chunk, ReceivedFile, Refused, Store
from txresumable.receiver.store import at_once
from txresumable.receiver.store.present import Present
from txresumable.testing import UploadStoreTests


class FolderTests(UploadStoreTests, TestCase):
    """A folder, in the reactor's threads."""

    root = ""

    async def make_store(self) -> Store:
        self.root = self.root or self.mktemp()
        return Store(self.root, reactor=reactor)


class FolderAtOnceTests(UploadStoreTests, TestCase):
    """A folder, without threads."""

    root = ""

    async def make_store(self) -> Store:
        self.root = self.root or self.mktemp()
        return Store(self.root, reactor=reactor, _run=at_once, _disk=QuickDisk())


@define(eq=False)
class MemorySink:
    """A chunk on its way into memory."""

    store: MemoryStore
    entry: MemoryEntry
    chunk: Chunk
    data: bytearray = field(factory=bytearray)
    cut_off: Callable[[Refused], None] = lambda error: None

    def write(self, data: bytes) -> None:
        self.data += data
        if len(self.data) > self.chunk.length and not self.store.has("long"):
            raise Refused(400, "too long")
        if self.store.has("mixed"):
            self.entry.chunks.setdefault(self.chunk.offset, bytearray()).extend(data)
        if self.store.has("early"):
            self.entry.chunks[self.chunk.offset] = self.data

    async def commit(self, checksum: str = "") -> None:
        if len(self.data) < self.chunk.length and not self.store.has("short"):
            raise Refused(400, "too short")
        wanted = self.chunk.checksum if self.store.has("late") else checksum or self.chunk.checksum
        found = sha256(self.data).hexdigest()
        if wanted not in ("", found) and not self.store.has("unchecked"):
            raise Refused(422, "another digest")
        stored = self.entry.chunks.setdefault(self.chunk.offset, self.data)
        if stored != self.data and not self.store.has("any"):
            raise Refused(409, "other bytes")

    def abandon(self) -> None:
        pass


@define(eq=False)
class MemoryEntry:
    """An upload in memory."""

    store: MemoryStore
    owner: str
    first: Chunk
    chunks: dict[int, bytearray] = field(factory=dict)
    file: ReceivedFile | None = None
    claimed: set[int] = field(factory=set)

    def __enter__(self) -> MemoryEntry:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def release(self) -> None:
        pass

    @property
    def full(self) -> bool:
        return len(self.chunks) == self.first.layout.count or self.store.has("full")

    def ranges(self) -> str:
        if self.store.has("ranges"):
            return "1"
        count = self.first.layout.count
        return Present.decode(bytes(offset in self.chunks for offset in range(count))).ranges()

    async def holds(self, chunk: Chunk) -> bool:
        data = self.chunks.get(chunk.offset)
        if data is None:
            return self.store.has("holds")
        return not chunk.checksum or sha256(data).hexdigest() == chunk.checksum

    async def claim(self, chunk: Chunk) -> MemorySink:
        if self.store.has("claimed") and chunk.offset in self.claimed:
            raise Refused(503, "another request sends this chunk")
        self.claimed.add(chunk.offset)
        return MemorySink(self.store, self, chunk)

    def finish(self) -> Deferred[ReceivedFile]:
        order = self.chunks if self.store.has("order") else sorted(self.chunks)
        content = b"".join(self.chunks[offset] for offset in order)
        if self.store.has("facts"):
            content += b"x"
        if self.file is None or self.store.has("anew"):
            path = self.first.file_name if self.store.has("name") else str(len(self.store.files))
            self.store.files[path] = content
            self.file = ReceivedFile(
                path=path,
                size=self.first.layout.size,
                sha256=sha256(content).hexdigest(),
                identifier=self.first.identifier,
                file_name=self.first.file_name,
                relative_path="" if self.store.has("path") else self.first.relative_path,
                owner=self.owner,
                type=self.first.type,
                parameters=self.first.parameters,
            )
        return succeed(self.file)


class MemoryStore:
    """A store in memory, with a fault or without."""

    def __init__(
        self, uploads: dict[Any, MemoryEntry], files: dict[str, bytes], fault: str
    ) -> None:
        self.uploads = uploads
        self.files = files
        self.fault = fault
        self.closed = False

    def has(self, fault: str) -> bool:
        return self.fault == fault

    def _key(self, owner: str, chunk: Chunk) -> object:
        if self.has("joined"):
            return owner + chunk.identifier
        return (owner, chunk.identifier.lower() if self.has("case") else chunk.identifier)

    async def find(self, owner: str, chunk: Chunk, *, again: bool = False) -> MemoryEntry | None:
        if self.closed and not self.has("open"):
            raise Refused(503, "closed")
        found = self.uploads.get(self._key(owner, chunk))
        if found is None and self.has("makes"):
            return await self.begin(owner, chunk)
        if found is not None and found.first.layout != chunk.layout and not self.has("layout"):
            raise Refused(400, "another file")
        for entry in self.uploads.values():
            entry.store = self
        return found

    async def begin(self, owner: str, chunk: Chunk, *, again: bool = False) -> MemoryEntry:
        found = None if self.has("makes") else await self.find(owner, chunk)
        if found is None:
            found = MemoryEntry(self, owner, chunk)
            self.uploads[self._key(owner, chunk)] = found
        return found

    async def abandon(self, owner: str, chunk: Chunk) -> bool:
        found = self.uploads.get(self._key(owner, chunk))
        if found is not None and found.file is not None and not self.has("drops"):
            raise Refused(409, "complete")
        if found is not None and not self.has("keeps"):
            del self.uploads[self._key(owner, chunk)]
        return found is not None

    def check(self) -> Deferred[None]:
        return (
            fail(Refused(503, "closed")) if self.closed and not self.has("open") else succeed(None)
        )

    def recover(self) -> Deferred[None]:
        return succeed(None)

    def sweep(self) -> Deferred[int]:
        if self.has("sweeps"):
            self.uploads.clear()
        return succeed(0)

    def close(self) -> Deferred[None]:
        self.closed = True
        if self.has("forgets"):
            self.uploads.clear()
        return succeed(None)


class MemoryTests(UploadStoreTests, TestCase):
    """A store in memory."""

    fault = ""

    async def make_store(self) -> MemoryStore:
        if not hasattr(self, "uploads"):
            self.uploads: dict[Any, MemoryEntry] = {}
            self.files: dict[str, bytes] = {}
        return MemoryStore(self.uploads, self.files, self.fault)

    async def content_of(self, file: ReceivedFile) -> bytes:
        return self.files[file.path]


FAULTS = {
    "makes": "absent",
    "full": "not_full",
    "ranges": "begun",
    "holds": "chunks",
    "order": "at_once",
    "facts": "file",
    "path": "file",
    "anew": "finished_once",
    "joined": "owners",
    "case": "owners",
    "name": "names",
    "layout": "other_layout",
    "long": "length",
    "short": "length",
    "unchecked": "checksum",
    "late": "late_checksum",
    "any": "again",
    "early": "abandoned",
    "mixed": "two_senders",
    "claimed": "sent_anew",
    "keeps": "forgotten",
    "drops": "arrived",
    "forgets": "durable",
    "sweeps": "sweeps",
    "open": "closed",
}


class WrongStoreTests(SynchronousTestCase):
    """Stores that are wrong."""

    def failed(self, fault: str, name: str) -> bool:
        """Whether a test fails for a store with a fault."""

        class WrongTests(MemoryTests):
            pass

        WrongTests.fault = fault
        test, result = WrongTests(f"test_{name}"), TestResult()
        test.run(result)
        return not result.wasSuccessful()

    def test_faults(self) -> None:
        """Each fault of a store is found by the test for it, which a right one passes."""
        for fault, name in FAULTS.items():
            self.assertTrue(self.failed(fault, name), fault)
            self.assertFalse(self.failed("", name), name)

    def test_all(self) -> None:
        """There is a fault for each test, apart from what is only one of several ways to fail."""
        names = {name[5:] for name in dir(UploadStoreTests) if name.startswith("test_")}
        others = {"is_a_store", "empty", "recovers"}
        self.assertEqual(names - set(FAULTS.values()), others)
