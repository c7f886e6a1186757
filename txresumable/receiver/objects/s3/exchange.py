"""
One signed request out, one response in, within a deadline.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any

from twisted.internet.defer import Deferred, DeferredSemaphore, TimeoutError

from ...._http.agent import PersistentAgent
from ...._http.body import IRequestBody
from ...._http.prepared import PreparedHeaders
from ...._http.response import Response, Taker
from ...._runtime.clock import steady
from ...._runtime.printable import first_line
from ....errors import MalformedResponse, ProxyRefused, TLSRejected, TransportError
from ..interface import Unavailable, Unreadable
from .credentials import Credentials
from .location import Location
from .signature import Signer

__all__ = ["LEAST_RATE", "MOST", "Exchange"]

LEAST_RATE = 256 * 1024
"""Bytes a second, for which the deadline of a request is extended."""
MOST = 4 << 20
"""Bytes of a response that is kept."""
_LITTLE = 64 * 1024
_UNREADABLE = (MalformedResponse, TLSRejected)


class Exchange:
    """
    Sends requests over so many connections at most, and tries none of them again.

    :param reactor: connects.
    :param location: of the bucket.
    :param signer: signs them.
    :param credentials: whose they are.
    :param deadline: how many seconds a request may take, from when it is asked for until its
        response is whole; more by its size.
    :param connections: how many there are at most; some are kept for requests that move little, as
        who finishes a file loses the right to it if it cannot write that down in time.
    """

    def __init__(
        self,
        reactor: Any,
        location: Location,
        signer: Signer,
        credentials: Credentials,
        *,
        deadline: float,
        connections: int,
    ) -> None:
        self._clock = steady(reactor)
        self._location = location
        self._signer = signer
        self._credentials = credentials
        self._deadline = deadline
        self._turns = DeferredSemaphore(connections)
        self._big_turns = DeferredSemaphore(max(1, connections * 3 // 4))
        self._waiting: set[Deferred[Response]] = set()
        self._closed = False
        self._agent = PersistentAgent(
            reactor,
            self._clock,
            connect_timeout=deadline,
            # The deadline is not longer than that.
            stall_timeout=deadline * 1000,
            max_idle=connections,
            most=MOST,
        )

    async def send(
        self,
        method: str,
        key: str,
        query: Mapping[str, str | int],
        headers: Mapping[str, str],
        body: IRequestBody | None = None,
        *,
        size: int = 0,
        patience: float = 1.0,
        taker: Taker | None = None,
    ) -> Response:
        """
        Send a request.

        :param key: what it is about; the bucket, if empty.
        :param size: how many bytes are moved by it.
        :param patience: how many times the deadline it may take.
        :param taker: may have the body of the response while it arrives.
        :returns: the response, whatever it says.
        :raises Unavailable: if there is none in time.
        :raises Unreadable: if it is not HTTP, or comes from somebody with another certificate.
        """
        if self._closed:
            raise Unavailable("it is closed")
        seconds = self._deadline * patience + size / LEAST_RATE
        request = self._request(method, key, query, headers, body, taker)
        sending = Deferred.fromCoroutine(self._in_turn(request, is_big=size > _LITTLE))
        self._waiting.add(sending)
        sending.addTimeout(seconds, self._clock)
        try:
            return await sending
        except TimeoutError:
            raise Unavailable(f"{method} {key}: no response within {seconds:.0f} s")
        except (TransportError, TLSRejected, ProxyRefused) as error:
            raised = Unreadable if isinstance(error, _UNREADABLE) else Unavailable
            raise raised(f"{method} {key}: {str(error) or first_line(type(error))}")
        finally:
            self._waiting.discard(sending)

    async def close(self) -> None:
        """End what is under way, and close the connections."""
        self._closed = True
        for sending in list(self._waiting):
            sending.cancel()
        await self._agent.close()

    async def _in_turn(self, request: Coroutine[Any, Any, Response], *, is_big: bool) -> Response:
        try:
            if not is_big:
                async with self._turns:
                    return await request
            async with self._big_turns, self._turns:
                return await request
        finally:
            request.close()  # if it never had its turn

    async def _request(
        self,
        method: str,
        key: str,
        query: Mapping[str, str | int],
        headers: Mapping[str, str],
        body: IRequestBody | None,
        taker: Taker | None,
    ) -> Response:
        credentials = self._credentials.ready() or await self._credentials.get()
        path, asked = self._location.path(key), self._location.query(query)
        lines = self._signer.sign(method, path, asked, headers, credentials)
        url = f"{self._location.origin}{path}{'?' if asked else ''}{asked}"
        response: Response = await self._agent.request(
            method.encode(), url.encode("ascii"), PreparedHeaders(lines), body, taker
        )
        return response
