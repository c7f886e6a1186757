"""
Requests to the server that is examined, one at a time, and what its responses have besides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from .._engine.body import ChunkBody
from .._engine.refusal import requested_delay
from .._http.client import RequestClient
from .._http.response import Response
from .._protocol.url import without_query
from .._runtime.printable import printable, text_of
from .._source.source import BytesSource, Source

__all__ = ["Reply", "Wire"]

_BUSY = (429, 502, 503, 504)
_LONGEST_WAIT = 60.0
_TRIES = 4


@define
class Reply:
    """
    A response.

    :ivar response: itself.
    """

    response: Response

    @property
    def code(self) -> int:
        """Its status."""
        return self.response.code

    @property
    def text(self) -> str:
        """Its body, or the title of a page, on one line."""
        return text_of(self.response.text)

    @property
    def said(self) -> str:
        """Its status, and the beginning of its body."""
        text = self.text
        shown = text if len(text) <= 40 else f"{text[:40]}..."
        return f"{self.code} {shown!r}" if shown else str(self.code)

    def header(self, name: str) -> str | None:
        """A header field."""
        return self.response.header(name)


class Wire:
    """
    Sends requests with the client's own HTTP, and sends one again that was refused because the
    server is busy, unless it still was at the end of the one before.

    :ivar cookies: the names of the cookies that the server set.
    :ivar redirects: its redirects: statuses, and where to, without queries.
    :ivar stored: the names of files of which it accepted a chunk, and the URLs that it gave them.
    """

    def __init__(self, client: RequestClient, clock: Any, headers: Mapping[str, str]) -> None:
        self.cookies: list[str] = []
        self.redirects: list[tuple[int, str]] = []
        self.stored: dict[str, str | None] = {}
        self._is_busy = False
        self._client = client
        self._clock = clock
        self._headers = headers

    async def ask(
        self,
        method: str,
        url: str,
        content_type: str | None = None,
        body: tuple[bytes, bytes, bytes] | None = None,
    ) -> Reply:
        """
        Send a request.

        :param body: what stands before the chunk, the chunk, and what stands after it.
        :raises ResumableError: if there is no response.
        """
        tries = 1 if self._is_busy else _TRIES
        for tried in range(tries):
            sent = None if body is None else _as_body(*body)
            response = await self._client.exchange(method, url, self._headers, content_type, sent)
            self._note(response)
            self._is_busy = response.code in _BUSY
            if not self._is_busy or tried == tries - 1:
                break
            requested = requested_delay(response)
            delay = 2.0**tried if requested is None else requested
            if delay > _LONGEST_WAIT:
                break
            await deferLater(self._clock, delay)
        return Reply(response)

    def note_stored(self, name: str, reply: Reply) -> None:
        """Note that a chunk of a file was accepted."""
        location = reply.header("Location") if reply.code == 201 else None
        self.stored[name] = location or self.stored.get(name)

    def close(self) -> Deferred[None]:
        """
        Close all connections.

        :returns: a Deferred that fires when they are.
        """
        return self._client.close()

    def _note(self, response: Response) -> None:
        for line in response.headers.getRawHeaders(b"set-cookie") or ():
            name = printable(line.partition(b"=")[0].strip().decode("latin-1"))
            if name not in self.cookies:
                self.cookies.append(name)
        if 300 <= response.code < 400:
            to = printable(without_query(response.header("Location") or ""))
            if (response.code, to) not in self.redirects:
                self.redirects.append((response.code, to))


def _as_body(head: bytes, content: bytes, tail: bytes) -> ChunkBody:
    source = BytesSource("specimen", content)
    return ChunkBody(head, source, 0, len(content), tail, read_later=_read)


def _read(source: Source, start: int, size: int) -> Deferred[bytes]:
    raise AssertionError("what is in memory is there")
