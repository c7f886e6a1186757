"""What a request leaves behind for the next one over the same connection."""

from __future__ import annotations

import time
from typing import Any

from treq.client import HTTPClient
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, HTTPConnectionPool

from tests.authority import Authority
from txresumable import RetriesExhausted
from txresumable.errors import ChunkRejected, ConnectionBroken, StallTimeout

from .case import FaultCase, certified, reactor
from .narrow import NarrowNetwork
from .server import Peer, reply

BUSY = reply(503)


class ExtraResponseTests(FaultCase):
    """
    A response belongs to its request.

    :cvar retries: how often a chunk is tried again.
    """

    retries = 0

    def setUp(self) -> None:
        super().setUp()
        self.options: dict[str, Any] = {}
        self.security: dict[str, Any] = {}

    def begin(self, script: Any, **options: Any) -> Any:
        """A server of this script, and an uploader that sends a chunk after the other."""
        self.server = self.serve(script, **self.security)
        options = {
            "simultaneous_uploads": 1,
            "chunk_size": 5000,
            "max_chunk_retries": self.retries,
            **options,
        }
        url = self.server.url.replace("127.0.0.1", "localhost")
        return self.uploader(url, **self.options, **options)

    async def refused(self, uploader: Any) -> None:
        """An upload of three chunks, of which the third is refused and nothing else."""
        stored: list[int] = []
        uploader.chunk_completed.register(lambda file, chunk: stored.append(chunk.number))
        error = await self.failure(
            uploader.add_file(b"x" * 15_000, file_name="a"), RetriesExhausted
        )
        self.assertRegex(str(error), "^chunk 3 .*failed")
        self.assertEqual(stored, [1, 2])
        self.assertIsInstance(error.last, ChunkRejected)

    async def test_more_in_the_same_segment(self) -> None:
        """A response too many, that came together with the first, is not that of the next."""

        def script(peer: Peer) -> None:
            while True:
                request = peer.request()
                answer = BUSY if request.number == 3 else reply(200)
                if request.number == 1:
                    peer.send_at_once(answer, reply(200))
                else:
                    peer.send(answer)

        await self.refused(self.begin(script))

    async def test_more_while_a_callback_works(self) -> None:
        """A response too many, that came before the next request, is not that of it."""

        def script(peer: Peer) -> None:
            while True:
                request = peer.request()
                if request.number == 1:
                    peer.send(reply(200))
                    peer.wait()
                    peer.send(reply(200))
                else:
                    peer.send(BUSY if request.number == 3 else reply(200))

        uploader = self.begin(script)

        def works(file: Any, chunk: Any) -> None:
            if chunk.number == 1:
                self.server.gate.set()
                time.sleep(0.05)  # the reactor does not run meanwhile: that is the fault

        uploader.chunk_completed.register(works)
        await self.refused(uploader)


