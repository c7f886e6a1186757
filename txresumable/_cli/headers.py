"""
Headers that may change while an upload runs: from files, and from commands.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import Protocol

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ..file import ResumableChunk, ResumableFile

__all__ = ["HeaderFile", "HeaderSource", "RenewedHeaders", "headers_in", "joined"]

Headers = Mapping[str, str]
_log = Logger()


class HeaderSource(Protocol):
    """
    Where headers come from.

    :ivar headers: those that are known.
    """

    @property
    def headers(self) -> Headers: ...
    def renew(self, chunk: ResumableChunk | None) -> Deferred[None] | None:
        """
        Bring the headers up to date before a request.

        :param chunk: that of the request, if it is for one.
        :returns: :data:`None` if they are; or a Deferred that fires when they are.
        """


def headers_in(text: str) -> dict[str, str]:
    """
    Headers, one a line as ``Name: value``; empty lines, and those with ``#`` first, are skipped.

    :raises ValueError: naming a line that is none.
    """
    headers: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise ValueError(f"must hold a header on each line, as 'Name: value'; line {number}")
        headers[name.strip()] = value.strip()
    return headers


def joined(*several: Headers) -> dict[str, str]:
    """All headers: of names that differ only in case, those that come last."""
    found: dict[str, tuple[str, str]] = {}
    for headers in several:
        for name, value in headers.items():
            found[name.lower()] = (name, value)
    return dict(found.values())


class HeaderFile:
    """
    Headers in a file, which is read again when it has changed, and when a request was refused.

    While it cannot be read, or has something else in it, as when it is just being written, the
    headers are those that it had before.  What is no regular file, as the pipe of another command
    (``<(...)``), is read once.

    :ivar headers: those that it had when it was last read.
    """

    _is_read_once: bool

    def __init__(self, path: str) -> None:
        """
        :param path: the file.
        :raises ValueError: if it cannot be read, or has something else in it.
        """
        self._path = os.path.abspath(path)  # a daemon changes its working directory
        self._seen: tuple[int, ...] = ()
        self.headers: Headers = {}
        self._is_readable = True
        self._read(False)

    def renew(self, chunk: ResumableChunk | None) -> None:
        """Read it again, if need be."""
        if self._is_read_once:
            return
        try:
            self._read(chunk is not None and bool(chunk.refused))
            self._is_readable = True
        except ValueError as error:
            if self._is_readable:
                _log.warn(
                    "The headers that {path} had before are used: it {error}",
                    path=self._path,
                    error=error,
                )
            self._is_readable = False

    def _read(self, is_wanted: bool) -> None:
        try:
            status = os.stat(self._path)
            seen = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
            if seen == self._seen and not is_wanted:
                return
            with open(self._path, encoding="utf-8", errors="replace") as file:
                text = file.read()
        except OSError as error:
            raise ValueError(f"cannot be read: {error.strerror}") from None
        headers = headers_in(text)
        if self.headers and not headers:
            raise ValueError("has no headers")
        self.headers = headers
        self._seen = seen
        self._is_read_once = not stat.S_ISREG(status.st_mode)


@frozen
class RenewedHeaders:
    """
    The option ``headers`` as a hook that asks all sources.

    :ivar sources: of names that several have, that of the last counts.
    :ivar fixed: headers that do not change, which go before all others.
    """

    sources: tuple[HeaderSource, ...]
    fixed: Headers

    @property
    def headers(self) -> dict[str, str]:
        """All headers that are known."""
        return joined(*(source.headers for source in self.sources), self.fixed)

    async def __call__(self, file: ResumableFile | None, chunk: ResumableChunk | None) -> Headers:
        for source in self.sources:
            renewing = source.renew(chunk)
            if renewing is not None:
                await renewing
        return self.headers
