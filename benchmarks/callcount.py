"""
Count the function calls that a chunk costs: a guard that no busy machine can disturb.

The uploader runs over a reactor that keeps its own time and over transports in memory that answer
each request at the next turn. The calls of a short and of a long upload are counted, and the
difference divided by the difference in chunks, so that what happens once an upload does not count.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHostnameResolver, IReactorPluggableNameResolver
from twisted.internet.protocol import Protocol
from twisted.internet.tcp import Connection
from twisted.internet.testing import MemoryReactorClock
from zope.interface import implementer

from txresumable import Resumable

HERE = Path(__file__).resolve().parent
RECORD = HERE / "callcount.json"
SHORT, LONG = 64, 320
KIB = 1024
PACKAGES = ("txresumable", "twisted", "treq")

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
ABSENT = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nno"

#: The hot paths: bytes of a chunk, options, and what a test is answered.  Of "many" each chunk is a
#: file; the others have one file.
PATHS: dict[str, tuple[int, dict[str, Any], bytes]] = {
    "small": (16 * KIB, {"test_chunks": False}, OK),
    "big": (1024 * KIB, {"test_chunks": False}, OK),
    "scan": (16 * KIB, {"test_chunks": True}, OK),
    "fresh": (16 * KIB, {"test_chunks": True}, ABSENT),
    "many": (4 * KIB, {"test_chunks": False}, OK),
}


class AnsweringSocket:
    """
    A socket whose kernel takes all at once, and whose peer answers each request that is whole.

    :ivar protocol: who is answered.
    """

    protocol: Protocol

    def __init__(self, reactor: AnsweringReactor) -> None:
        self._reactor = reactor
        self._left = 0

    def sendmsg(self, parts: Sequence[bytes], _: object = (), flags: int = 0) -> int:
        """Take bytes: the first of a request hold its head."""
        size = sum(map(len, parts))
        if self._left == 0:
            head = bytes(parts[0]).partition(b"\r\n\r\n")[0]
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            self._answer = self._reactor.to_tests if head.startswith(b"GET") else OK
            if b"no-such-file-" in head:
                self._answer = ABSENT
            self._left = len(head) + 4 + int(length or b"0")
        self._left -= size
        if self._left == 0:
            self._reactor.requests += 1
            self._reactor.callLater(0, self.protocol.dataReceived, self._answer)
        return size

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Nothing is there yet."""
        raise BlockingIOError

    def __getattr__(self, name: str) -> Any:
        """Its options, and its end."""
        return lambda *_: 0


@implementer(IHostnameResolver)
class Resolver:
    """Every name is this machine's."""

    def resolveHostName(
        self, resolutionReceiver: Any, hostName: str, portNumber: int = 0, *_: Any, **__: Any
    ) -> Any:
        resolutionReceiver.resolutionBegan(self)
        resolutionReceiver.addressResolved(IPv4Address("TCP", "127.0.0.1", portNumber))
        resolutionReceiver.resolutionComplete()
        return resolutionReceiver


@implementer(IReactorPluggableNameResolver)
class AnsweringReactor(MemoryReactorClock):  # type: ignore[misc]
    """A reactor whose connections lead to an :class:`AnsweringSocket`."""

    def __init__(self, to_tests: bytes) -> None:
        super().__init__()
        self.nameResolver = Resolver()
        self.to_tests = to_tests
        self.requests = 0

    def connectTCP(self, host: str, port: int, factory: Any, *_: Any, **__: Any) -> Any:
        """Connect at once."""
        address = IPv4Address("TCP", host, port)
        protocol = factory.buildProtocol(address)
        socket: Any = AnsweringSocket(self)
        socket.protocol = protocol
        transport = Connection(socket, protocol, self)
        transport.connected = 1
        protocol.makeConnection(transport)
        return transport


class Calls:
    """Counts calls of Python functions while it is entered."""

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()
        self._packages: dict[str, str] = {}

    def __enter__(self) -> Calls:
        sys.setprofile(self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _hear(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            self.counted[frame.f_code.co_filename] += 1

    def by_package(self) -> Counter[str]:
        """The counts by package, without what this module calls for itself."""
        packages: Counter[str] = Counter()
        for name, number in self.counted.items():
            parts = Path(name).parts
            if name == __file__ or Path(name).name == "testing.py":
                continue
            packages[next((package for package in PACKAGES if package in parts), "other")] += number
        return packages


def make(folder: Path, chunks: int, name: str) -> list[Path]:
    """The files of so many chunks in all."""
    many = name == "many"
    paths = [folder / f"{number}.dat" for number in range(chunks if many else 1)]
    for path in paths:
        with path.open("wb") as file:
            file.truncate(PATHS[name][0] * (1 if many else chunks))
    return paths


def upload(folder: Path, chunks: int, name: str) -> tuple[Counter[str], int]:
    """
    Upload so many chunks.

    :returns: the calls by package, and the number of requests.
    """
    chunk_size, options, to_tests = PATHS[name]
    paths = make(folder, chunks, name)
    reactor = AnsweringReactor(to_tests)

    async def main() -> None:
        target = "http://127.0.0.1/upload"
        async with Resumable(target, reactor=reactor, chunk_size=chunk_size, **options) as uploader:
            uploader.add_files(paths)

    with Calls() as calls:
        done = Deferred.fromCoroutine(main())
        for _ in range(8 * chunks):
            if done.called:
                break
            reactor.advance(0)
    failures: list[Any] = []
    done.addErrback(failures.append)
    if not done.called or failures:
        raise RuntimeError(f"the upload did not end well: {failures}")
    return calls.by_package(), reactor.requests


def count() -> dict[str, dict[str, float]]:
    """The calls that a chunk costs on each hot path, by package and in all."""
    result: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        where = Path(folder)
        for name in PATHS:
            upload(where, SHORT, name)  # what is imported or cached at the first use
            short, few = upload(where, SHORT, name)
            long, many = upload(where, LONG, name)
            difference = LONG - SHORT
            row = {
                package: (long[package] - short[package]) / difference
                for package in (*PACKAGES, "other")
            }
            row["all"] = sum(row.values())
            row["requests"] = (many - few) / difference
            result[name] = row
    return result


def versions() -> dict[str, str]:
    """What the counts hold for: other versions of these call differently."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"python": python, **{name: version(name) for name in ("twisted", "treq")}}


def main() -> None:
    """Print the counts, and record them if that is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("--record", action="store_true", help=f"write them to {RECORD.name}")
    options = parser.parse_args()
    counts = count()
    text = json.dumps({"versions": versions(), "calls": counts}, indent=2)
    print(text)
    if options.record:
        RECORD.write_text(text + "\n")


if __name__ == "__main__":
    main()
