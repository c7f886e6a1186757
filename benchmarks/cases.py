"""What is measured: the cases, and the files that they send."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True)
class Case:
    """
    One thing to measure.

    :param name: what the table calls it.
    :param title: what it is, in words.
    :param chunks: how many chunks each file has.
    :param chunk_size: bytes of a chunk.
    :param files: how many files.
    :param path: where the sink takes it; this decides what it answers to a test.
    :param test_chunks: whether each chunk is tested before it is sent.
    :param stored: whether the tests say "there", so that nothing is sent.
    :param sparse: the file's bytes are never sent, so that it need not have any.
    :param secure: over TLS.
    :param large: how many chunks a file has that is added before the others.
    :param size: bytes of each of those, if it is less than a chunk.
    """

    name: str
    title: str
    chunks: int
    chunk_size: int
    files: int = 1
    path: str = "/upload"
    test_chunks: bool = False
    stored: bool = False
    sparse: bool = False
    secure: bool = False
    large: int = 0
    size: int = 0

    @property
    def file_size(self) -> int:
        """Bytes of each file."""
        return self.size or self.chunks * self.chunk_size

    @property
    def units(self) -> int:
        """Chunks of all files: what a time is divided by."""
        return self.chunks * self.files + self.large

    @property
    def payload(self) -> int:
        """Bytes that have to arrive."""
        return 0 if self.stored else self.files * self.file_size + self.large * self.chunk_size

    def scaled(self, scale: float) -> Case:
        """The same with fewer chunks, or files, to try things out."""
        from dataclasses import replace

        if self.files > 1:
            return replace(self, files=max(int(self.files * scale), 1))
        return replace(self, chunks=max(int(self.chunks * scale), 1))

    def make_files(self, folder: Path) -> list[Path]:
        """The files to send, made if they are not there yet, and in the page cache."""
        before = []
        if self.large:
            before = Case("large", "", self.large, self.chunk_size).make_files(folder)
        paths = [
            folder / f"{self.files}x{self.file_size}-{number}.dat" for number in range(self.files)
        ]
        block = os.urandom(MIB)
        for path in paths:
            if not path.exists():
                with path.open("wb") as file:
                    for start in range(0, 0 if self.sparse else self.file_size, MIB):
                        file.write(block[: min(MIB, self.file_size - start)])
                    file.truncate(self.file_size)
            if not self.sparse:
                with path.open("rb", buffering=0) as file:
                    while file.read(MIB):
                        pass
        return before + paths


CASES = (
    Case("big", "1 GiB in chunks of 1 MiB", 1024, MIB),
    Case("big16", "1 GiB in chunks of 16 MiB", 64, 16 * MIB),
    Case("small", "4,096 chunks of 16 KiB", 4096, 16 * KIB),
    Case(
        "scan",
        "10,000 tests, every chunk is there",
        10_000,
        16 * KIB,
        path="/scan",
        test_chunks=True,
        stored=True,
        sparse=True,
    ),
    Case("many", "5,000 files of 4 KiB", 1, 4 * KIB, files=5000),
    Case("tls", "1 GiB in chunks of 1 MiB, over TLS", 1024, MIB, secure=True),
    Case(
        "fresh",
        "1,000 chunks of 16 KiB, tests on, none is there",
        1000,
        16 * KIB,
        path="/fresh",
        test_chunks=True,
    ),
)
