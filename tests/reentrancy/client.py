"""
A client whose requests proceed when the schedule says so, and that checks each when it begins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.web.http_headers import Headers

from txresumable.testing import FakeClient, FakeResponse, ScriptedReceiver, SentRequest

__all__ = ["DrivenClient", "DrivenRequest"]


class DrivenRequest(SentRequest):
    """
    A request.

    :ivar name: the file's.
    :ivar offset: which chunk, counted from 0.
    :ivar has_arrived: whether the receiver has taken it.
    :ivar is_paused: whether its body waits for room.
    """

    def __init__(
        self, client: DrivenClient, method: str, url: str, headers: Headers, data: Any
    ) -> None:
        super().__init__(method, url, headers, data)
        self._client = client
        query = dict(self.query)
        names = client.receiver.names
        self.name = query.get(names.file_name, "?")
        self.offset = int(query.get(names.chunk_number, "0")) - 1
        self.identifier = query.get(names.identifier, "")
        self.has_arrived = False
        self.is_paused = False
        self.is_started = False

    def __repr__(self) -> str:
        return f"{'upload' if self.is_upload else 'test'} {self.name}#{self.offset}"

    def start(self) -> None:
        self.is_started = True
        super().start()

    def write(self, data: bytes) -> None:
        if self.is_over:
            self._client.wrong(f"body: {self} is over and goes on sending")
        super().write(data)
        if data and self._producer is not None and self._client.is_congested():
            self.is_paused = True
            self._producer.pauseProducing()

    def unpause(self) -> None:
        """There is room for more of its body."""
        self.is_paused = False
        self.resume()


class DrivenClient(FakeClient):
    """
    Stands in for treq's ``HTTPClient``.

    :ivar receiver: where chunks arrive.
    :ivar open: the requests that are not over.
    :ivar given_up: those that the uploader gave up, and that may arrive yet.
    """

    def __init__(
        self,
        receiver: ScriptedReceiver,
        begun: Callable[[DrivenRequest], None],
        wrong: Callable[[str], None],
        is_congested: Callable[[], bool],
    ) -> None:
        """
        :param receiver: where chunks arrive.
        :param begun: called with each request as it begins.
        :param wrong: told what must not be.
        :param is_congested: whether a body has to wait now.
        """
        super().__init__()
        self.receiver = receiver
        self.wrong = wrong
        self.is_congested = is_congested
        self.open: list[DrivenRequest] = []
        self.given_up: list[DrivenRequest] = []
        self.count = 0
        self._begun = begun

    def request(
        self, method: str, url: Any, *, headers: Any = None, data: Any = None, **_: Any
    ) -> Deferred[FakeResponse]:
        given = headers if isinstance(headers, Headers) else Headers()
        request = DrivenRequest(self, method, str(url), given, data)
        self.count += 1
        self.open.append(request)
        request.result.addBoth(self._over, request)
        self._begun(request)
        return request.result

    def _over(self, result: Any, request: DrivenRequest) -> Any:
        self.open.remove(request)
        if request.given_up:
            self.given_up.append(request)
        return result

    def arrive(self, request: DrivenRequest) -> Any:
        """
        A request that was sent whole arrives.

        :returns: the receiver's reply.
        """
        request.has_arrived = True
        reply = self.receiver.receive(request)
        if reply.status in (400, 409, 422):
            self.wrong(f"arrival: {request} is answered {reply.status} {reply.body.decode()}")
        return reply
