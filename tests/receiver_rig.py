"""A receiver with its disk and its clients in one place, for tests."""

from __future__ import annotations

import errno
import gc
import json
import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from attrs import frozen
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, execute
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReactorPluggableNameResolver
from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver, MemoryReactorClock, StringTransport
from twisted.logger import LogLevel, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import Site
from zope.interface import alsoProvides

from benchmarks.callcount import Resolver
from txresumable._protocol.layout import ChunkLayout
from txresumable._protocol.request import ChunkFacts, FileFacts, RequestEncoder
from txresumable._protocol.template import Template
from txresumable.receiver import ReceivedFile, ReceiverSite, Store, make_site
from txresumable.receiver.store import Disk, at_once

_T = TypeVar("_T")
TARGET = "http://receiver.example/"


class Killed(BaseException):
    """The process is gone."""


class QuickDisk(Disk):
    """A disk that does not wait for what is durable only after a power cut."""

    def sync_data(self, fd: int) -> None:
        pass

    def sync(self, fd: int) -> None:
        pass

    def can_sync_all(self, fd: int) -> bool:
        return True

    def sync_all(self, fd: int) -> None:
        pass


class LonelyDisk(QuickDisk):
    """A disk that makes each file durable for itself."""

    def can_sync_all(self, fd: int) -> bool:
        return False


class FaultyDisk(QuickDisk):
    """
    A disk that counts the calls it gets and fails the one that it is told to.

    Once killed it does nothing any more; descriptors that are open then are closed, as they are
    when a process ends.
    """

    COUNTED = (
        "open_root",
        "open_folder",
        "lock",
        "create",
        "open",
        "read",
        "write",
        "resize",
        "sync_data",
        "sync",
        "sync_all",
        "link",
        "replace",
        "remove",
        "names",
        "status",
        "make_folder",
        "enter_folder",
        "set_mode",
        "overwrite",
        "rename_new",
        "status_of",
        "status_at",
        "free",
    )

    BY_DESCRIPTOR = (
        "set_mode",
        "read",
        "write",
        "resize",
        "sync_data",
        "sync",
        "sync_all",
        "status_of",
        "free",
        "names",
    )

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.fail_at: int | None = None
        self.error: BaseException | None = None
        self.dead = False
        self.descriptors: set[int] = set()

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in FaultyDisk.COUNTED:
            return found

        def call(*arguments: Any, **options: Any) -> Any:
            if self.dead:
                raise Killed
            self.calls.append(name)
            if self.fail_at is not None and len(self.calls) == self.fail_at:
                assert self.error is not None
                if isinstance(self.error, Killed):
                    self.die()
                raise self.error
            if name in FaultyDisk.BY_DESCRIPTOR and arguments[0] not in self.descriptors:
                raise AssertionError(f"{name} of a descriptor that is not open")
            result = found(*arguments, **options)
            if name in ("open_root", "open_folder", "enter_folder", "create", "open"):
                self.descriptors.add(result)
            return result

        return call

    def write_pieces(self, fd: int, pieces: Sequence[bytes], offset: int) -> None:
        self.write(fd, b"".join(pieces), offset)

    def close(self, fd: int) -> None:
        if not self.dead:
            # One that is not open, or not any more, is somebody else's.
            self.descriptors.remove(fd)
            super().close(fd)

    def die(self) -> None:
        """Be killed now."""
        self.dead = True
        for fd in self.descriptors:
            os.close(fd)
        self.descriptors = set()


class LinklessDisk(FaultyDisk):
    """A disk that knows no hard links."""

    def link(self, name: str, folder: int, new_name: str, new_folder: int) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), name)


@frozen
class Response:
    """What the receiver sent back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> dict[str, Any]:
        """The body as JSON."""
        found: dict[str, Any] = json.loads(self.body)
        return found


class HalfCloseable(StringTransport):
    """A transport of which one direction can be closed, as TCP's."""

    half_closed = False

    def loseWriteConnection(self) -> None:
        self.half_closed = True

    def write(self, data: bytes) -> None:
        if not self.half_closed:
            super().write(data)


