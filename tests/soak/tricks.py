"""
What a hostile line does to a connection.

Nothing that a right client could not notice: no byte is altered or sent twice, and a response that
is not the receiver's is no success, or comes in one segment with the one before it, or before the
body can have been sent.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from random import Random

from .proxy import Pair, Proxy

__all__ = ["READING", "TRICKS", "Messages", "Trick", "choose"]

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_NOT_NOW = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nno!\n"
_FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_GARBAGE = b"\x00\x16\r\n\r\nnothing that anybody asked for\r\n"


class Messages:
    """Where the messages of a stream end: each a head with a length and a body."""

    def __init__(self) -> None:
        self._head = b""
        self._body = 0

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bool]]:
        """The stream in pieces, and of each whether a message ends with it."""
        while data:
            if not self._body:
                before = len(self._head)
                head, end, _ = (self._head + data).partition(b"\r\n\r\n")
                if not end:
                    self._head += data
                    yield data, False
                    return
                size = len(head) + 4 - before
                piece, data = data[:size], data[size:]
                found = _LENGTH.search(head)
                self._head, self._body = b"", int(found[1]) if found else 0
            else:
                piece, data = data[: self._body], data[self._body :]
                self._body -= len(piece)
            yield piece, not self._body


class Trick:
    """Leaves a connection alone."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.random = pair.random
        self._bytes = int(2 ** self.random.uniform(10, 23))

    def begin(self) -> None:
        """The client is connected."""

    def from_client(self, data: bytes) -> None:
        """Bytes came from the client."""
        self.pair.to_server.put(data)

    def from_server(self, data: bytes) -> None:
        """Bytes came from the receiver."""
        self.pair.to_client.put(data)

    def age(self, data: bytes) -> None:
        """Cut it when so many bytes have gone by."""
        self._bytes -= len(data)
        if self._bytes < 0:
            self.cut()

    def cut(self) -> None:
        """End both, by a FIN or a RST."""
        if self.random.random() < 0.5:
            self.pair.later(0, self.pair.reset)
            return
        self.pair.to_client.finish()
        self.pair.to_server.finish()
        self.pair.later(1.0, self.pair.reset)


class Split(Trick):
    """Pieces of any size, with pauses between them."""

    def __init__(self, pair: Pair) -> None:
        super().__init__(pair)
        self._left = 300

    def _pieces(self, data: bytes) -> Iterator[tuple[bytes, float]]:
        while data:
            self._left -= 1
            size = self.random.choice((1, 7, 200, 1448, 4000)) if self._left > 0 else len(data)
            yield data[:size], self.random.choice((0.0, 0.0005, 0.003))
            data = data[size:]

    def from_client(self, data: bytes) -> None:
        for piece in self._pieces(data):
            self.pair.to_server.put(*piece)
        self.age(data)

    def from_server(self, data: bytes) -> None:
        for piece in self._pieces(data):
            self.pair.to_client.put(*piece)


class Delay(Trick):
    """All comes later, and what came meanwhile together with it."""

    def __init__(self, pair: Pair) -> None:
        super().__init__(pair)
        self._kept = {True: b"", False: b""}
        self._delay = self.random.choice((0.002, 0.02, 0.1))

    def _keep(self, up: bool, data: bytes) -> None:
        if not self._kept[up]:
            self.pair.later(self._delay, lambda: self._let_go(up))
        self._kept[up] += data

    def _let_go(self, up: bool) -> None:
        data, self._kept[up] = self._kept[up], b""
        (self.pair.to_server if up else self.pair.to_client).put(data)

    def from_client(self, data: bytes) -> None:
        self._keep(True, data)
        self.age(data)

    def from_server(self, data: bytes) -> None:
        self._keep(False, data)


class Cut(Trick):
    """Both directions end after some bytes of one."""

    def __init__(self, pair: Pair) -> None:
        super().__init__(pair)
        self._left = int(2 ** self.random.uniform(0, 20))
        self._up = self.random.random() < 0.6

    def _count(self, data: bytes) -> bytes:
        data = data[: self._left]
        self._left -= len(data)
        return data

    def from_client(self, data: bytes) -> None:
        self.pair.to_server.put(self._count(data) if self._up else data)
        if not self._left:
            self.cut()

    def from_server(self, data: bytes) -> None:
        self.pair.to_client.put(data if self._up else self._count(data))
        if not self._left:
            self.cut()


class HalfClose(Cut):
    """The receiver sees a FIN after some bytes, and can still answer."""

    def from_client(self, data: bytes) -> None:
        if self._left:
            self.pair.to_server.put(self._count(data))
            if not self._left:
                self.pair.to_server.finish()
                self.pair.later(2.0, self.pair.reset)

    def from_server(self, data: bytes) -> None:
        self.pair.to_client.put(data)


class Stall(Cut):
    """From some byte on there is silence, without an end."""

    def from_client(self, data: bytes) -> None:
        if self._left:
            self.pair.to_server.put(self._count(data))

    def from_server(self, data: bytes) -> None:
        if self._left:
            self.pair.to_client.put(data)


class Refuse(Trick):
    """Nothing but an end."""

    def begin(self) -> None:
        self.cut()

    def from_client(self, data: bytes) -> None:
        """Nobody hears it."""


