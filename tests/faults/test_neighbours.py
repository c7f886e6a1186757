"""Whatever becomes of one file, another one of the same uploader arrives."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Callable
from typing import Any

from tests.authority import Authority
from txresumable import ChunkRejected, RetriesExhausted
from txresumable._http.response import LIMIT
from txresumable.errors import (
    ConnectFailed,
    ConnectTimeout,
    MalformedResponse,
    StallTimeout,
    TLSRejected,
)

from .case import NEIGHBOUR, FaultCase, certified, or_serve
from .server import Peer, RawServer, Request, reply

CODED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def answer(
    data: bytes, *, rest: bytes = b"", whole: bool = False
) -> Callable[[Peer, Request], None]:
    """A fault: some bytes are the answer, and others come after them without end, or nothing."""

    def fault(peer: Peer, request: Request) -> None:
        peer.body(request)
        peer.send(data)
        while rest:
            peer.send(rest)
        if not whole:
            peer.ignore()

    return fault


class ResponseTests(FaultCase):
    """Beside a file whose requests are answered in a bad way."""

    async def beside(
        self, fault: Callable[[Peer, Request], object], kind: type[BaseException], **options: Any
    ) -> None:
        """A file's last fault is of a kind; its neighbour arrives."""
        server = self.serve(or_serve(fault))
        given = {"max_chunk_retries": 1, "simultaneous_uploads": 2, "chunk_size": 10_000, **options}
        uploader = self.uploader(server.url, **given)
        upload = uploader.add_file(self.file(b"x" * 50_000))
        neighbour = self.neighbour(uploader)
        error = await self.failure(upload, RetriesExhausted, ChunkRejected)
        self.assertIsInstance(getattr(error, "last", error), kind)
        await self.check_neighbour(neighbour, server)

    async def test_no_answer(self) -> None:
        """C8: there is never an answer for the one; the other arrives."""
        await self.beside(answer(b""), StallTimeout, stall_timeout=0.3)

    async def test_no_end(self) -> None:
        """C9: the one's answers stop half-way, or trickle; the other arrives."""
        for half in (reply(200, b"half", length=100), CODED + b"5\r\nfive", b"HTTP/1.1 200 "):
            await self.beside(answer(half), StallTimeout, stall_timeout=0.3)

        def trickle(peer: Peer, request: Request) -> None:
            peer.body(request)
            peer.trickle(reply(200, b"x" * 1000), 0.02)

        await self.beside(trickle, StallTimeout, stall_timeout=0.3)

    async def test_endless(self) -> None:
        """C11: the one's answers have no end; the other arrives."""
        for start, rest in (
            (b"HTTP/1.1 200 OK\r\n", b"X: x\r\n" * 1000),
            (b"", b"HTTP/1.1 100 Go on\r\n\r\n" * 1000),
            (CODED, b"1\r\nx\r\n" * 1000),
        ):
            await self.beside(answer(start, rest=rest), MalformedResponse)
        endless = answer(b"HTTP/1.1 404 No\r\n\r\n", rest=b"x" * 65536)
        await self.beside(endless, ChunkRejected)

    async def test_packed(self) -> None:
        """C12: the one's answers are compressed; the other arrives."""
        packed = gzip.compress(b"\0" * 1_000_000)
        encoded = reply(200, packed, "Content-Encoding: gzip")
        await self.beside(answer(encoded, whole=True), MalformedResponse)

    async def test_malformed(self) -> None:
        """C13: the one's answers are not HTTP; the other arrives."""
        for first in ("HTTP/1.1 2_00 OK", "HTTP/1.1 99999 OK", "nonsense"):
            await self.beside(answer(reply(first)), MalformedResponse)

    async def test_long_refusals(self) -> None:
        """C22: the one is refused again and again at length; the other arrives."""
        long = answer(reply(503, b"x" * (LIMIT + 1), "Retry-After: 0", length=1 << 40))
        await self.beside(long, Exception, max_chunk_retries=9)

    async def test_kept_connections_close(self) -> None:
        """C6: kept connections are closed as the one's chunks go out; both arrive."""
        for end in (Peer.close, Peer.reset):

            def fault(peer: Peer, request: Request, end: Any = end) -> None:
                if peer.served > 1:
                    end(peer)
                else:
                    peer.serve(request)

            server = self.serve(or_serve(fault))
            uploader = self.uploader(
                server.url, max_chunk_retries=0, simultaneous_uploads=2, chunk_size=10_000
            )
            upload = uploader.add_file(self.file(b"x" * 50_000))
            neighbour = self.neighbour(uploader)
            await upload
            self.assertEqual(server.content("upload.bin"), b"x" * 50_000)
            await self.check_neighbour(neighbour, server)

    async def test_cookies(self) -> None:
        """C15: a cookie that the one gets is not sent with the other."""

        def fault(peer: Peer, request: Request) -> None:
            peer.store(peer.body(request))
            peer.send(reply(200, b"", "Set-Cookie: session=1; Path=/"))

        server = self.serve(or_serve(fault))
        uploader = self.uploader(server.url, chunk_size=10_000)
        upload = uploader.add_file(self.file(b"x" * 50_000))
        neighbour = self.neighbour(uploader)
        await upload
        await self.check_neighbour(neighbour, server)
        self.assertEqual({each.field("cookie") for each in server.requests}, {None})

    async def test_odd_files(self) -> None:
        """C16 and C19: one with a hostile name, one without content; the other arrives."""
        server = self.serve(Peer.serve_all)
        uploader = self.uploader(server.url, min_file_size=0)
        hostile = uploader.add_file(b"x" * 1000, file_name='a"\r\nX: y\r\n\r\n\udcff')
        empty = uploader.add_file(self.file(b"", "empty.bin"))
        neighbour = self.neighbour(uploader)
        await hostile
        await empty
        await self.check_neighbour(neighbour, server)
        self.assertEqual(server.stored["empty.bin"], {1: b""})


