"""Faults that a whole process meets: memory without end, no descriptors, a clock that jumps."""

from __future__ import annotations

import gzip
import os
import threading
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import ensureDeferred, gatherResults

from tests.figures import note

from .case import FaultCase
from .child import run_child
from .server import Peer, reply

MOST = 96
"""MiB that an uploader may have with so many hostile answers at once:"""
AT_ONCE = 64


class MemoryTests(FaultCase):
    """C11, C12, C19 and C23: memory, measured from without."""

    timeout = 40

    async def check(self, answer: Callable[[Peer], object], *failed: str) -> None:
        all_there = threading.Barrier(AT_ONCE)

        def script(peer: Peer) -> None:
            while True:
                peer.request()
                if peer.number < AT_ONCE and peer.served == 1:
                    all_there.wait(20)
                answer(peer)

        server = self.serve(script)
        told = await run_child("many", server.url, AT_ONCE)
        self.assertEqual(told["failed"], list(failed))
        self.assertLessEqual(told["peak"], MOST, told)
        self.assertGreaterEqual(server.connections, AT_ONCE)
        note("memory", servers=1, most_mib_with_64_at_once=round(told["peak"], 1))

    async def test_endless_head(self) -> None:
        """C11: heads without end, 64 at once, cost little."""

        def answer(peer: Peer) -> None:
            peer.send(b"HTTP/1.1 200 OK\r\n")
            while True:
                peer.send(b"".join(b"X-%d: x\r\n" % number for number in range(1000)))

        await self.check(answer, "MalformedResponse")

    async def test_endless_interim(self) -> None:
        """C11: interim answers without end, 64 at once, cost little."""

        def answer(peer: Peer) -> None:
            while True:
                peer.send(b"HTTP/1.1 100 Go on\r\n\r\n" * 1000)

        await self.check(answer, "MalformedResponse")

    async def test_endless_body(self) -> None:
        """C11: bodies without end, 64 at once, cost little."""

        def answer(peer: Peer) -> None:
            peer.send(b"HTTP/1.1 503 Busy\r\n\r\n")
            while True:
                peer.send(b"x" * 65536)

        await self.check(answer, "ChunkRejected")

    async def test_endless_chunks(self) -> None:
        """C11: bodies in chunks of one byte without end, 64 at once, cost little."""

        def answer(peer: Peer) -> None:
            peer.send(b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                peer.send(b"1\r\nx\r\n" * 5000)

        await self.check(answer, "MalformedResponse")

    async def test_bomb(self) -> None:
        """C12: bodies that would unpack to 512 MB, 64 at once, cost little."""
        packed = gzip.compress(b"\0" * (32 << 20), 9) * 16

        def answer(peer: Peer) -> None:
            peer.send(reply(200, packed[:60000], "Content-Encoding: gzip"))

        await self.check(answer, "MalformedResponse")

    async def test_huge_file(self) -> None:
        """C19 and C23: a file of gigabytes, read slowly by the server, costs little."""
        path = self.file(b"")
        os.truncate(path, 1 << 28)

        def slow(peer: Peer) -> None:
            while True:
                left = peer.head().length
                while left:
                    left -= len(peer.receive(min(left, 1 << 16)))
                peer.send(reply(200))

        server = self.serve(slow)
        told = await run_child("large", server.url, path)
        self.assertEqual(len(server.requests), 4)
        self.assertLess(told["peak"], told["before"] + 24, told)


class DescriptorTests(FaultCase):
    """C20: no descriptors."""

    async def test_none_left(self) -> None:
        """C20: without descriptors uploads wait; when there are some again, all go on."""
        os.mkdir("files")
        for number in range(12):
            self.file(b"%d" % number * 1000, f"files/{number}.bin")
        server = self.serve(Peer.serve_all)
        told = await run_child("starved", server.url, os.path.abspath("files"))
        self.assertEqual(told["failed"], [])
        self.assertGreaterEqual(min(told["waits"]), 1, told)
        self.assertEqual(told["open"], told["before"])
        for number in range(12):
            self.assertEqual(server.content(f"{number}.bin"), b"%d" % number * 1000)

    async def test_few(self) -> None:
        """C20: with fewer descriptors than slots all files arrive, by a name as by an address."""
        os.mkdir("few")
        for number in range(60):
            self.file(b"%d" % number * 1000, f"few/{number}.bin")
        server = self.serve(Peer.serve_all)
        for url in (server.url, server.url.replace("127.0.0.1", "localhost")):
            told = await run_child("few", url, os.path.abspath("few"))
            self.assertEqual((told["failed"], len(told["logged"])), ([], 1))
            self.assertEqual(told["open"], told["before"])
        for number in range(60):
            self.assertEqual(server.content(f"{number}.bin"), b"%d" % number * 1000)


class ClockTests(FaultCase):
    """C25: the wall clock is set by an hour, while limits are waited for."""

    def check(self, told: dict[str, Any]) -> None:
        for case, error, least, most in (
            ("connect", "ConnectTimeout", 0.5, 1.5),
            ("send", "StallTimeout", 0.5, 1.5),
            ("answer", "StallTimeout", 0.5, 1.5),
            ("read", "StallTimeout", 0.5, 1.5),
            ("trickle", "StallTimeout", 0.5, 1.5),
            ("total", "ChunkTimeout", 0.5, 1.5),
            ("retry", "", 1, 3),
            ("idle", "", 2, 5),
        ):
            failed, took, after = told[case]
            self.assertEqual(failed, error, case)
            self.assertTrue(least - 0.05 <= took and after <= most, f"{case}: {told}")
            if error:
                note("hangs", ended=1, most_seconds_after_their_limit=round(after - least, 2))

    async def test_set(self) -> None:
        """
        C25: an hour later all of a sudden, nothing ends before its time; an hour earlier,
        everything ends in time, to the second.
        """
        waiting = [ensureDeferred(run_child("stepped", hours)) for hours in (1, -1)]
        for told in await gatherResults(waiting, consumeErrors=True):
            self.check(told)