class Lose(Trick):
    """The receiver gets a request and does it, but its answer is lost, or becomes a 503."""

    def __init__(self, pair: Pair) -> None:
        super().__init__(pair)
        self._left = self.random.randrange(6)
        self._messages = Messages()

    def from_server(self, data: bytes) -> None:
        for piece, ends in self._messages.feed(data):
            if self._left > 0:
                self.pair.to_client.put(piece)
                self._left -= ends
            elif ends and self._left == 0:
                self._left = -1
                self.answer()

    def answer(self) -> None:
        """In its place."""
        if self.random.random() < 0.5:
            self.pair.to_client.put(_NOT_NOW)
        self.cut()


class Stray(Lose):
    """After an answer there is something more, and nothing that was asked gets anywhere."""

    def from_server(self, data: bytes) -> None:
        for piece, ends in self._messages.feed(data):
            if self._left < 0:
                return
            if ends and self._left == 0:
                self.add(piece)
                return
            self.pair.to_client.put(piece)
            self._left -= ends

    def add(self, last: bytes) -> None:
        """Something more than the last piece of an answer."""
        self._left = -1
        self.pair.to_client.put(last)
        delay = self.random.choice((0.0, 0.0, 0.001, 0.01))
        self.pair.to_client.put(self.random.choice((_NOT_NOW, _GARBAGE, b"\r\n")), delay)
        self.pair.later(3.0, self.pair.reset)

    def from_client(self, data: bytes) -> None:
        if self._left >= 0:
            self.pair.to_server.put(data)


class StraySuccess(Stray):
    """What comes in the same segment as an answer is a success, that nobody asked for."""

    def __init__(self, pair: Pair) -> None:
        super().__init__(pair)
        self._whole = b""

    def from_server(self, data: bytes) -> None:
        for piece, ends in self._messages.feed(data):
            if self._left < 0:
                return
            self._whole += piece
            if ends:
                whole, self._whole = self._whole, b""
                if self._left == 0 and len(whole) < 460:
                    self._together(whole)
                    return
                self.pair.to_client.put(whole)
                self._left -= self._left > 0

    def _together(self, whole: bytes) -> None:
        """Two writes, and over TLS two records, but one segment."""
        self._left = -1
        self._cork(1)
        self.pair.to_client.put(whole)
        self.pair.to_client.put(_FINE, 0.003)
        self.pair.later(0.01, lambda: self._cork(0))
        self.pair.later(3.0, self.pair.reset)

    def _cork(self, on: int) -> None:
        if self.pair.client.is_open:
            bare = self.pair.client.transport.socket
            bare.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, on)


class CloseIdle(Trick):
    """The connection is closed just as a request begins that is not the first."""

    def __init__(self, pair: Pair) -> None:
        super().__init__(pair)
        self._answers = self.random.randrange(1, 6)
        self._messages = Messages()

    def from_server(self, data: bytes) -> None:
        for piece, ends in self._messages.feed(data):
            self.pair.to_client.put(piece)
            self._answers -= ends

    def from_client(self, data: bytes) -> None:
        if self._answers > 0:
            self.pair.to_server.put(data)
        else:
            self.cut()


class CloseAfter(CloseIdle):
    """The connection is closed right after an answer."""

    def from_server(self, data: bytes) -> None:
        super().from_server(data)
        if self._answers <= 0:
            self.pair.to_client.finish()

    def from_client(self, data: bytes) -> None:
        self.pair.to_server.put(data)


class Early(Trick):
    """A big request is answered after its head, by nobody who has read its body."""

    def __init__(self, pair: Pair) -> None:
        super().__init__(pair)
        self._taken = self.random.random() < 0.5
        self._messages = Messages()
        self._head = b""

    def from_client(self, data: bytes) -> None:
        self._head += data
        head, end, _ = self._head.partition(b"\r\n\r\n")
        found = _LENGTH.search(head)
        if not end and len(self._head) < 16384:
            return
        # Only where segments are small is it certain that the kernel has not taken all of it.
        small = not found or int(found[1]) < 900_000 or len(self._head) > 60_000
        if small or not self.pair.proxy.mss:
            self._head, data = b"", self._head
            self.from_client = self.pair.to_server.put  # type: ignore[method-assign]
            self.pair.to_server.put(data)
            return
        self.from_client = self.ignore  # type: ignore[method-assign]
        self.pair.client.transport.pauseProducing()
        self.pair.to_client.put(_FINE if self._taken else _NOT_NOW)
        self.pair.later(3.0, self.pair.reset)

    def ignore(self, data: bytes) -> None:
        """Nobody hears it."""


TRICKS: tuple[type[Trick], ...] = (Split, Delay, Cut, HalfClose, Stall, Refuse)
"""Those that need not know what they carry."""

READING: tuple[type[Trick], ...] = (Lose, Stray, StraySuccess, CloseIdle, CloseAfter, Early)
"""Those that read it."""


def choose(trouble: float, reads: bool) -> Callable[[Proxy, Random], Callable[[Pair], Trick]]:
    """
    What chooses the tricks of a proxy's connections.

    :param trouble: the chance that there is one.
    :param reads: whether it can read what it carries.
    """
    tricks = TRICKS + READING if reads else TRICKS

    def chosen(proxy: Proxy, random: Random) -> Callable[[Pair], Trick]:
        return random.choice(tricks) if random.random() < trouble else Trick

    return chosen
