"""
What happens to files, as a stream of server-sent events.

The stream is that of the HTML standard: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Callable
from typing import Any

from attrs import frozen
from twisted.internet.interfaces import IPushProducer
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from ..._runtime.ticker import Ticker
from ..entry import Entry
from .described import describe
from .guard import Guard
from .refusal import Refusal
from .request import refuse

__all__ = ["BEAT", "REMEMBERED", "SLOWEST", "EventLog", "EventStream"]

REMEMBERED = 4096
"""Events that a reader may have missed."""
SLOWEST = 1024
"""Events that may wait for a reader."""
BEAT = 15.0
"""Seconds after which a line is sent that means nothing, so that a dead connection is noticed."""


@frozen
class Event:
    """
    An entry has changed.

    :ivar number: its number, counted from 1.
    """

    number: int
    before: Entry | None
    after: Entry

    def encoded(self, boot: str) -> bytes:
        """As it is sent."""
        facts = {
            "before": None if self.before is None else self.before.state.value,
            "file": describe(self.after),
        }
        return f"id: {boot}-{self.number}\nevent: file\ndata: {json.dumps(facts)}\n\n".encode()


class EventLog:
    """
    The last events, and the readers that are sent those to come.

    An event has an identifier by which a reader that was cut off continues; if what it missed is
    not there any more, or is of another process, it gets an event ``reset``, and has to look at
    everything once more.
    """

    def __init__(self, clock: Any, boot: str | None = None) -> None:
        """
        :param clock: an ``IReactorTime``.
        :param boot: what is in the identifiers of this process and in no other's.
        """
        self._boot = boot or os.urandom(6).hex()
        self._next = 1
        self._events: deque[Event] = deque(maxlen=REMEMBERED)
        self._readers: list[_Reader] = []
        self._beat = Ticker(clock, BEAT, self._beats)

    @property
    def readers(self) -> int:
        """How many readers there are."""
        return len(self._readers)

    def changed(self, before: Entry | None, after: Entry) -> None:
        """An entry has changed."""
        event = Event(self._next, before, after)
        self._next += 1
        self._events.append(event)
        if self._readers:
            encoded = event.encoded(self._boot)
            for reader in list(self._readers):
                reader.send(encoded)

    def add(self, request: Request, last: str | None) -> None:
        """
        Send events to a reader until it goes, or is too slow.

        :param request: its request.
        :param last: the identifier of the last event that it has; :data:`None` for none.
        """
        request.write(b":\n\n")  # so that the reader knows at once that it is connected
        reader = _Reader(request, self._readers.remove)
        self._readers.append(reader)
        for encoded in self._missed(last):
            reader.send(encoded)
        self._beat.start()

    def _missed(self, last: str | None) -> list[bytes]:
        here = f"id: {self._boot}-{self._next - 1}\n"
        if last is None:
            return [f"{here}event: begin\ndata: {{}}\n\n".encode()]
        boot, _, number = last.rpartition("-")
        first = self._events[0].number if self._events else self._next
        known = boot == self._boot and number.isascii() and number.isdigit() and len(number) < 20
        if not known or not first <= int(number) + 1 <= self._next:
            return [f"{here}event: reset\ndata: {{}}\n\n".encode()]
        after = int(number)
        return [each.encoded(self._boot) for each in self._events if each.number > after]

    def close(self) -> None:
        """Send the readers away."""
        self._beat.stop()
        for reader in list(self._readers):
            reader.end()

    def _beats(self) -> bool:
        for reader in list(self._readers):
            reader.beat()
        return bool(self._readers)


@implementer(IPushProducer)
class _Reader:
    """One who reads the stream."""

    def __init__(self, request: Request, gone: Callable[[_Reader], object]) -> None:
        self._request = request
        self._waiting: deque[bytes] = deque()
        self._is_paused = self._is_over = False
        self._gone = gone
        request.notifyFinish().addBoth(lambda _: self._over())
        request.registerProducer(self, True)

    def send(self, encoded: bytes) -> None:
        if self._is_over:
            return
        if not self._is_paused:
            self._request.write(encoded)
        elif len(self._waiting) < SLOWEST:
            self._waiting.append(encoded)
        else:  # it comes back, with the identifier of the last event that it has
            self._over()
            channel: Any = self._request.channel
            if channel is not None:
                channel.forceAbortClient()

    def beat(self) -> None:
        if not self._is_paused and not self._is_over:
            self._request.write(b":\n\n")

    def end(self) -> None:
        if not self._is_over:
            self._request.unregisterProducer()
            self._request.finish()

    def _over(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._waiting.clear()
            self._gone(self)

    def pauseProducing(self) -> None:
        self._is_paused = True

    def resumeProducing(self) -> None:
        self._is_paused = False
        while self._waiting and not self._is_paused:
            self._request.write(self._waiting.popleft())

    def stopProducing(self) -> None:
        self._over()


class EventStream(Resource):
    """The URL of the stream."""

    isLeaf = True

    def __init__(self, guard: Guard, log: EventLog) -> None:
        """
        :param guard: who may read it.
        :param log: what is read.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self._guard = guard
        self._log = log

    def render(self, request: Request) -> int:
        """Respond; see Twisted."""
        try:
            self._guard.check(request, changes=False)
            if request.method != b"GET":
                raise Refusal(405, "Only GET is possible here.")
        except Refusal as refusal:
            return refuse(request, refusal, "GET")
        request.setHeader("Content-Type", "text/event-stream")
        request.setHeader("Cache-Control", "no-store")
        request.setHeader("X-Accel-Buffering", "no")  # nginx would keep them back
        self._log.add(request, request.getHeader("last-event-id"))
        return NOT_DONE_YET
