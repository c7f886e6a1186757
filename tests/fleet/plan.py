"""
What is uploaded, and by whom: values, made from a seed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from random import Random
from typing import Final

from attrs import frozen

__all__ = ["WAYS", "File", "Job", "jobs"]

KIB: Final = 1024
# What becomes one part is put at once; parts of an object have 5 MiB at least, so that smaller
# chunks are read and put together, and larger ones are copied by the storage itself.
SIZES: Final = (
    *((16 * KIB, 60),) * 6,
    *((64 * KIB, 60),) * 3,
    *((256 * KIB, 60),) * 3,
    *((1024 * KIB, 20),) * 3,
    (8192 * KIB, 4),
)
WAYS: Final = ("shuffled",) * 4 + ("pair", "pair", "ours", "ours", "mixed", "python", "browser")
"""
``shuffled``: any order, a tenth of the chunks twice; ``pair``: two of these; ``ours``: our client;
``mixed``: ours and a shuffled one; ``python``: PyPI's ``resumable``; ``browser``: resumable.js.
"""


@frozen
class File:
    """
    A file.

    :ivar number: which one.
    :ivar name: no other has it.
    :ivar chunk_size: what it is divided by.
    """

    seed: int
    number: int
    name: str
    chunk_size: int
    size: int

    @property
    def chunks(self) -> int:
        """How many it has: the last one is up to twice as large as the others."""
        return max(1, self.size // self.chunk_size)

    def content(self) -> bytes:
        """Its bytes."""
        return Random(f"{self.seed}:{self.number}").randbytes(self.size)

    def digest(self) -> str:
        """Their SHA-256."""
        return hashlib.sha256(self.content()).hexdigest()

    def bounds(self, chunk: int) -> tuple[int, int]:
        """Where a chunk, from 1, begins and ends."""
        end = self.size if chunk == self.chunks else chunk * self.chunk_size
        return (chunk - 1) * self.chunk_size, end


@frozen
class Job:
    """
    What is uploaded together.

    :ivar way: by whom, see :data:`WAYS`.
    :ivar seed: of what else is random.
    :ivar files: of one chunk size.
    """

    way: str
    seed: int
    files: tuple[File, ...]


def jobs(random: Random, ways: Sequence[str], seed: int, first: int, count: int) -> list[Job]:
    """
    Jobs with so many files.

    :param ways: some of :data:`WAYS`.
    :param first: the number of the first file.
    """
    made: list[Job] = []
    number = first
    while number < first + count:
        way = ways[len(made)] if len(made) < len(ways) else random.choice(ways)
        chunk_size, most = random.choice(SIZES)
        if way in ("python", "browser"):
            most = max(1, most // 3)
            wanted = min(3, first + count - number)
        else:
            wanted = 1
        files: list[File] = []
        last = f"{number}.bin"
        for part in range(wanted):
            whole = random.randint(1, most) * chunk_size
            size = whole + random.choice((0, 1, random.randrange(chunk_size)))
            name = f"{number}.bin"
            if way == "browser" and wanted > 1:
                # The page divides a content into equal parts, and names them by their place.
                name = f"{part}-{last}"
                size = files[0].size if files else size
            files.append(File(seed, number, name, chunk_size, size))
            number += 1
        made.append(Job(way, random.getrandbits(32), tuple(files)))
    random.shuffle(made)
    return made
