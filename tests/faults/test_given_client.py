"""The same faults with a client that the user gave: treq over Twisted's own agent."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from treq.client import HTTPClient
from twisted.internet.defer import CancelledError
from twisted.web.client import Agent, HTTPConnectionPool

from txresumable import ChunkRejected, Redirected, RetriesExhausted
from txresumable.errors import (
    ChunkTimeout,
    ConnectFailed,
    ConnectionBroken,
    MalformedResponse,
    StallTimeout,
    TransportError,
)

from .case import FaultCase, or_serve, reactor
from .narrow import NarrowNetwork
from .server import Peer, Request, reply

MIB = 1024 * 1024


class GivenClientTests(FaultCase):
    """A client of the user's is watched over as our own is, as far as that goes."""

    def setUp(self) -> None:
        super().setUp()
        pool = HTTPConnectionPool(reactor, persistent=False)
        self.client = HTTPClient(Agent(reactor, connectTimeout=5, pool=pool))
        self._closing.append(pool.closeCachedConnections)

    async def failed(self, fault: Any, *kinds: type[Exception], **options: Any) -> Any:
        """What an upload fails with that is answered like this, while its neighbour arrives."""
        self.server = server = self.serve(or_serve(fault))
        options = {"max_chunk_retries": 0, "chunk_size": 64 * MIB, **options}
        uploader = self.uploader(server.url, client=self.client, **options)
        upload = uploader.add_file(self.file(b"x" * 8 * MIB))
        neighbour = self.neighbour(uploader, 5 * MIB)
        error = await self.failure(upload, *kinds)
        await self.check_neighbour(neighbour, server)
        return error

    async def test_arrives(self) -> None:
        """A file arrives, in many chunks."""
        server = self.serve(Peer.serve_all)
        uploader = self.uploader(server.url, client=self.client, chunk_size=10_000)
        await uploader.add_file(self.file(b"0123456789" * 10_000))
        self.assertEqual(server.content("upload.bin"), b"0123456789" * 10_000)

    async def test_early_success(self) -> None:
        """A 200 that comes before the chunk was sent is a failed attempt; its sending ends."""

        def fault(peer: Peer, request: Request) -> None:
            peer.send(reply(200))
            peer.ignore()

        error = await self.failed(fault, RetriesExhausted)
        self.assertIsInstance(error.last, MalformedResponse)
        await self.server.when("left")

    async def test_early_refusal(self) -> None:
        """A refusal before the chunk was sent ends its sending, though the peer would read on."""
        received: list[int] = []

        def fault(peer: Peer, request: Request) -> None:
            peer.send(reply(503))
            try:
                while True:
                    received.append(len(peer.receive()))
                    peer.tell("read")
            finally:
                peer.tell("ended")

        error = await self.failed(fault, RetriesExhausted, max_chunk_retries=1)
        self.assertIn("503", str(error.last))
        await self.server.when("ended", 2)
        self.assertLess(sum(received), 16 * MIB)

    async def test_read_slowly(self) -> None:
        """A peer that reads slowly what a kernel has taken is waited for."""

        def fault(peer: Peer, request: Request) -> None:
            left = request.length
            while left:
                left -= len(peer.receive(min(left, 1 << 15)))
                time.sleep(0.01)
            peer.send(reply(200))

        server = self.serve(or_serve(fault), receive_buffer=1 << 14)
        options: dict[str, Any] = {"client": self.client, "max_chunk_retries": 0}
        uploader = self.uploader(server.url, stall_timeout=0.6, chunk_size=64 * MIB, **options)
        await uploader.add_file(self.file(b"x" * 4 * MIB))

    async def test_cancelled(self) -> None:
        """Cancelling in mid-body closes file and connection; the neighbour is unharmed."""

        def fault(peer: Peer, request: Request) -> None:
            peer.tell("came")
            peer.ignore()

        server = self.serve(or_serve(fault))
        uploader = self.uploader(server.url, client=self.client, chunk_size=64 * MIB)
        upload = uploader.add_file(self.file(b"x" * 16 * MIB))
        neighbour = self.neighbour(uploader)
        await server.when("came")
        upload.cancel()
        await self.failure(upload, CancelledError)
        await server.when("left")
        await self.check_neighbour(neighbour, server)

    async def test_stalls(self) -> None:
        """Neither sending, nor waiting, nor reading may last for ever, trickling included."""

        def unread(peer: Peer, request: Request) -> None:
            peer.ignore()

        def mute(peer: Peer, request: Request) -> None:
            peer.body(request)
            peer.ignore()

        def half(peer: Peer, request: Request) -> None:
            peer.body(request)
            peer.send(reply(200, b"half", length=100))
            peer.ignore()

        def trickle(peer: Peer, request: Request) -> None:
            peer.body(request)
            peer.send(reply(200, b"", length=1000))
            peer.trickle(b"x" * 1000, 0.02)

        for fault in (unread, mute, half, trickle):
            error = await self.failed(fault, RetriesExhausted, stall_timeout=0.4)
            self.assertIsInstance(error.last, StallTimeout)
            await self.server.when("left")
        error = await self.failed(half, RetriesExhausted, chunk_timeout=0.3)
        self.assertIsInstance(error.last, ChunkTimeout)
        await self.server.when("left")

    async def test_replies(self) -> None:
        """What is no whole, plain answer is no answer; a redirect is not followed."""
        for answer, kind in (
            (reply(200, b"half", length=100), ConnectionBroken),
            (b"nonsense\r\n\r\n", TransportError),
            (b"", TransportError),
            (reply(200, b"x", "Content-Encoding: br"), MalformedResponse),
        ):
            error = await self.failed(partial(_answer, answer=answer), RetriesExhausted)
            self.assertIsInstance(error.last, kind, answer)
        moved = reply(303, b"", "Location: /there")
        await self.failed(partial(_answer, answer=moved), Redirected)
        long = partial(_answer, answer=reply(404, b"x" * MIB))
        error = await self.failed(long, ChunkRejected)
        self.assertEqual(len(error.body), 65536)

    async def test_no_connection(self) -> None:
        """Where nobody listens is told as such."""
        uploader = self.uploader("http://127.0.0.1:1/", client=self.client, max_chunk_retries=0)
        error = await self.failure(uploader.add_file(self.file(b"x")), RetriesExhausted)
        self.assertIsInstance(error.last, ConnectFailed)

    async def test_broken_client(self) -> None:
        """A client that raises or fails with anything fails the attempt."""

        class Broken:
            def request(self, *args: Any, **kwargs: Any) -> Any:
                raise RuntimeError("no such thing")

        uploader = self.uploader("http://127.0.0.1:1/", client=Broken(), max_chunk_retries=2)
        error = await self.failure(uploader.add_file(self.file(b"x")), RetriesExhausted)
        self.assertIn("no such thing", str(error.last))


class NarrowGivenClientTests(NarrowNetwork, GivenClientTests):
    """The same with small segments and buffers."""


def _answer(peer: Peer, request: Request, answer: bytes) -> None:
    peer.body(request)
    peer.send(answer)
    peer.close()
