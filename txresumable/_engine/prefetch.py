"""
Opening files off the reactor thread, several at a time, and never all at once.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from .._runtime.threads import run_in_thread
from .._source.source import Source
from .file import READY, ResumableFile

__all__ = ["Opener", "out_of_descriptors"]

AHEAD = 32
"""How many files are open before they are needed, at the most."""

_T = TypeVar("_T")


class Opener:
    """
    Keeps the sources open that are being sent, and those that come next.

    :ivar half_way: with the first chunk of this file it is time to open more.
    :param reactor: its threads open and read.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._opening: dict[ResumableFile, list[Deferred[None]]] = {}
        self.half_way: ResumableFile | None = None

    def open(self, file: ResumableFile, following: Iterable[ResumableFile]) -> Deferred[None]:
        """
        Open a file, and at the same time those that are likely to be next.

        :returns: a Deferred that fires when the file can be read and fails as opening failed.
        """
        if file._source.is_open:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        if file in self._opening:
            self._opening[file].append(waiting)
        else:
            self._opening[file] = [waiting]
            self._open([file, *self._closed(following)])
        return waiting

    def open_ahead(self, following: Iterable[ResumableFile]) -> None:
        """Open those that are likely to be next, before anybody has to wait for them."""
        batch = self._closed(following)
        if batch:
            self._open(batch)

    def _closed(self, files: Iterable[ResumableFile]) -> list[ResumableFile]:
        return [file for file in files if not file._source.is_open and file not in self._opening]

    def _open(self, batch: list[ResumableFile]) -> None:
        for file in batch:
            self._opening.setdefault(file, [])
        self.half_way = batch[max(0, len(batch) - AHEAD // 2)]
        opened = run_in_thread(self._reactor, _all, [each._source.open for each in batch])
        opened.addErrback(lambda failure: [failure] * len(batch))  # no thread could be started
        opened.addCallback(self._opened, batch)

    def _opened(self, results: list[Any], batch: list[ResumableFile]) -> None:
        for file, result in zip(batch, results, strict=True):
            waiting = self._opening.pop(file)
            if file.state is not READY:  # it ended meanwhile
                file._source.close()
            for waiter in waiting:
                waiter.callback(result)

    def read(self, source: Source, start: int, size: int) -> Deferred[bytes]:
        """
        Read what is not in memory.

        :returns: a Deferred that fires with exactly so many bytes and fails as reading failed.
        """
        return run_in_thread(self._reactor, source.read, start, size)

    def digest(self, source: Source, start: int, end: int) -> Deferred[str]:
        """
        The SHA-256 of some bytes of a source, whether it is open or not.

        :returns: a Deferred that fires with it as hexadecimal and fails as reading failed.
        """
        return run_in_thread(self._reactor, source.digest, start, end)

    def look(self, sources: Iterable[Source]) -> Deferred[list[Any]]:
        """
        Look at each source, whether it is open or not.

        :returns: a Deferred that fires with a fingerprint or a Failure for each.
        """
        return run_in_thread(self._reactor, _all, [source.look for source in sources])


def _all(works: list[Callable[[], _T]]) -> list[_T | Failure]:
    results: list[_T | Failure] = []
    for work in works:
        try:
            results.append(work())
        except Exception:
            results.append(Failure())
    return results


def out_of_descriptors(error: BaseException | None) -> bool:
    """Whether an error says that too many files are open: that passes."""
    return isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)
