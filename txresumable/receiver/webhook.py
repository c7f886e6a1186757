"""
An ``on_complete`` that sends requests.
"""

from __future__ import annotations

import binascii
import hmac
import json
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any, NoReturn

from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.client import Agent
from twisted.web.http_headers import Headers

from .store.received import ReceivedFile
from .store.refused import Refused

__all__ = ["Webhook", "secret_of"]

_PATIENCE = 15.0
_BETWEEN = (1.0, 5.0, 20.0)
_AGAIN_AFTER = 30
_REASON = 4096


class Webhook:
    """
    Sends a POST request with JSON for each file, signed as Standard Webhooks has it
    (``webhook-id``, ``webhook-timestamp``, ``webhook-signature``).

    A response of 2xx accepts the file, and 422 rejects it, with the first line of its body as the
    reason.  After anything else it is sent again, three times within half a minute, and then when
    the client comes back or the store is swept: at least once, with the same id each time, until a
    file is accepted or rejected.

    :param url: where to.
    :param secret: what it is signed with; without one it is not.
    :param reactor: what it goes by; the installed one by default.
    :param client: makes requests, as treq's ``HTTPClient``.
    :param patience: for how many seconds a file is sent again; after that it is not now.
    :param now: the wall clock.
    """

    _log = Logger()

    def __init__(
        self,
        url: str,
        *,
        secret: bytes | None = None,
        reactor: Any = None,  # Any: IReactorTime, and more for a client of its own
        client: HTTPClient | None = None,
        patience: float = 120.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        if reactor is None:
            from twisted.internet import reactor
        self._url = url
        self._secret = secret
        self._reactor: IReactorTime = reactor
        self._client = client or HTTPClient(Agent(reactor, connectTimeout=_PATIENCE))
        self._patience = patience
        self._now = now

    def __call__(self, file: ReceivedFile) -> Deferred[None]:
        """
        Send it.

        :returns: a Deferred that fires if the file is accepted, and fails with :class:`Refused` if
            not, or if that cannot be found out now.  Cancelling gives it up.
        """
        delivering: Deferred[None] | None = None

        def give_up(delivered: Deferred[None]) -> None:
            # What a connection says of its end depends on how far it is: it is heard no more.
            delivered.errback(CancelledError())
            assert delivering is not None
            delivering.cancel()

        delivered: Deferred[None] = Deferred(give_up)
        delivering = Deferred.fromCoroutine(self._deliver(file, delivered))
        delivering.addBoth(lambda result: None if delivered.called else delivered.callback(result))
        delivered.addTimeout(self._patience, self._reactor)
        return delivered.addErrback(_put_off)

    async def _deliver(self, file: ReceivedFile, delivered: Deferred[None]) -> None:
        body = json.dumps(file.facts()).encode()
        for delay in (*_BETWEEN, None):
            sending: Deferred[int] = Deferred.fromCoroutine(self._send(file.id, body))
            try:
                status: object = await sending.addTimeout(_PATIENCE, self._reactor)
            except Refused:
                raise
            except Exception as error:
                status = repr(error)
            if isinstance(status, int) and 200 <= status < 300:
                return
            if delivered.called:
                return
            self._log.warn("{url} responds {status}", url=self._url, status=status)
            if delay is not None:
                await deferLater(self._reactor, delay)
        raise _not_now()

    async def _send(self, number: str, content: bytes) -> int:
        response: Any = await self._client.request(
            "POST",
            self._url,
            headers=self._headers(number, content),
            data=content,
            allow_redirects=False,
        )
        body = _Body()
        response.deliverBody(body)
        await body.ended
        if response.code == 422:
            line = body.start.decode("utf-8", "replace").split("\n")[0].strip()
            raise Refused(422, line or "this file is rejected")
        return int(response.code)

    def _headers(self, number: str, body: bytes) -> Headers:
        seconds = str(int(self._now()))
        headers = {
            "content-type": "application/json",
            "webhook-id": number,
            "webhook-timestamp": seconds,
        }
        if self._secret is not None:
            signed = b"%b.%b.%b" % (number.encode(), seconds.encode(), body)
            digest = hmac.digest(self._secret, signed, "sha256")
            headers["webhook-signature"] = "v1," + b64encode(digest).decode()
        return Headers({name: [value] for name, value in headers.items()})


def _not_now() -> Refused:
    return Refused(503, "this file cannot be announced now", retry_after=_AGAIN_AFTER)


def _put_off(failure: Failure) -> NoReturn:
    if failure.check(TimeoutError):
        raise _not_now()
    failure.raiseException()


class _Body(Protocol):
    """
    The body of a response.

    :ivar start: its beginning.
    :ivar ended: fires at its end, whatever that is.
    """

    def __init__(self) -> None:
        self.start = b""
        self.ended: Deferred[None] = Deferred(lambda _: self._abort())

    def dataReceived(self, data: bytes) -> None:
        self.start = (self.start + data)[:_REASON]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.ended.called:
            self.ended.callback(None)

    def _abort(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()


def secret_of(text: bytes) -> bytes:
    """
    The secret that a text is: its bytes, or those after ``whsec_``, which are base64.

    :raises ValueError: if there is none.
    """
    text = text.strip()
    if text.startswith(b"whsec_"):
        try:
            text = b64decode(text[6:], validate=True)
        except binascii.Error:
            raise ValueError("has no base64 after whsec_") from None
    if len(text) < 16:
        raise ValueError("has a secret of less than 16 bytes, which can be guessed")
    return text
