"""
A network between an uploader and a receiver, on which things go wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from attrs import evolve
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import (
    ConnectionLost,
    ConnectionRefusedError,
    DNSLookupError,
    NoRouteError,
    TimeoutError,
)
from twisted.python.failure import Failure
from twisted.web.client import ResponseFailed, ResponseNeverReceived

from .._protocol.dialect import ParameterNames
from .._runtime.reactor import Timed
from .client import FakeClient
from .receiver import Response
from .request import SentRequest
from .weather import Fault, Weather

__all__ = ["FaultyNetwork", "Receiver"]

_NO_CONNECTION = (ConnectionRefusedError, DNSLookupError, NoRouteError, TimeoutError)
_NO_ARRIVAL = (Fault.LOST, Fault.RESET, Fault.EARLY)


class Receiver(Protocol):
    """
    What requests arrive at.

    :ivar names: what the parameters are called.
    :ivar is_up: whether it takes connections.
    """

    names: ParameterNames

    @property
    def is_up(self) -> bool: ...

    def receive(self, request: SentRequest) -> Response | Deferred[Response | None]:
        """
        A request arrives whole.

        :returns: the response to it, now or later; nothing if the connection ends without one.
        """

    def receive_part(self, request: SentRequest) -> None:
        """What has been sent of a request arrives, and its connection ends."""


class FaultyNetwork(FakeClient):
    """
    Stands in for treq's ``HTTPClient``, the network and, behind it, a receiver.

    :ivar given: the statuses that were sent in the receiver's place.
    :ivar refused: what the receiver found wrong with requests that arrived as they were sent.
    :ivar faults: how often each fault happened.
    :ivar watch: called before each request.
    :ivar written: called when a request was sent whole.
    """

    def __init__(
        self,
        clock: Timed,
        receiver: Receiver,
        weather: Weather,
        note: Callable[[str], None] | None = None,
    ) -> None:
        """
        :param clock: an ``IReactorTime``: how time passes for the network.
        :param receiver: what requests arrive at.
        :param weather: what goes wrong.
        :param note: told what happens.
        """
        super().__init__()
        self.is_receiver = False
        self._clock: Any = clock
        self._receiver = receiver
        self._weather = weather
        self._note = note
        self._is_cut = False
        self.given: set[int] = set()
        self.refused: list[str] = []
        self.faults: dict[Fault, int] = {}
        self.watch: Callable[[], object] = bool
        self.written: Callable[[], object] = bool

    def cut(self) -> None:
        """The uploader's process is gone: what it sent may arrive, and nothing comes back."""
        self._is_cut = True
        for request in self.waiting:
            self._broke_off(request)

    def deliver(self, request: SentRequest) -> None:
        """
        Send a request on its way.

        :param request: a new one.
        """
        self.watch()
        if self._weather.is_down(self._clock.seconds()) or not self._receiver.is_up:
            fault = Fault.REFUSED
        else:
            fault = self._weather.fault(self._clock.seconds())
        self.faults[fault] = self.faults.get(fault, 0) + 1
        self._say(request, fault.value)
        if fault is Fault.REFUSED:
            self._later(self._refuse, request)
        else:
            self._later(self._connected, request, fault)

    # A request's way ---------------------------------------------------------------------------

    def _refuse(self, request: SentRequest) -> None:
        request.fail(self._weather.random.choice(_NO_CONNECTION)())

    def _connected(self, request: SentRequest, fault: Fault) -> None:
        if request.is_over or self._is_cut:
            return
        request.produced.addCallback(lambda _: self._later(self._arrived, request, fault))
        request.result.addBoth(self._over, request)
        request.start()
        if request.is_whole:
            self.written()
        if fault in (Fault.STALLED, Fault.RESET, Fault.EARLY):
            request.pause()
        if fault is Fault.STALLED:
            self._clock.callLater(self._weather.long(), request.resume)
        elif fault is Fault.RESET:
            self._later(request.fail, self._broken())
        elif fault is Fault.EARLY:
            self._later(self._answer, request, self._instead(request), fault)

    def _over(self, result: Any, request: SentRequest) -> Any:
        self._broke_off(request)
        return result

    def _broke_off(self, request: SentRequest) -> None:
        if request.is_started and not request.is_whole:
            self._receiver.receive_part(request)

    def _arrived(self, request: SentRequest, fault: Fault) -> None:
        if fault is Fault.LATE:
            self._clock.callLater(self._weather.long(), self._arrived, request, Fault.NONE)
            return
        down = self._weather.is_down(self._clock.seconds())
        if down or fault in _NO_ARRIVAL or (request.given_up and self._weather.chance()):
            return
        if fault is Fault.STATUS:
            self._reply(self._instead(request), request, fault)
            return
        sent = self._damaged(request) if fault is Fault.CORRUPT else request
        self._receive(sent).addCallback(self._reply, request, fault)

    def _reply(self, reply: Response | None, request: SentRequest, fault: Fault) -> None:
        if fault is Fault.TWICE:
            self._clock.callLater(self._weather.long(), self._receive, request)
        if fault is Fault.RESPONSE_RESET or reply is None:
            self._later(request.fail, self._broken())
            return
        if fault is Fault.RESPONSE_REPLACED:
            reply = self._instead(request)
        elif fault is Fault.RESPONSE_ENCODED:
            reply = evolve(reply, headers={"Content-Encoding": "gzip"})
        if fault is not Fault.RESPONSE_LOST:
            self._later(self._answer, request, reply, fault)

    def _receive(self, request: SentRequest) -> Deferred[Response | None]:
        reply = self._receiver.receive(request)
        received = reply if isinstance(reply, Deferred) else succeed(reply)
        return received.addCallback(self._received, request)

    def _received(self, reply: Response | None, request: SentRequest) -> Response | None:
        if reply is None:
            self._say(request, "arrived: no response")
            return None
        self._say(request, f"arrived: {reply.status}")
        if reply.status in (400, 409, 500):
            self.refused.append(f"{request}: {reply.status} {reply.body.decode()}")
        return reply

    def _answer(self, request: SentRequest, reply: Response, fault: Fault) -> None:
        if request.is_over or self._is_cut or self._weather.is_down(self._clock.seconds()):
            return
        response = reply.response()
        if fault is Fault.RESPONSE_CUT:
            response.hold()
            request.respond(response)
            response.give(reply.body[: len(reply.body) // 2])
            self._later(response.end, ResponseFailed([Failure(ConnectionLost())]))
        elif fault is Fault.RESPONSE_TRICKLES:
            response.hold()
            request.respond(response)
            self._trickle(response, reply.body)
        else:
            request.respond(response)

    def _trickle(self, response: Any, body: bytes) -> None:
        if self._is_cut:
            return
        if body:
            response.give(body[:4])
            self._clock.callLater(self._weather.long() / 4, self._trickle, response, body[4:])
        else:
            response.end()

    # What happens to it ------------------------------------------------------------------------

    def _later(self, call: Callable[..., object], *args: Any) -> None:
        self._clock.callLater(self._weather.latency(), self._unless_cut, call, args)

    def _unless_cut(self, call: Callable[..., object], args: tuple[Any, ...]) -> None:
        if not self._is_cut or call == self._arrived:
            call(*args)

    def _broken(self) -> Exception:
        lost = ConnectionLost()
        return ResponseNeverReceived([Failure(lost)]) if self._weather.chance() else lost

    def _instead(self, request: SentRequest) -> Response:
        status = self._weather.status()
        if not request.is_upload and status in (200, 201):
            status = 503
        headers = {}
        if status in (429, 503) and self._weather.chance():
            headers["Retry-After"] = str(self._weather.random.choice((0, 1, 30, 100000)))
        if 300 <= status < 400:
            headers["Location"] = "http://elsewhere.example/"
        self.given.add(status)
        return Response(status, b"said by something on the way", headers)

    def _damaged(self, request: SentRequest) -> SentRequest:
        """The same with another byte near the end of its chunk, which base64 could have too."""
        body, content = bytearray(request.body), request.content
        if request.is_upload and content and not content.endswith(b","):
            is_form = (request.header("Content-Type") or "").startswith("multipart/")
            end = body.rindex(b"\r\n--") if is_form else len(body)  # not a byte of the boundary
            at = body.rindex(content, 0, end) + max(len(content) - 4, 0)
            body[at] = ord("B") if body[at] == ord("A") else ord("A")
        data = bytes(body) if request.is_upload else None
        damaged = SentRequest(request.method, request.url, request.headers, data)
        damaged.start()
        return damaged

    def _say(self, request: SentRequest, what: str) -> None:
        if self._note is None:
            return
        names, parameters = self._receiver.names, dict(request.query)
        name = parameters.get(names.file_name, "?")
        number = parameters.get(names.chunk_number, "?")
        kind = "upload" if request.is_upload else "test"
        self._note(f"{kind} of {name} {number}: {what}")
