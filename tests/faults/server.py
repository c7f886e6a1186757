"""
A server of raw sockets that does to its clients what a test says.

Each connection is a thread, so that a script reads from top to bottom: what comes, what is sent
back and when, and whether the socket is then closed, reset, or just left alone.
"""

from __future__ import annotations

import re
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from attrs import define, field, frozen
from twisted.internet.defer import Deferred

__all__ = ["Peer", "RawServer", "Request", "Script", "reply"]

_PATIENCE = 20.0
"""Seconds after which a script that nobody serves gives up: longer than any test takes."""


def reply(
    status: int | str = 200, body: bytes = b"", *fields: str, length: int | None = None
) -> bytes:
    """
    An answer, byte for byte.

    :param status: its status, or all of its first line.
    :param body: its body.
    :param fields: more lines of its head.
    :param length: what Content-Length says, if that is not true.
    """
    first = status if isinstance(status, str) else f"HTTP/1.1 {status} Words"
    size = len(body) if length is None else length
    head = "\r\n".join([first, f"Content-Length: {size}", *fields, "", ""])
    return head.encode("latin-1") + body


@frozen
class Request:
    """
    What a client sent.

    :ivar head: the head, byte for byte.
    :ivar body: the body, or what came of it.
    """

    head: bytes
    body: bytes = b""

    @property
    def method(self) -> str:
        return self.head.split(b" ", 1)[0].decode("ascii")

    @property
    def target(self) -> str:
        return self.head.split(b" ", 2)[1].decode("ascii")

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def lines(self) -> list[str]:
        """The header fields."""
        return self.head.decode("latin-1").split("\r\n")[1:-2]

    def field(self, name: str) -> str | None:
        found = [line for line in self.lines if line.lower().startswith(name.lower() + ":")]
        return found[-1].partition(":")[2].strip() if found else None

    @property
    def length(self) -> int:
        return int(self.field("content-length") or 0)

    @property
    def name(self) -> str:
        """The name of the file that it is about."""
        return self.query.get("resumableFilename", "")

    @property
    def number(self) -> int:
        return int(self.query.get("resumableChunkNumber", 0))

    @property
    def chunk(self) -> bytes:
        """The bytes of the chunk in its body."""
        kind = self.field("content-type") or ""
        boundary = re.search(r"boundary=\"?([^\";]+)", kind)
        if boundary is None:
            return self.body
        content = self.body.rpartition(b"\r\n--" + boundary[1].encode() + b"--")[0]
        start = content.rindex(b'name="file"; filename=')
        return content[content.index(b"\r\n\r\n", start) + 4 :]


class Gone(Exception):
    """The client has closed, or the test is over."""