class Connection:
    """A client's end of a connection."""

    def __init__(self, site: Site, host: str = "192.0.2.1") -> None:
        self.transport = HalfCloseable(peerAddress=IPv4Address("TCP", host, 50000))
        self.protocol = site.buildProtocol(self.transport.getPeer())
        self.protocol.makeConnection(self.transport)

    @property
    def closed(self) -> bool:
        """Whether the receiver has closed it, or its own direction of it."""
        return bool(self.transport.disconnecting or self.transport.half_closed)

    @property
    def aborted(self) -> bool:
        """Whether it has done so without waiting for anything."""
        return bool(self.transport.disconnected)

    def send(self, data: bytes, pieces: int = 65536) -> Connection:
        """Send bytes, in pieces of so many."""
        for start in range(0, len(data), pieces):
            self.protocol.dataReceived(data[start : start + pieces])
        return self

    def end(self) -> Connection:
        """Send no more."""
        self.protocol.readConnectionLost()
        return self

    def lose(self) -> None:
        """Break it."""
        self.protocol.connectionLost(Failure(ConnectionDone()))

    def responses(self) -> list[Response]:
        """What has come back since the last time."""
        data, found = self.transport.value(), []
        self.transport.clear()
        while data:
            head, _, data = data.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            pairs = (line.split(": ", 1) for line in lines)
            headers = {name.lower(): value for name, value in pairs}
            length = int(headers.get("content-length", "0"))
            found.append(Response(int(first.split()[1]), headers, data[:length]))
            data = data[length:]
        return found

    def response(self) -> Response:
        """The one response since the last time."""
        (only,) = self.responses()
        return only


class ClientFile:
    """A file that a client sends: its requests, as our client renders them."""

    def __init__(
        self,
        content: bytes,
        name: str = "file.dat",
        identifier: str = "an-identifier",
        *,
        chunk_size: int = 10,
        force: bool = False,
        relative_path: str = "",
        **encoder: Any,
    ) -> None:
        self.content = content
        self.layout = ChunkLayout(len(content), chunk_size, force)
        facts = FileFacts(
            file_name=name,
            relative_path=relative_path or name,
            identifier=identifier,
            type="",
            size=len(content),
            total_chunks=self.layout.count,
        )
        self.encoder = RequestEncoder(chunk_size=chunk_size, **encoder)
        self.template = Template(self.encoder, facts)

    def chunk(self, number: int) -> bytes:
        """The bytes of a chunk."""
        start, end = self.layout.range(number - 1)
        return self.content[start:end]

    def test(self, number: int, checksum: str = "", method: str = "GET", **headers: str) -> bytes:
        """A test of a chunk."""
        facts = ChunkFacts(number, len(self.chunk(number)), checksum)
        url = self.template.test_url(TARGET, facts, ())
        return request(method, url, headers)

    def upload(
        self,
        number: int,
        data: bytes | None = None,
        *,
        checksum: str = "",
        method: str = "POST",
        late: dict[str, str] | None = None,
        **headers: str,
    ) -> bytes:
        """An upload of a chunk, or of other bytes in its place; late fields come after it."""
        facts = ChunkFacts(number, len(self.chunk(number)), checksum)
        head = self.template.upload(TARGET, facts, ())
        data = self.chunk(number) if data is None else data
        if self.encoder.base64:
            data = self.encoder.encode_chunk(data)
        headers["content_type"] = head.content_type
        after = b"".join(_field(head.tail, name, value) for name, value in (late or {}).items())
        return request(method, head.url, headers, head.head + data + after + head.tail)


def _field(tail: bytes, name: str, value: str) -> bytes:
    """A field of a form that ends with this."""
    start = tail.removesuffix(b"--\r\n")
    return start + f'\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode()


