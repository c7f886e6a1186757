"""
The response to a request: strictly parsed, and bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from attrs import define
from twisted.internet.interfaces import IProtocol
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse
from zope.interface import implementer

from ..errors import MalformedResponse
from .coding import check_coding
from .fields import ResponseHeaders, lengths_of, parse_fields, shown, tokens_of
from .known_head import KnownHead

__all__ = ["LIMIT", "Response", "ResponseParser", "Taker"]

LIMIT = 64 * 1024
"""
Bytes of a response's head, including all informational responses before it, of its body, and of the
framing between the chunks of that body.  Python's :mod:`http.client` allows as much for one line.
"""

_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: ([^\r\n]*))?\Z")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\Z")
_LINE_END = re.compile(rb"\r?\n")
_HEAD_END = re.compile(rb"\r?\n\r?\n")


@implementer(IResponse)
@define(eq=False)
class Response:
    """
    A complete response.

    :ivar code: its status code.
    :ivar phrase: its reason phrase.
    :ivar headers: its header fields.
    :ivar body: its content, or the first :data:`LIMIT` bytes of it.
    :ivar truncated: whether there was more.
    """

    version: tuple[bytes, int, int]
    code: int
    phrase: bytes
    headers: Headers
    body: bytes = b""
    truncated: bool = False
    request: Any = None
    previousResponse: Any = None

    @property
    def length(self) -> int:
        """Bytes of :attr:`body`."""
        return len(self.body)

    @property
    def text(self) -> str:
        """The body decoded as UTF-8; bytes that are not are replaced."""
        return self.body.decode("utf-8", "replace")

    def header(self, name: str) -> str | None:
        """The last value of a header field, or :data:`None`."""
        headers = self.headers
        if type(headers) is ResponseHeaders:
            found = headers.found
            return found[name] if name in found else headers.last(name)
        values = headers.getRawHeaders(name.encode())
        return values[-1].decode("latin-1") if values else None

    def deliverBody(self, protocol: IProtocol) -> None:
        """Deliver the body to a protocol, synchronously."""
        if self.body:
            protocol.dataReceived(self.body)
        protocol.connectionLost(Failure(ResponseDone()))

    def setPreviousResponse(self, response: Any) -> None:
        self.previousResponse = response


Taker = Callable[[Response], Callable[[bytes], object] | None]
"""
Given a response of which only the head has arrived, gives what is called with its body, piece by
piece, or nothing if that is to be kept.
"""


class ResponseParser:
    """
    Parses one response after the other, strictly: what two parsers could understand differently is
    refused, and nothing is unbounded.

    :ivar response: the response, once its head was parsed; its body is set when it is complete.
    :ivar over: whether it is complete.
    :ivar informed: whether informational responses came before it.
    :ivar keep: whether the connection may be used again after it.
    :ivar buffer: bytes that were received and not yet parsed.
    """

    __slots__ = (
        "_bodiless",
        "_chunk",
        "_content",
        "_expected",
        "_kept",
        "_known",
        "_left",
        "_most",
        "_sends",
        "_taken",
        "_taker",
        "_write",
        "buffer",
        "informed",
        "keep",
        "over",
        "response",
    )

    def __init__(self, most: int = LIMIT) -> None:
        """:param most: how many bytes of a body are kept."""
        self._most = most
        self._known: list[KnownHead | None] = [None, None]
        self.begin()

    def begin(
        self, bodiless: bool = False, sends: bool = False, taker: Taker | None = None
    ) -> None:
        """
        Expect a response.

        :param bodiless: whether it has no body, as one to ``HEAD``.
        :param sends: whether the request has a body: its response is like that to the last one
            that had.
        :param taker: may have a body that is not kept, and not bounded.
        """
        self._bodiless, self._sends, self._taker = bodiless, sends, taker
        self._expected = None if bodiless or taker else self._known[sends]
        self._write: Callable[[bytes], object] | None = None
        self.buffer = b""
        self.response: Response | None = None
        self.over = self.informed = self.keep = False
        self._taken = 0
        self._content: list[bytes] = []
        self._kept = 0
        self._left: int | None = None
        self._chunk = ""

    @property
    def ends_with_connection(self) -> bool:
        """Whether only the end of the connection marks the end of the response."""
        return self.response is not None and self._left is None and not self._chunk

    def feed(self, data: bytes) -> None:
        """
        Parse received bytes.

        :raises MalformedResponse: if they are not a valid response.
        """
        expected, self._expected = self._expected, None
        if expected is not None and len(data) == expected.size and data.startswith(expected.start):
            body = data[len(expected.start) :]
            self.response = Response(
                expected.version, expected.code, expected.phrase, expected.headers, body
            )
            self.keep, self._left = expected.keep, 0
            self.over = True
            return
        self.buffer = self.buffer + data if self.buffer else data
        if self.response is not None or self._read_head():
            self._read_body()

    def no_http(self) -> MalformedResponse | None:
        """What is wrong with what has come instead of a response, if it does not begin as one."""
        line = _LINE_END.split(self.buffer, 1)[0]
        if self.response is not None or line.startswith(b"HTTP/"[: len(line)]):
            return None
        return MalformedResponse(f"its first line is {shown(line)}")

    def finish(self) -> None:
        """The response is complete with what was received so far."""
        assert self.response is not None
        self.over = True
        self.response.body = b"".join(self._content)

    def _read_head(self) -> bool:
        while True:
            end = _HEAD_END.search(self.buffer)
            if (end.end() if end else len(self.buffer)) + self._taken > LIMIT:
                raise MalformedResponse(f"its head has more than {LIMIT} bytes")
            if end is None:
                return False
            start, head = self.buffer[: end.end()], self.buffer[: end.start()]
            self.buffer = self.buffer[end.end() :]
            self._taken += end.end()
            known = self._known[self._sends]
            if known is not None and known.head == head and not self._bodiless:
                response = Response(known.version, known.code, known.phrase, known.headers)
                self.keep, self._left = known.keep, known.left
                self.response, self.informed = response, self._taken > end.end()
                self._write = self._taker and self._taker(response)
                return True
            lines = _LINE_END.split(head)
            status = _STATUS.match(lines[0])
            if status is None:
                raise MalformedResponse(f"its first line is {shown(lines[0])}")
            code = int(status[2])
            if code >= 200:
                break
            if code == 101:
                raise MalformedResponse("it switches protocols")
        self.informed = self._taken > end.end()
        headers = parse_fields(lines[1:])
        response = Response((b"HTTP", 1, int(status[1])), code, status[3] or b"", headers)
        self._frame(response, headers)
        check_coding(headers)
        if not self._chunk and not self._bodiless:
            left = self._left
            self._known[self._sends] = KnownHead(
                head,
                start,
                len(start) + left if left is not None and left <= self._most else None,
                response.version,
                code,
                response.phrase,
                headers,
                self.keep,
                left,
            )
        self.response = response
        self._write = self._taker and self._taker(response)
        return True

    def _frame(self, response: Response, headers: Headers) -> None:
        """Where the body ends, and whether another request may follow."""
        tokens = tokens_of(headers, b"connection")
        recent = response.version[2] == 1
        self.keep = b"close" not in tokens and (recent or b"keep-alive" in tokens)
        codings = tokens_of(headers, b"transfer-encoding")
        lengths = lengths_of(headers)
        if self._bodiless or response.code in (204, 304):
            self._left = 0
            if response.code == 204 and (codings or lengths - {0}):
                self.keep = False  # a body is announced that may not be: it may yet come
        elif codings:
            if codings != [b"chunked"] or lengths:
                raise MalformedResponse("its body is framed in more ways than one")
            self._chunk = "size"
            self._taken = 0
            self.keep = self.keep and recent  # RFC 9112, section 6.1
        elif lengths:
            (self._left,) = lengths
        else:
            self.keep = False

    def _read_body(self) -> None:
        if self._chunk:
            over = self._read_chunks()
        else:
            data = self.buffer if self._left is None else self.buffer[: self._left]
            self.buffer = self.buffer[len(data) :]
            over = self._keep_data(data)
            if self._left is not None:
                self._left -= len(data)
                over = over or not self._left
        if over:
            self.finish()

    def _read_chunks(self) -> bool:
        """:returns: whether the body is over."""
        buffer, at, over = self.buffer, 0, False
        while not over:
            if self._chunk == "data":
                assert self._left is not None
                data = buffer[at : at + self._left]
                if not data:
                    break
                at += len(data)
                self._left -= len(data)
                over = self._keep_data(data)
                if not self._left:
                    self._chunk = "end"
                continue
            newline = buffer.find(b"\n", at)
            end = len(buffer) if newline < 0 else newline + 1
            if self._taken + end - at > LIMIT:
                raise MalformedResponse("the framing of its body does not end")
            if newline < 0:
                break
            if newline == at or buffer[newline - 1 : newline] != b"\r":
                # Others skip a bare LF (RFC 9112, section 7.1): two ends for one body.
                raise MalformedResponse("a line of its body's framing ends without CR")
            over = self._read_chunk_line(buffer[at : newline - 1])
            self._taken += end - at
            at = end
        self.buffer = buffer[at:]
        return over

    def _read_chunk_line(self, line: bytes) -> bool:
        """:returns: whether it was the last."""
        if self._chunk == "trailers":
            return not line
        if self._chunk == "end":
            if line:
                raise MalformedResponse("a chunk of its body is longer than it says")
            self._chunk = "size"
            return False
        match = _CHUNK.match(line)
        if match is None:
            raise MalformedResponse(f"a chunk of its body has the size {shown(line)}")
        self._left = int(match[1], 16)
        self._chunk = "data" if self._left else "trailers"
        return False

    def _keep_data(self, data: bytes) -> bool:
        """:returns: whether there was more than is kept."""
        if self._write is not None:
            self._write(data)
            return False
        room = self._most - self._kept
        self._content.append(data[:room])
        self._kept += len(data)
        if len(data) <= room:
            return False
        assert self.response is not None
        self.response.truncated = True
        self.keep = False
        return True
