"""What a client of the benchmarks is given to do, and what it has to tell."""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote

KEPT = 256


class Piece(NamedTuple):
    """One chunk to send: where to, from which open file, which bytes, and what a form says."""

    url: str
    descriptor: int
    offset: int
    size: int
    fields: list[tuple[str, str]]

    def read(self) -> bytes:
        """The bytes of the chunk."""
        return os.pread(self.descriptor, self.size, self.offset)


@dataclass(frozen=True)
class Job:
    """
    One case, as it is handed to a client on its standard input.

    :param url: where to send to.
    :param files: paths of the files.
    :param chunk_size: bytes of a chunk; all files are multiples of it.
    :param test_chunks: whether to test each chunk first.
    :param at_once: how many requests to have in flight.
    :param certificate: path of the certificate to trust.
    :param core: the core to run on.
    :param smallest_first: whether small files go before large ones.
    :param priority: the nice value to go on with, if it began with another.
    """

    url: str
    files: list[str]
    chunk_size: int
    test_chunks: bool
    at_once: int
    certificate: str
    core: int
    smallest_first: bool = False
    priority: int | None = None

    @classmethod
    def read(cls) -> Job:
        """The job on standard input; this process is pinned to its core from here on."""
        job = cls(**json.load(sys.stdin))
        os.sched_setaffinity(0, {job.core})
        if job.priority is not None:
            os.setpriority(os.PRIO_PROCESS, 0, job.priority)
        return job

    @property
    def secure(self) -> bool:
        """Whether it goes over TLS."""
        return self.url.startswith("https:")

    def parameters(self, path: str, number: int) -> dict[str, str]:
        """The nine parameters of one chunk."""
        size = os.path.getsize(path)
        name = os.path.basename(path)
        return {
            "resumableChunkNumber": str(number),
            "resumableChunkSize": str(self.chunk_size),
            "resumableCurrentChunkSize": str(self.chunk_size),
            "resumableTotalSize": str(size),
            "resumableType": "application/octet-stream",
            "resumableIdentifier": f"{size}-{name.replace('.', '')}",
            "resumableFilename": name,
            "resumableRelativePath": name,
            "resumableTotalChunks": str(size // self.chunk_size),
        }

    def pieces(self) -> Iterator[Piece]:
        """
        Every chunk, its parameters in the URL.

        The part of the URL that all chunks of a file share is built once, which is what a careful
        user of a plain HTTP client would do; so are the fields of a form, all but the number of the
        chunk. Files are closed when no chunk of them can be in flight any more, the last few by the
        end of the process.
        """
        descriptors: list[int] = []
        for path in self.files:
            descriptors.append(os.open(path, os.O_RDONLY))
            fields = list(self.parameters(path, 1).items())[1:]
            shared = "".join(f"&{name}={quote(value, '')}" for name, value in fields)
            for number in range(os.path.getsize(path) // self.chunk_size):
                url = f"{self.url}?resumableChunkNumber={number + 1}{shared}"
                offset = number * self.chunk_size
                yield Piece(url, descriptors[-1], offset, self.chunk_size, fields)
            if len(descriptors) > KEPT:  # so far behind is none of the threads
                os.close(descriptors.pop(0))


class Meter:
    """Measures from :meth:`start` to :meth:`stop`, and prints the result on standard output."""

    def start(self) -> None:
        """From here on: what the imports left behind is nobody's work."""
        gc.collect()
        self._use = resource.getrusage(resource.RUSAGE_SELF)
        self._time = time.perf_counter()
        self._small = 0.0

    def small_are_there(self) -> None:
        """From the start until here, all files arrived but the first."""
        self._small = time.perf_counter() - self._time

    def stop(self) -> None:
        """Up to here: seconds, CPU seconds of all threads, and the peak of memory in bytes."""
        wall = time.perf_counter() - self._time
        use = resource.getrusage(resource.RUSAGE_SELF)
        cpu = use.ru_utime + use.ru_stime - self._use.ru_utime - self._use.ru_stime
        measured = {"wall": wall, "cpu": cpu, "rss": peak_rss(), "small": self._small}
        print(json.dumps(measured), flush=True)


def peak_rss() -> int:
    """
    Most bytes of memory that this process ever had resident.

    ``ru_maxrss`` will not do: it begins with that of the process which forked this one.
    """
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    raise OSError("no VmHWM in /proc/self/status")