class ElsewhereTests(FaultCase):
    """Beside a file that goes to another server, which cannot be talked to."""

    async def beside(self, url: str, kind: type[BaseException], **options: Any) -> None:
        """A file cannot be sent to one server; its neighbour arrives at another."""
        server: RawServer = self.serve(Peer.serve_all)

        def target(pairs: list[str]) -> str:
            place = server.url if any(NEIGHBOUR in pair for pair in pairs) else url
            return f"{place}?{'&'.join(pairs)}"

        given = {"max_offline": 1, "chunk_size": 10_000, **options}
        uploader = self.uploader(target, **given)
        neighbour = self.neighbour(uploader)
        upload = uploader.add_file(self.file(b"x" * 50_000))
        await self.check_neighbour(neighbour, server)
        error = await self.failure(upload, RetriesExhausted, TLSRejected)
        self.assertIsInstance(getattr(error, "last", error), kind)

    async def test_refused(self) -> None:
        """C10: nobody listens at the one's server; the other arrives."""
        unused = socket.socket()
        unused.bind(("127.0.0.1", 0))
        self.addCleanup(unused.close)
        await self.beside(f"http://127.0.0.1:{unused.getsockname()[1]}/", ConnectFailed)

    async def test_mute(self) -> None:
        """C10: the one's server says nothing when TLS begins; the other arrives."""
        mute = self.serve(Peer.ignore).url.replace("http:", "https:")
        await self.beside(mute, ConnectTimeout, connect_timeout=0.3)

    async def test_untrusted(self) -> None:
        """C24: the one's server is not trusted; the other arrives."""
        untrusted = self.serve(Peer.serve_all, context=certified(Authority("fault")))
        url = untrusted.url.replace("127.0.0.1", "localhost")
        await self.beside(url, TLSRejected)
