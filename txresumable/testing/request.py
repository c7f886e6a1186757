"""
A request that was made of a fake client, and the response that it gets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IConsumer
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

from .._protocol.control import is_impossible
from .form import Part, parse_form

__all__ = ["FakeResponse", "SentRequest"]

Fields = Mapping[str, str]


class FakeResponse:
    """
    A response, as treq hands it out.

    :ivar code: the HTTP status.
    :ivar headers: the header fields.
    :ivar content: the body.
    """

    def __init__(self, code: int, content: bytes = b"", headers: Fields | None = None) -> None:
        self.code = code
        self.content = content
        self.headers = Headers({name: [value] for name, value in (headers or {}).items()})
        self._pieces: Iterable[bytes] = (content,) if content else ()
        self._ending: Failure | None = Failure(ResponseDone())
        self._reader: Any = None

    def deliverBody(self, protocol: Protocol) -> None:
        """
        Give the body to whoever reads it; once, as a response does.

        :param protocol: hears ``dataReceived`` and then ``connectionLost``.
        """
        if self._reader is not None:
            raise AssertionError("the body of a response is delivered once")
        self._reader = protocol
        protocol.makeConnection(_Nothing())
        for piece in self._pieces:
            protocol.dataReceived(piece)
        if self._ending is not None:
            protocol.connectionLost(self._ending)

    def hold(self) -> None:
        """Deliver nothing of the body by itself: :meth:`give` and :meth:`end` do."""
        self._pieces, self._ending = (), None

    def give(self, piece: bytes) -> None:
        """
        Deliver a piece of a body that is held.

        :param piece: the next bytes.
        """
        self._reader.dataReceived(piece)

    def end(self, error: Exception | None = None) -> None:
        """
        End a body that is held.

        :param error: what broke it off; nothing if it is whole.
        """
        self._reader.connectionLost(Failure(error or ResponseDone()))


class _Nothing:
    """The transport of a response's body: it can be told to stop."""

    def stopProducing(self) -> None:
        pass

    def loseConnection(self) -> None:
        pass


@implementer(IConsumer)
class SentRequest:
    """
    A request, as far as it was sent.

    :ivar method: the HTTP method.
    :ivar url: where to, with the query.
    :ivar headers: the header fields that the uploader gave.
    :ivar body: what has been sent of the body.
    :ivar is_started: whether its body began to be.
    :ivar is_whole: whether all of it has been.
    :ivar given_up: whether the uploader cancelled it.
    :ivar result: fires with a :class:`FakeResponse`.
    """

    def __init__(self, method: str, url: str, headers: Headers, data: object) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.is_started = False
        self.is_whole = False
        self.given_up = False
        self.result: Deferred[FakeResponse] = Deferred(self._cancel)
        self.produced: Deferred[None] = Deferred()
        self._pieces: list[bytes] = []
        self._producer: Any = None
        self._data: Any = data
        self._query: list[tuple[str, str]] | None = None

    def __repr__(self) -> str:
        return f"<SentRequest {self.method} {self.url.partition('?')[0]}>"

    # Sending the body --------------------------------------------------------------------------

    def start(self) -> None:
        """Take the body."""
        self.is_started = True
        data = self._data
        if data is None or isinstance(data, bytes):
            self.write(data or b"")
            self._finish(None)
            return
        self._producer = IBodyProducer(data)
        self._producer.startProducing(self).addCallbacks(self._finish, self._unproduced)

    def registerProducer(self, producer: object, streaming: bool) -> None:
        pass

    def unregisterProducer(self) -> None:
        pass

    def write(self, data: bytes) -> None:
        """Take a piece of the body."""
        self._pieces.append(data)

    def pause(self) -> None:
        """Take no more of the body for now, as a peer does that does not read."""
        if self._producer is not None and not self.is_whole:
            self._producer.pauseProducing()

    def resume(self) -> None:
        """Go on after :meth:`pause`."""
        if self._producer is not None and not self.is_whole and not self.is_over:
            self._producer.resumeProducing()

    def _finish(self, _: object) -> None:
        self.is_whole = True
        self.produced.callback(None)

    def _unproduced(self, failure: Failure) -> None:
        assert failure.value is not None
        self.fail(failure.value)

    def _cancel(self, _: Deferred[FakeResponse]) -> None:
        self.given_up = True
        self._stop()

    def _stop(self) -> None:
        if self._producer is not None and not self.is_whole:
            self._producer.stopProducing()

    # Ending it ---------------------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        """Whether it got a response, failed or was given up."""
        return self.result.called

    def respond(self, response: FakeResponse) -> None:
        """
        Respond to it.

        :param response: with this.
        """
        if not self.is_over:
            self._stop()
            self.result.callback(response)

    def fail(self, error: BaseException) -> None:
        """
        Let it fail.

        :param error: as this.
        """
        if not self.is_over:
            self._stop()
            if isinstance(error, CancelledError):
                self.given_up = True
            self.result.errback(Failure(error))

    # What it says ------------------------------------------------------------------------------

    @property
    def body(self) -> bytes:
        """What has been sent of the body."""
        if len(self._pieces) > 1:
            self._pieces = [b"".join(self._pieces)]
        return self._pieces[0] if self._pieces else b""

    @property
    def query(self) -> list[tuple[str, str]]:
        """The parameters in the URL, decoded and in order."""
        if self._query is None:
            self._query = parse_qsl(urlsplit(self.url).query, keep_blank_values=True)
        return self._query

    @property
    def parts(self) -> list[Part]:
        """The parts of a multipart body that is whole; none of any other body."""
        content_type = self.header("Content-Type") or ""
        if not self.is_whole or not content_type.startswith("multipart/"):
            return []
        return parse_form(content_type, self.body)

    @property
    def fields(self) -> dict[str, str]:
        """The parameters in the body by name."""
        return {part.name: part.text for part in self.parts if part.file_name is None}

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters by name, from the URL and from the body."""
        return {**dict(self.query), **self.fields}

    @property
    def content(self) -> bytes:
        """The chunk that a body holds; a ``data:`` URL is not decoded."""
        parts = self.parts
        return parts[-1].content if parts else self.body

    @property
    def length(self) -> int:
        """How many bytes its body has in all."""
        return len(self._data) if isinstance(self._data, bytes) else int(self._data.length)

    @property
    def is_upload(self) -> bool:
        """Whether it carries a chunk, and is no test."""
        return self._data is not None

    @property
    def is_control(self) -> bool:
        """Whether it tests a file that cannot exist, to see whether it is a receiver's URL."""
        return not self.is_upload and any(is_impossible(value) for _, value in self.query)

    def header(self, name: str) -> str | None:
        """
        A header field's last value.

        :param name: its name, in any case.
        """
        values = self.headers.getRawHeaders(name)
        return values[-1] if values else None
