"""
A client that sends nothing: a test looks at what it would have sent and responds by hand.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.web.http_headers import Headers

from .request import FakeResponse, Fields, SentRequest

__all__ = ["FakeClient"]


class FakeClient:
    """
    Stands in for treq's ``HTTPClient``: ``Resumable(..., client=FakeClient(), reactor=Clock())``.

    .. code-block:: python

        client, clock = FakeClient(), Clock()
        uploader = Resumable("http://example.com/", client=client, reactor=clock)
        upload = uploader.add_file(b"content", file_name="a.txt")
        client.respond(404)      # the test: not there
        client.respond(200)      # the upload: stored
        file = self.successResultOf(upload)

    Of a test for a file that cannot exist, by which an uploader makes sure that a receiver is
    there, nobody need know: it gets 404, and is not among those that were sent.

    :ivar sent: every request so far, the oldest first.
    :ivar is_receiver: whether that is so; else it is sent as all others are.
    """

    def __init__(self) -> None:
        self.sent: list[SentRequest] = []
        self.is_receiver = True

    def request(
        self, method: str, url: object, *, headers: object = None, data: object = None, **_: object
    ) -> Deferred[FakeResponse]:
        """
        As treq's: make a request.

        :returns: a Deferred that fires with a :class:`~txresumable.testing.FakeResponse` when the
            test responds.
        """
        given = headers if isinstance(headers, Headers) else Headers()
        sent = SentRequest(method, str(url), given, data)
        if self.is_receiver and sent.is_control:
            sent.respond(FakeResponse(404))
            return sent.result
        self.sent.append(sent)
        self.deliver(sent)
        return sent.result

    def deliver(self, request: SentRequest) -> None:
        """
        What becomes of a request: here its body is taken, and then it waits for a response.

        :param request: a new one.
        """
        request.start()

    @property
    def waiting(self) -> list[SentRequest]:
        """The requests that wait for a response, the oldest first."""
        return [request for request in self.sent if not request.is_over]

    @property
    def uploads(self) -> list[SentRequest]:
        """The requests so far that carried a chunk."""
        return [request for request in self.sent if request.is_upload]

    @property
    def tests(self) -> list[SentRequest]:
        """The requests so far that asked whether a chunk is there."""
        return [request for request in self.sent if not request.is_upload]

    def respond(self, status: int, body: bytes = b"", headers: Fields | None = None) -> SentRequest:
        """
        Respond to the request that has waited longest.

        :param status: the HTTP status.
        :param body: the response's body.
        :param headers: its header fields.
        :returns: the request.
        :raises TypeError: if the status is no number, or the body no bytes.
        """
        given: tuple[Any, Any] = (status, body)
        if not isinstance(given[0], int) or not isinstance(given[1], bytes):
            raise TypeError(f"a response has a number and bytes, not {status!r} and {body!r}")
        request = self._oldest()
        request.respond(FakeResponse(status, body, headers))
        return request

    def fail(self, error: Exception) -> SentRequest:
        """
        Fail the request that has waited longest.

        :param error: as treq would, for instance with Twisted's ``ConnectionRefusedError``.
        :returns: the request.
        """
        request = self._oldest()
        request.fail(error)
        return request

    def _oldest(self) -> SentRequest:
        waiting = self.waiting
        if not waiting:
            raise AssertionError("no request waits for a response")
        return waiting[0]
