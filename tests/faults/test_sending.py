"""Faults while a chunk is on its way to the server."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.defer import CancelledError

from txresumable import RetriesExhausted
from txresumable.errors import ConnectionBroken, StallTimeout
from txresumable.uploader import engine_of

from .case import FaultCase, or_serve
from .narrow import NarrowNetwork
from .server import Peer, Request, reply

MIB = 1024 * 1024


class SendingTests(FaultCase):
    """
    C1 to C5, C21 and C23.

    :cvar at_once: bytes that a peer's kernel takes though the peer does not read.
    """

    at_once = 100_000

    def upload(self, uploader: Any, size: int = 8 * MIB, name: str = "upload.bin") -> Any:
        return uploader.add_file(self.file(b"x" * size, name))

    async def test_cancelled_beside_others(self) -> None:
        """C1: an upload that is cancelled while its body flows does not touch its neighbours."""

        def fault(peer: Peer, request: Request) -> None:
            while peer.receive():
                peer.tell("flowing")

        server = self.serve(or_serve(fault))
        uploader = self.uploader(server.url, chunk_size=64 * MIB)
        upload = self.upload(uploader, 16 * MIB)
        flowing = server.when("flowing", 3)
        neighbour = self.neighbour(uploader, 30 * MIB)
        await flowing
        upload.cancel()
        await self.failure(upload, CancelledError)
        await self.check_neighbour(neighbour, server)

    async def test_timed_out_beside_others(self) -> None:
        """C1: an upload that runs out of time while its body flows does not touch the others."""

        def fault(peer: Peer, request: Request) -> None:
            peer.ignore()

        server = self.serve(or_serve(fault))
        uploader = self.uploader(server.url, stall_timeout=0.2, max_chunk_retries=1)
        upload = self.upload(uploader)
        neighbour = self.neighbour(uploader, 30 * MIB)
        error = await self.failure(upload, RetriesExhausted)
        self.assertIsInstance(error.last, StallTimeout)
        await self.check_neighbour(neighbour, server)

    async def test_cancelled_while_not_read(self) -> None:
        """C2: cancelling closes the file at once and the socket with it, read from or not."""

        def fault(peer: Peer, request: Request) -> None:
            peer.tell("came")
            peer.ignore()

        server = self.serve(or_serve(fault))
        uploader = self.uploader(server.url, chunk_size=64 * MIB)
        upload = self.upload(uploader, 16 * MIB)
        neighbour = self.neighbour(uploader)
        await server.when("came")
        path = os.path.abspath("upload.bin")
        self.assertIn(path, self.open_files())
        upload.cancel()
        self.assertNotIn(path, self.open_files())
        await server.when("left")
        await self.failure(upload, CancelledError)
        await self.check_neighbour(neighbour, server)

    async def test_refused_early(self) -> None:
        """C3: a refusal ends the sending at once, though the peer neither reads nor closes."""
        for status in (413, 401):

            def fault(peer: Peer, request: Request, status: int = status) -> None:
                peer.send(reply(status))
                peer.ignore()

            server = self.serve(or_serve(fault))
            uploader = self.uploader(
                server.url, chunk_size=64 * MIB, max_chunk_retries=0, stall_timeout=10
            )
            upload = self.upload(uploader, 16 * MIB)
            neighbour = self.neighbour(uploader)
            error = await self.failure(upload, Exception)
            self.assertIn(str(status), str(error))
            self.assertNotIn(os.path.abspath("upload.bin"), self.open_files())
            await server.when("left")
            await self.check_neighbour(neighbour, server)

    async def test_refused_early_then_read(self) -> None:
        """C3: after an early refusal the rest of a body is not sent, though the peer would read."""
        received = []

        def fault(peer: Peer, request: Request) -> None:
            peer.send(reply(401))
            try:
                while True:
                    received.append(len(peer.receive()))
            finally:
                peer.tell("ended")

        server = self.serve(or_serve(fault))
        uploader = self.uploader(server.url, chunk_size=256 * MIB)
        path = os.path.abspath("upload.bin")
        with open(path, "wb") as sparse:
            sparse.truncate(128 * MIB)
        upload = uploader.add_file(path)
        await self.failure(upload, Exception)
        await server.when("ended")
        self.assertLess(sum(received), 64 * MIB)

    async def test_said_stored_early(self) -> None:
        """C3: a 200 that comes before the whole chunk was sent does not count as stored."""

        def fault(peer: Peer, request: Request) -> None:
            peer.send(reply(200))
            peer.ignore()

        server = self.serve(or_serve(fault))
        for size in (self.at_once, 8 * MIB):
            upload = self.upload(
                self.uploader(server.url, max_chunk_retries=1, stall_timeout=0.3), size
            )
            if size > MIB:
                error = await self.failure(upload, RetriesExhausted)
                self.assertIn("before the whole request", str(error.last))
            else:
                await upload  # all of it is in the peer's kernel

    async def test_refused_early_then_closed(self) -> None:
        """C4: an early 413 and a close end in an answer or a break, tried again to the cap."""

        def fault(peer: Peer, request: Request) -> None:
            peer.send(reply(413))
            peer.close()

        server = self.serve(or_serve(fault))
        uploader = self.uploader(server.url, max_chunk_retries=20, permanent_errors=[404])
        upload = self.upload(uploader, 1 * MIB)
        neighbour = self.neighbour(uploader)
        error = await self.failure(upload, RetriesExhausted)
        self.assertEqual(error.attempts, 21)
        self.assertGreaterEqual(len(server.asked("POST", "upload.bin")), 21)
        await self.check_neighbour(neighbour, server)

    async def test_early_without_end(self) -> None:
        """C5: an early 503 whose end never comes is given up after the limit."""

        def fault(peer: Peer, request: Request) -> None:
            peer.send(b"HTTP/1.1 503 Busy\r\n\r\nno end")
            peer.ignore()

        server = self.serve(or_serve(fault))
        uploader = self.uploader(server.url, stall_timeout=0.3, max_chunk_retries=1)
        upload = self.upload(uploader)
        neighbour = self.neighbour(uploader)
        error = await self.failure(upload, RetriesExhausted)
        self.assertIsInstance(error.last, StallTimeout)
        await server.when("left", 2)
        await self.check_neighbour(neighbour, server)

    async def test_broken_in_mid_body(self) -> None:
        """C21: a reset or a close in mid-body is tried again, quietly, and the upload ends well."""
        for end in (Peer.reset, Peer.close):
            broken: list[int] = []

            def fault(peer: Peer, request: Request, end: Any = end, broken: Any = broken) -> None:
                if len(broken) == 2:
                    peer.serve(request)
                    return
                broken.append(peer.number)
                peer.receive()
                end(peer)

            server = self.serve(or_serve(fault))
            uploader = self.uploader(server.url)
            upload = self.upload(uploader)
            neighbour = self.neighbour(uploader)
            await upload
            self.assertEqual(server.content("upload.bin"), b"x" * 8 * MIB)
            await self.check_neighbour(neighbour, server)

    async def test_always_broken(self) -> None:
        """C21: what is always broken off fails with the reason, after the last retry."""

        def fault(peer: Peer, request: Request) -> None:
            peer.receive()
            peer.reset()

        server = self.serve(or_serve(fault))
        error = await self.failure(self.upload(self.uploader(server.url)), RetriesExhausted)
        self.assertIsInstance(error.last, ConnectionBroken)

    async def test_read_slowly(self) -> None:
        """C23: a peer that reads slowly is waited for, and what waits for it is bounded."""
        sizes: list[int] = []

        def fault(peer: Peer, request: Request) -> None:
            left = request.length
            while left:
                left -= len(peer.receive(min(left, 1 << 13)))
                peer.tell("read")
            peer.send(reply(200))

        server = self.serve(or_serve(fault), receive_buffer=1 << 14)
        uploader = self.uploader(server.url, chunk_size=64 * MIB, stall_timeout=0.5)
        upload = self.upload(uploader, 4 * MIB)
        agent: Any = engine_of(uploader).client._agent
        uploader.file_progress.register(
            lambda file: sizes.extend(
                len(each.transport.dataBuffer) + each.transport._tempDataLen
                for each in agent._connector.connections
            )
        )
        neighbour = self.neighbour(uploader)
        await upload
        self.assertLess(max(sizes, default=0), MIB)
        await self.check_neighbour(neighbour, server)


class NarrowSendingTests(NarrowNetwork, SendingTests):
    """The same with small segments and buffers."""

    at_once = 1000