def request(method: str, url: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """The bytes of a request."""
    url = url.removeprefix(TARGET[:-1])
    lines = [f"{method} {url} HTTP/1.1", "Host: receiver.example"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class Thread:
    """A thread that works when it is told to."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Deferred[Any], Callable[[], Any]]] = []

    def run(self, work: Callable[..., _T], *arguments: Any) -> Deferred[_T]:
        """Have something done later."""
        done: Deferred[_T] = Deferred()
        self.waiting.append((done, lambda: work(*arguments)))
        return done

    def work(self, steps: int = 1000) -> None:
        """Do so many of the things that wait, or all."""
        while self.waiting and steps:
            done, work = self.waiting.pop(0)
            execute(work).chainDeferred(done)
            steps -= 1


def fail_once(call: Callable[..., _T], error: OSError) -> Callable[..., _T]:
    """A call that fails the first time."""
    errors = [error]

    def failing(*arguments: Any) -> _T:
        if errors:
            raise errors.pop()
        return call(*arguments)

    return failing


class ReceiverTestCase(SynchronousTestCase):
    """Tests that need a receiver."""

    def setUp(self) -> None:
        self.root = self.mktemp()
        self.clock = Clock()
        self.received: list[ReceivedFile] = []
        self.addCleanup(self.check_clock)

    def check_clock(self) -> None:
        """Nothing is left to happen."""
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def make_store(self, **options: Any) -> Store:
        """A store over the test's folder."""
        options.setdefault("run", at_once)
        options.setdefault("disk", QuickDisk())
        options.setdefault("on_complete", self.received.append)
        options.setdefault("now", self.clock.seconds)
        options.setdefault("reactor", self.clock)
        private = ("run", "disk", "now")
        given = {f"_{name}" if name in private else name: each for name, each in options.items()}
        return Store(self.root, **given)

    def start(self, *, site: dict[str, Any] | None = None, **options: Any) -> ReceiverSite:
        """A receiver in the test's folder, that ends with the test."""
        self.store = self.make_store(**options)
        self.addCleanup(lambda: self.successResultOf(self.store.close()))
        self.connections: list[Connection] = []
        self.site = self.site_over(self.store, **(site or {}))
        self.addCleanup(self.hang_up)
        return self.site

    def site_over(self, store: Store, **options: Any) -> ReceiverSite:
        """A site over a store."""
        return make_site(store, reactor=self.clock, **options)

    def connect(self, host: str = "192.0.2.1") -> Connection:
        """A connection to the receiver."""
        connection = Connection(self.site, host)
        self.connections.append(connection)
        return connection

    def log(self) -> Callable[[], list[tuple[LogLevel, str]]]:
        """Notice what is logged from now on: what comes back gives it, each with its level."""
        logged = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        return lambda: [
            (event["log_level"], formatEvent(event))
            for event in logged
            if event["log_namespace"].startswith("txresumable")
        ]

    def forget_killed(self, *killed: type[BaseException]) -> None:
        """Handle what a killed process left, so that no later test finds it in its log."""
        for each in gc.get_objects():
            result = getattr(each, "result", None) if type(each) is Deferred else None
            if isinstance(result, Failure) and result.check(*killed):
                each.addErrback(lambda failure: failure.trap(*killed))
        gc.collect()
        self.flushLoggedErrors(*killed)

    def hang_up(self) -> None:
        """Break all connections."""
        for connection in self.connections:
            connection.lose()
        self.connections = []

    def ask(self, data: bytes, pieces: int = 65536) -> Response:
        """Send a request on a connection of its own."""
        connection = self.connect()
        try:
            return connection.send(data, pieces).response()
        finally:
            self.connections.remove(connection)
            connection.lose()

    def finished(self) -> dict[str, bytes]:
        """The finished files by name."""
        found = {}
        for folder, folders, names in os.walk(self.root):
            if ".resumable" in folders:
                folders.remove(".resumable")
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    found[os.path.relpath(path, self.root)] = file.read()
        return found

    def private(self) -> list[str]:
        """The endings of what is in the private folder."""
        names = os.listdir(os.path.join(self.root, ".resumable"))
        return sorted(name.partition(".")[2] for name in names)


def connecting_reactor() -> Any:
    """A reactor in memory that clients connect by, also with a Twisted that looks up addresses."""
    reactor: Any = MemoryReactorClock()
    alsoProvides(reactor, IReactorPluggableNameResolver)
    reactor.nameResolver = Resolver()
    return reactor