class ReuseTests(ExtraResponseTests):
    """What is kept is used again, if it can be, and a request begins afresh."""

    async def test_closed_while_a_callback_works(self) -> None:
        """A connection that was closed before the next request is replaced, and nothing counted."""

        def script(peer: Peer) -> None:
            peer.serve()
            if peer.number == 0:
                peer.wait()
                return
            peer.serve_all()

        uploader = self.begin(script)

        def works(file: Any, chunk: Any) -> None:
            self.server.gate.set()
            time.sleep(0.05)

        uploader.chunk_completed.register(works)
        await uploader.add_file(b"x" * 15_000, file_name="a")
        self.assertEqual(self.server.content("a"), b"x" * 15_000)

    async def test_response_to_a_test_that_comes_twice(self) -> None:
        """A proxy that repeats "not found" while a chunk is on its way has refused no chunk."""

        for size in (100, 3_000_000):  # one comes when all was sent, the other when it was not

            def script(peer: Peer) -> None:
                while True:
                    request = peer.head()
                    if peer.number == 0 and request.method == "POST":
                        peer.send(reply(404))
                        peer.ignore()
                        return
                    peer.serve(request)

            content = bytes(size)
            uploader = self.begin(script, chunk_size=10_000_000, test_chunks=True)
            await uploader.add_file(content, file_name="a")
            self.assertEqual(self.server.content("a"), content)
            self.assertEqual(len(self.server.asked("POST")), 2)

    async def test_refusal_that_is_one(self) -> None:
        """A chunk that the server does refuse is sent once more at most, over a new connection."""

        def script(peer: Peer) -> None:
            while True:
                peer.request()
                peer.send(reply(404))

        uploader = self.begin(script, test_chunks=True)
        error = await self.failure(uploader.add_file(b"x", file_name="a"), ChunkRejected)
        self.assertEqual(error.status, 404)
        self.assertEqual(len(self.server.asked("POST")), 2)

    async def test_closed_without_a_response(self) -> None:
        """A kept connection that closes long after the request came has failed it."""

        def script(peer: Peer) -> None:
            peer.serve()
            peer.request()
            time.sleep(1.1)

        error = await self.failure(
            self.begin(script).add_file(b"x" * 15_000, file_name="a"), RetriesExhausted
        )
        self.assertIsInstance(error.last, ConnectionBroken)
        self.assertEqual(len(self.server.requests), 2)

    async def test_siblings_that_are_lost(self) -> None:
        """When a server ends all that it kept, the next upload goes out over a new connection."""

        def script(peer: Peer) -> None:
            peer.serve()
            if peer.number < 3:
                peer.wait()
                return
            peer.serve_all()

        uploader = self.begin(script, simultaneous_uploads=3, last_chunk_alone=False)
        await uploader.add_file(b"x" * 15_000, file_name="first")
        self.server.gate.set()
        await uploader.add_file(b"x" * 5000, file_name="second")
        self.assertEqual(self.server.content("second"), b"x" * 5000)

    async def test_watched_after_a_loss(self) -> None:
        """A kept connection that the server ends does not leave the others unwatched."""

        def script(peer: Peer) -> None:
            while True:
                request = peer.head()
                if request.name == "mute":
                    peer.ignore()
                peer.serve(request)
                time.sleep(0.1)
                return

        uploader = self.begin(script, simultaneous_uploads=2, stall_timeout=0.5)
        mute = uploader.add_file(b"x", file_name="mute")
        await uploader.add_file(b"x", file_name="other")
        error = await self.failure(mute, RetriesExhausted)
        self.assertIsInstance(error.last, StallTimeout)

    async def test_sizes_in_turn(self) -> None:
        """Chunks of all sizes arrive one after the other over one connection, at once."""
        for rate in (None, 20e6):
            uploader = self.begin(Peer.serve_all, chunk_size=1 << 20, max_rate=rate)
            for size in (110_000, 900_000, 1000, 140_000, 120_000, 1_000_000, 1):
                name = f"{size}"
                await uploader.add_file(b"x" * size, file_name=name)
                self.assertEqual(len(self.server.content(name)), size)
            self.assertEqual(self.server.connections, 1)

    async def test_early_success(self) -> None:
        """A 200 that comes before the body of a request was sent is a failed attempt."""

        def script(peer: Peer) -> None:
            peer.head()
            peer.send(reply(200))
            peer.ignore()

        uploader = self.begin(script, chunk_size=64 << 20)
        error = await self.failure(
            uploader.add_file(bytes(8 << 20), file_name="a"), RetriesExhausted
        )
        self.assertIn("before the whole request", str(error.last))


class Secured(ExtraResponseTests):
    """Over TLS, whose records are of no concern to the kernel."""

    def setUp(self) -> None:
        super().setUp()
        authority = Authority("reuse")
        self.security = {"context": certified(authority)}
        root = trustRootFromCertificates([Certificate.loadPEM(authority.certificate)])
        self.options = {"trust_root": root}


class SecureReuseTests(Secured, ReuseTests):
    """The same over TLS."""


class NarrowReuseTests(NarrowNetwork, ReuseTests):
    """The same with small segments and buffers."""


class NarrowSecureReuseTests(NarrowNetwork, SecureReuseTests):
    """The same over TLS."""


class GivenTests(ExtraResponseTests):
    """The same by a client of the user's that keeps its connections; it costs it an attempt."""

    retries = 3

    def begin(self, script: Any, **options: Any) -> Any:
        policy = BrowserLikePolicyForHTTPS(self.options.pop("trust_root", None))
        pool = HTTPConnectionPool(reactor)
        self._closing.append(pool.closeCachedConnections)
        client = HTTPClient(Agent(reactor, contextFactory=policy, pool=pool))
        return super().begin(script, client=client, **options)


class SecureGivenTests(Secured, GivenTests):
    """The same over TLS."""


class NarrowSecureGivenTests(NarrowNetwork, SecureGivenTests):
    """The same with small segments and buffers."""