class Peer:
    """
    A server's end of one connection.

    :ivar number: how many connections there were before it.
    """

    def __init__(self, server: RawServer, connection: socket.socket, number: int) -> None:
        self.server = server
        self.socket: Any = connection
        self.number = number
        self.served = 0
        self._buffer = b""
        self._left = False
        connection.settimeout(_PATIENCE)

    def secure(self, context: ssl.SSLContext) -> None:
        """Agree on TLS."""
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def receive(self, size: int = 1 << 16) -> bytes:
        """:raises Gone: when no more comes."""
        if self._buffer:
            data, self._buffer = self._buffer[:size], self._buffer[size:]
            return data
        data = self.socket.recv(size)
        if not data:
            raise Gone
        return bytes(data)

    def head(self) -> Request:
        """The next request, of which only the head is read."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.receive()
        end = data.index(b"\r\n\r\n") + 4
        self._buffer = data[end:] + self._buffer
        self.served += 1
        request = Request(data[:end])
        self.server.requests.append(request)
        return request

    def body(self, request: Request) -> Request:
        """The same request with all of its body."""
        pieces, left = [], request.length
        while left:
            piece = self.receive(min(left, 1 << 16))
            left -= len(piece)
            pieces.append(piece)
        return Request(request.head, b"".join(pieces))

    def request(self) -> Request:
        """The next request with its body."""
        return self.body(self.head())

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_at_once(self, *pieces: bytes) -> None:
        """Send pieces in one segment; over TLS each is a record of its own."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        for piece in pieces:
            self.send(piece)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)

    def trickle(self, data: bytes, seconds: float) -> None:
        """Send a byte at a time, so long after each other, for as long as the client listens."""
        poll = select.poll()
        poll.register(self.socket, select.POLLRDHUP)
        for at in range(len(data)):
            self.send(data[at : at + 1])
            if poll.poll(seconds * 1000):
                raise Gone

    def close(self) -> None:
        """Close in good order."""
        self.socket.close()

    def reset(self) -> None:
        """Close with a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def ignore(self) -> None:
        """Neither read nor close, until the client closes: that is told as ``left``."""
        poll = select.poll()
        poll.register(self.socket, select.POLLRDHUP)
        poll.poll(_PATIENCE * 1000)
        self.leave()

    def leave(self) -> None:
        """Tell, once, that the client has closed."""
        if not self._left:
            self._left = True
            self.tell("left")

    def store(self, request: Request) -> None:
        """Keep the chunk of a whole request."""
        with self.server.lock:
            self.server.stored.setdefault(request.name, {})[request.number] = request.chunk

    def serve(self, request: Request | None = None) -> None:
        """As a good server does: tests are answered truthfully, chunks are stored."""
        request = self.body(request or self.head())
        if request.method == "POST":
            self.store(request)
            self.send(reply(200, b"stored"))
            return
        there = request.number in self.server.stored.get(request.name, {})
        self.send(reply(200 if there else 404))

    def serve_all(self) -> None:
        """Serve until the client closes."""
        while True:
            self.serve()

    def tell(self, what: str) -> None:
        """Let the test know how far the script is."""
        self.server.tell(what)

    def wait(self) -> None:
        """Wait until the test opens the gate."""
        if not self.server.gate.wait(_PATIENCE):
            raise Gone


Script = Callable[[Peer], object]


@define(eq=False)
class RawServer:
    """
    Listens on loopback, and has each connection served by a script.

    :ivar script: serves each connection.
    :ivar context: TLS, agreed on before the script, if any.
    :ivar receive_buffer: bytes that its kernel keeps for a script that does not read.
    :ivar segment: bytes of a segment at most, both ways.
    :ivar requests: every request whose head came.
    :ivar stored: chunks by file name and number.
    :ivar gate: what scripts wait for, opened by the test.
    :ivar errors: what went wrong in scripts; a client that closed is no error.
    """

    script: Script
    context: ssl.SSLContext | None = None
    receive_buffer: int | None = None
    segment: int | None = None
    requests: list[Request] = field(factory=list)
    stored: dict[str, dict[int, bytes]] = field(factory=dict)
    errors: list[BaseException] = field(factory=list)
    lock: Any = field(factory=threading.Lock)
    gate: threading.Event = field(factory=threading.Event)
    peers: list[Peer] = field(factory=list)
    _threads: list[threading.Thread] = field(factory=list)
    _told: dict[str, int] = field(factory=dict)
    _waiting: list[tuple[str, int, Deferred[None]]] = field(factory=list)
    port: int = 0
    _listening: Any = None
    _stopped: bool = False

    def start(self) -> RawServer:
        self._listening = socket.socket()
        if self.receive_buffer is not None:
            self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
        if self.segment is not None:
            self._listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, self.segment)
        self._listening.bind(("127.0.0.1", 0))
        self._listening.listen(128)
        self.port = self._listening.getsockname()[1]
        self._run(self._accept)
        return self

    @property
    def url(self) -> str:
        scheme = "https" if self.context is not None else "http"
        return f"{scheme}://127.0.0.1:{self.port}/upload"

    @property
    def connections(self) -> int:
        """How many there were."""
        return len(self.peers)

    def content(self, name: str) -> bytes:
        """What was stored of a file."""
        chunks = self.stored.get(name, {})
        return b"".join(chunks[number] for number in sorted(chunks))

    def asked(self, method: str, name: str | None = None) -> list[Request]:
        """The requests of one method, and about one file."""
        return [
            each
            for each in self.requests
            if each.method == method and (name is None or each.name == name)
        ]

    def tell(self, what: str) -> None:
        from twisted.internet import reactor

        reactor.callFromThread(self._hear, what)  # type: ignore[attr-defined]

    def _hear(self, what: str) -> None:
        self._told[what] = self._told.get(what, 0) + 1
        for waiting in list(self._waiting):
            if self._told.get(waiting[0], 0) >= waiting[1]:
                self._waiting.remove(waiting)
                waiting[2].callback(None)

    def when(self, what: str, times: int = 1) -> Deferred[None]:
        """Wait for scripts to tell something so many times."""
        waiting: Deferred[None] = Deferred()
        self._waiting.append((what, times, waiting))
        self._told.setdefault(what, 0)
        if self._told[what] >= times:
            self._waiting.pop()
            waiting.callback(None)
        return waiting

    def stop(self) -> None:
        """End every script and close every socket of the server's."""
        self._stopped = True
        self.gate.set()
        _shut(self._listening)
        for peer in list(self.peers):
            _shut(peer.socket)
        for thread in list(self._threads):
            thread.join(5)
            if thread.is_alive():
                raise AssertionError("a script did not end")
        if self.errors:
            raise self.errors[0]

    def _run(self, work: Callable[..., object], *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with self._listening:
            while not self._stopped:
                try:
                    connection, _ = self._listening.accept()
                except OSError:
                    return
                peer = Peer(self, connection, len(self.peers))
                self.peers.append(peer)
                self._run(self._serve, peer)

    def _serve(self, peer: Peer) -> None:
        try:
            if self.context is not None:
                peer.secure(self.context)
            self.script(peer)
        except (Gone, OSError):
            peer.leave()  # perhaps its limit was over before the fault could begin
        except BaseException as error:
            self.errors.append(error)
        finally:
            peer.socket.close()


def _shut(opened: Any) -> None:
    with suppress(OSError):
        opened.shutdown(socket.SHUT_RDWR)
