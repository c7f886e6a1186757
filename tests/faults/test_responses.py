"""Faults in what a server answers."""

from __future__ import annotations

import gzip
import os
import random
from collections.abc import Iterator
from functools import partial
from typing import Any

from twisted.internet.defer import gatherResults

from tests.figures import note
from txresumable import ChunkRejected, Redirected, RetriesExhausted
from txresumable._http.response import LIMIT, Response
from txresumable.errors import (
    ChunkTimeout,
    ConnectionBroken,
    MalformedResponse,
    StallTimeout,
    TransportError,
)

from .case import FaultCase, or_serve
from .server import Peer, RawServer, Request, reply

END = b"\r\n\r\n"
BODY = bytes(range(256)) * 3


def chunked(body: bytes, size: int = 100) -> bytes:
    """An answer whose body comes in chunks."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Field: value\r\n\r\n"
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return (
        head
        + b"".join(b"%x;note=1\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        + b"0\r\nTrailer: x\r\n\r\n"
    )


WHOLE = {
    "counted": reply(200, BODY, "X-Field: value"),
    "chunked": chunked(BODY),
    "after interim answers": b"HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n"
    + reply(200, BODY),
    "old": reply("HTTP/1.0 200 OK", BODY),
    "a refusal": reply(413, BODY),
    "a redirect": reply(303, BODY, "Location: /elsewhere"),
    "without body": b"HTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n",
}


class CutTests(FaultCase):
    """An answer that is cut is no answer, wherever it is cut."""

    timeout = 60

    def cuts(self, whole: bytes) -> list[int]:
        """Every byte of the head, and 50 places in the body that chance picks."""
        seed = int(os.environ.get("FAULT_SEED", random.randrange(1 << 32)))
        self.seed = seed
        head = whole.index(b"200") if b" 200 " in whole else 0
        head = whole.index(END, head) + 4
        chance = random.Random(seed)
        body = range(head, len(whole))
        return [*range(head), *sorted(chance.sample(body, min(50, len(body))))]

    async def cut(self, whole: bytes, end: Any) -> None:
        cuts = self.cuts(whole)
        places: Iterator[int] = iter(cuts)

        def script(peer: Peer) -> None:
            peer.request()
            peer.send(whole[: next(places)])
            end(peer)

        server = self.serve(script)
        transport = self.transport()
        for at in cuts:
            with self.told(f"cut at {at} of {len(whole)}, FAULT_SEED={self.seed}"):
                await self.failure(transport.exchange("POST", server.url, {}), TransportError)
        self.assertEqual(server.connections, len(cuts))
        note("cuts of replies", cuts=len(cuts))

    def told(self, what: str) -> Any:
        return _Named(what)

    async def test_closed(self) -> None:
        """C13: an answer that a close cuts short fails, at every byte of its head and after it."""
        for whole in WHOLE.values():
            await self.cut(whole, Peer.close)

    async def test_reset(self) -> None:
        """C13: an answer that a reset cuts short fails likewise, without a length too."""
        endless = b"HTTP/1.1 200 OK\r\nX-Field: value\r\n\r\n" + BODY
        for whole in (WHOLE["counted"], WHOLE["chunked"], endless):
            await self.cut(whole, Peer.reset)

    async def test_stopped(self) -> None:
        """C9: an answer that stops anywhere, the connection left open, is given up in time."""
        for whole in WHOLE.values():
            cuts = self.cuts(whole)
            places: Iterator[int] = iter(cuts)

            def script(peer: Peer, whole: bytes = whole, places: Iterator[int] = places) -> None:
                peer.request()
                peer.send(whole[: next(places)])
                peer.ignore()

            server = self.serve(script)
            transport = self.transport(stall_timeout=0.3)
            asked = [transport.exchange("POST", server.url, {}) for _ in cuts]
            with self.told(f"FAULT_SEED={self.seed}"):
                for each in asked:
                    await self.failure(each, StallTimeout)
            await server.when("left", len(cuts))
            note("cuts of replies", cuts=len(cuts))

    async def test_whole(self) -> None:
        """Not cut, each of these answers is understood, in one piece and byte by byte."""

        def script(peer: Peer, whole: bytes, size: int) -> None:
            peer.request()
            for at in range(0, len(whole), size):
                peer.send(whole[at : at + size])
            peer.ignore()

        for name, whole in WHOLE.items():
            for size in (1, len(whole)):
                server = self.serve(partial(script, whole=whole, size=size))
                answer = await self.transport().exchange("POST", server.url, {})
                self.assertEqual(answer.code in (200, 201), not name.startswith("a "), name)
                self.assertEqual(answer.body, b"" if name == "without body" else BODY, name)


class _Named:
    """Adds to a failure where it happened."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if isinstance(error, Exception):
            raise AssertionError(self.what) from error


class ResponseTests(FaultCase):
    """C7 to C9, C12, C13 and C22, seen from one request."""

    async def ask(self, answer: bytes, *, close: bool = False, **options: Any) -> Response:
        """What comes of a request that is answered with these bytes."""

        def script(peer: Peer) -> None:
            peer.request()
            peer.send(answer)
            if not close:
                peer.ignore()

        server = self.serve(script)
        self.server = server
        waiting = self.transport(**options).exchange("POST", server.url, {})
        return await waiting

    async def refused(
        self, answer: bytes, kind: type[Exception] = MalformedResponse, **options: Any
    ) -> Exception:
        try:
            got = await self.ask(answer, **options)
        except kind as error:
            await self.server.when("left")
            return error
        raise self.failureException(f"{answer[:60]!r} gave {got}")

    async def test_malformed(self) -> None:
        """C13: what is not HTTP to the letter is refused, and the connection aborted."""
        for status in ("2_00", "+200", "99999", "20", " 200", "200,", "0200", "٢٠٠", "600", "-1"):
            first = f"HTTP/1.1 {status} OK".encode()
            await self.refused(first + b"\r\nContent-Length: 0\r\n\r\n")
        for other in ("HTTP/2 200 OK", "http/1.1 200 OK", "HTTP/1.1  200 OK", "ICY 200 OK", ""):
            await self.refused(reply(other))
        for line in (
            "Content-Length: +0",
            "Content-Length: 0x0",
            "Content-Length: 1, 2",
            "Content-Length: 5_0",
            "Content-Length: ",
            "Content-Length: ,",
            "Content-Length: -1",
            "Content-Length: 1\r\nContent-Length: 2",
            "Content-Length: 2\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: xchunked",
            "Transfer-Encoding: chunked, chunked",
            "No colon",
            "Space : before",
            " Folded: line",
            "Null: \0",
            ": no name",
            "Bare: \r return",
        ):
            await self.refused(f"HTTP/1.1 200 OK\r\n{line}\r\n\r\n".encode())
        for size in (b"", b"-1", b"0x1", b"1 1", b"+1", b"1" * 16, b"g", b"1_0"):
            coded = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            await self.refused(coded + size + b"\r\nx\r\n0\r\n\r\n")
        await self.refused(coded + b"1\r\nxy\r\n0\r\n\r\n")
        await self.refused(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n")

    async def test_odd_but_right(self) -> None:
        """C13: bytes that are not ASCII where they may be do no harm, nor do odd spellings."""
        for line in ("Set-Cookie: ä=ö", "X-Empty:", "CONTENT-type:\ttext/plain\t", "x: y"):
            answer = await self.ask(reply(200, b"fine", line))
            self.assertEqual((answer.code, answer.body), (200, b"fine"))
        for first in ("HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/1.1 200 Schön"):
            self.assertEqual((await self.ask(reply(first))).code, 200)
        self.assertEqual((await self.ask(b"HTTP/1.1 200 OK\nContent-Length: 1\n\nx")).body, b"x")

    async def test_cookies_that_are_no_text(self) -> None:
        """C13: with cookies, one that is not ASCII does no harm either."""
        answer = await self.ask(reply(200, b"fine", "Set-Cookie: ä=\xff; Path=/"), cookies=True)
        self.assertEqual(answer.body, b"fine")

    async def test_bounds(self) -> None:
        """C11: head, interim answers and framing that do not end are cut off at their bounds."""
        filler = b"X: " + b"x" * 1000 + b"\r\n"
        coded = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        for endless in (
            b"HTTP/1.1 200 " + b"x" * 2 * LIMIT,
            b"HTTP/1.1 200 OK\r\n" + filler * 100,
            b"HTTP/1.1 200 OK\r\n" + b"".join(b"%x:\r\n" % n for n in range(300)) + b"\r\n",
            b"HTTP/1.1 100 Go on\r\n\r\n" * 5000,
            coded + b"1;" + b"x" * 2 * LIMIT,
            coded + (b"1;" + b"x" * 10000 + b"\r\nx\r\n") * 100,
            coded + b"0\r\n" + filler * 1000,
        ):
            await self.refused(endless)

    async def test_bounds_of_a_body(self) -> None:
        """C11: of a longer body 64 KiB are kept, and the connection is aborted."""
        long = b"x" * (LIMIT + 1)
        for answer in (
            reply(500, long),
            reply(500, b"x" * LIMIT + b"y" * LIMIT, length=1 << 40),
            b"HTTP/1.1 500 No\r\n\r\n" + long,
            b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n" + long,
        ):
            got = await self.ask(answer)
            self.assertEqual((got.code, got.body), (500, b"x" * LIMIT))
            await self.server.when("left")

    async def test_spaces(self) -> None:
        """C11: a field of 60,000 spaces is read in no time."""
        spaces = b" " * 60000
        answer = await self.ask(
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: y" + spaces + b"z" + END
        )
        self.assertEqual(answer.header("X"), f"y{' ' * 60000}z")
        await self.refused(b"HTTP/1.1 200 OK\r\nX:" + spaces + b"\0" + END)

    async def test_encoded(self) -> None:
        """C12: an encoded body is refused, a bomb not unpacked, and identity is asked for."""
        packed = gzip.compress(b"\0" * 1_000_000)
        for coding in ("gzip", "GZIP", "deflate", "br", "x-gzip", "identity, gzip"):
            answer = reply(200, packed[:1000], f"Content-Encoding: {coding}")
            with self.assertRaises(MalformedResponse):
                await self.ask(answer)
            self.assertEqual(self.server.requests[0].field("accept-encoding"), "identity")
        answer = reply(200, b"plain", "Content-Encoding: identity")
        self.assertEqual((await self.ask(answer)).body, b"plain")

    async def test_no_answer(self) -> None:
        """C8: no answer, ever, is given up when the limit is over, within a second."""
        await self.refused(b"", StallTimeout, stall_timeout=0.2)

    async def test_no_end(self) -> None:
        """C9: an answer that stops anywhere, or has no end, is given up when the limit is over."""
        for start in (
            b"HTTP/1.1 200 OK\r\nConte",
            b"HTTP/1.1 100 Go on\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive!",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfive!\r\n",
            b"HTTP/1.1 200 OK\r\n\r\nuntil I close",
        ):
            await self.refused(start, StallTimeout, stall_timeout=0.1)

    async def test_trickled(self) -> None:
        """C9: an answer that trickles is given up as well, though something always moves."""
        for answer in (
            b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000,
            reply(200, b"x" * 1000),
            b"HTTP/1.1 100 Go on\r\n\r\n" * 50,
        ):

            def script(peer: Peer, answer: bytes = answer) -> None:
                peer.request()
                peer.trickle(answer, 0.02)

            server = self.serve(script)
            transport = self.transport(stall_timeout=0.2)
            await self.failure(transport.exchange("POST", server.url, {}), StallTimeout)
            await server.when("left")

    async def test_chunk_timeout(self) -> None:
        """C9: a request may have a limit of its own, which names itself."""
        await self.refused(b"HTTP/1.1 200 OK\r\n", ChunkTimeout, chunk_timeout=0.1)

    async def test_more_than_was_asked(self) -> None:
        """C13: bytes after an answer do not become the next one's, nor do unasked ones."""

        def script(peer: Peer) -> None:
            peer.request()
            peer.send(reply(404, b"first") + reply(200, b"never asked for"))
            peer.ignore()

        server = self.serve(script)
        transport = self.transport()
        for _ in range(3):
            self.assertEqual((await transport.exchange("GET", server.url, {})).code, 404)
        await server.when("left", 3)


class UploadResponseTests(FaultCase):
    """What answers mean for an upload."""

    async def test_answer_lost(self) -> None:
        """C7: a chunk whose answer was lost is tested again, and is not sent twice."""
        for end in (Peer.close, Peer.reset):

            def fault(peer: Peer, request: Request, end: Any = end) -> None:
                if request.method == "GET":
                    peer.serve(request)
                    return
                peer.store(peer.body(request))
                end(peer)

            server = self.serve(or_serve(fault))
            uploader = self.uploader(server.url, test_chunks=True, chunk_size=10_000)
            upload = uploader.add_file(self.file(BODY * 40))
            neighbour = self.neighbour(uploader)
            await upload
            self.assertEqual(server.content("upload.bin"), BODY * 40)
            sent = [each.number for each in server.asked("POST", "upload.bin")]
            self.assertEqual(sorted(sent), [1, 2, 3])
            await self.check_neighbour(neighbour, server)

    async def test_only_200_and_201(self) -> None:
        """C13: nothing but 200 and 201 counts as stored, and what is not is told."""
        for status in (202, 203, 204, 205, 206, 208, 226, 299, 408, 425, 429, 502, 599):
            server = self.serve(
                or_serve(partial(_answer_with, answer=reply(status, b"why", "Retry-After: 0")))
            )
            uploader = self.uploader(server.url, max_chunk_retries=1)
            error = await self.failure(uploader.add_file(self.file(b"x")), RetriesExhausted)
            self.assertEqual((error.last.status, error.attempts), (status, 2))
        for status in (200, 201):
            server = self.serve(or_serve(partial(_answer_with, answer=reply(status, b"well"))))
            file = await self.uploader(server.url).add_file(self.file(b"x"))
            self.assertEqual(file.response, "well")

    async def test_redirects(self) -> None:
        """C14: no redirect is followed, of a test or an upload: it fails and names where to."""
        for status in (300, 301, 302, 303, 305, 307, 308):
            answer = reply(status, b"", "Location: http://127.0.0.1:1/there?token=secret#part")
            server = self.serve(or_serve(partial(_answer_with, answer=answer)))
            uploader = self.uploader(server.url, test_chunks=True)
            upload = uploader.add_file(self.file(b"x"))
            neighbour = self.neighbour(uploader)
            error = await self.failure(upload, Redirected)
            self.assertEqual(error.location, "http://127.0.0.1:1/there")
            self.assertNotIn("secret", f"{error} {error!r}")
            self.assertEqual(len(server.asked("POST", "upload.bin")), 1)
            await self.check_neighbour(neighbour, server)

    async def test_redirected_nowhere(self) -> None:
        """C14: a redirect without a place, or to one that is hardly a URL, fails as well."""
        for place in ("Location:", "Location: http://[::1", "Location: //\x80\xff", "X: y"):
            server = self.serve(or_serve(partial(_answer_with, answer=reply(302, b"", place))))
            upload = self.uploader(server.url).add_file(self.file(b"x"))
            error = await self.failure(upload, Redirected)
            self.assertEqual(error.status, 302)

    async def test_no_cookies(self) -> None:
        """C15: cookies are neither kept nor sent back, unless with_credentials is set."""
        for wanted in (False, True):
            answer = reply(200, b"", "Set-Cookie: session=1; Path=/")
            server = self.serve(or_serve(partial(_answer_with, answer=answer)))
            uploader = self.uploader(
                server.url, with_credentials=wanted, chunk_size=1000, simultaneous_uploads=1
            )
            await uploader.add_file(self.file(b"x" * 5000))
            cookies = [each.field("cookie") for each in server.requests]
            self.assertEqual(cookies, [None] + 4 * ["session=1" if wanted else None])

    async def test_no_proxy(self) -> None:
        """C15: proxies that the environment names are not used: that takes a client."""
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            self.patch(os, "environ", {**os.environ, name: "http://127.0.0.1:1"})
        server = self.serve(Peer.serve_all)
        await self.uploader(server.url).add_file(self.file(BODY))
        self.assertEqual(server.content("upload.bin"), BODY)

    async def test_many_refusals(self) -> None:
        """C22: the bodies of refusals are read to the end and the connections used again."""
        answer = reply(503, b"busy " * 2000, "Retry-After: 0")
        server = self.serve(or_serve(partial(_answer_with, answer=answer)))
        uploader = self.uploader(server.url, max_chunk_retries=19, simultaneous_uploads=2)
        await self.failure(uploader.add_file(self.file(b"x")), RetriesExhausted)
        self.assertEqual(len(server.asked("POST")), 20)
        self.assertEqual(server.connections, 1)

    async def test_many_long_refusals(self) -> None:
        """C22: refusals too long to be read hold no connection either."""

        def fault(peer: Peer, request: Request) -> None:
            peer.body(request)
            peer.send(reply(503, b"x" * (LIMIT + 1), length=1 << 40))
            peer.ignore()

        server = self.serve(or_serve(fault))
        uploader = self.uploader(server.url, max_chunk_retries=9)
        await self.failure(uploader.add_file(self.file(b"x")), RetriesExhausted)
        await server.when("left", 10)

    async def test_told_why(self) -> None:
        """C13: a refusal for good is told with its status and text, and ends that file alone."""
        for status in (400, 401, 403, 404, 409, 415, 500, 501):
            server = self.serve(or_serve(partial(_answer_with, answer=reply(status, b"not here"))))
            uploader = self.uploader(server.url)
            upload = uploader.add_file(self.file(b"x"))
            neighbour = self.neighbour(uploader)
            error = await self.failure(upload, ChunkRejected)
            self.assertEqual((error.status, error.body), (status, "not here"))
            await self.check_neighbour(neighbour, server)

    async def test_broken_test(self) -> None:
        """C13: a test that gets no usable answer is followed by the chunk."""

        def fault(peer: Peer, request: Request) -> None:
            if request.method == "GET":
                peer.send(b"HTTP/9.9 nonsense\r\n\r\n")
            else:
                peer.serve(request)

        server = self.serve(or_serve(fault))
        await self.uploader(server.url, test_chunks=True).add_file(self.file(BODY))
        self.assertEqual(server.content("upload.bin"), BODY)

    async def test_several_at_once(self) -> None:
        """C9: many stalls at once all end, and the connections with them."""

        def fault(peer: Peer, request: Request) -> None:
            peer.ignore()

        server: RawServer = self.serve(fault_only(fault))
        uploader = self.uploader(
            server.url, stall_timeout=0.2, simultaneous_uploads=20, max_chunk_retries=0
        )
        uploads = [uploader.add_file(b"x", file_name=f"{n}.bin") for n in range(20)]
        failures = gatherResults([self.failed(each) for each in uploads])
        await failures
        await server.when("left", 20)

    def failed(self, upload: Any) -> Any:
        return self.assertFailure(upload, RetriesExhausted)

    async def test_broken_answer_counts(self) -> None:
        """C13: an answer that is broken off is a failed attempt like any other."""

        def fault(peer: Peer, request: Request) -> None:
            peer.body(request)
            peer.send(reply(200, b"half", length=100))
            peer.close()

        server = self.serve(fault_only(fault))
        error = await self.failure(
            self.uploader(server.url).add_file(self.file(b"x")), RetriesExhausted
        )
        self.assertIsInstance(error.last, ConnectionBroken)
        self.assertEqual(error.attempts, 4)


def fault_only(fault: Any) -> Any:
    """A script that does the same to everybody."""

    def script(peer: Peer) -> None:
        while True:
            fault(peer, peer.head())

    return script


def _answer_with(peer: Peer, request: Request, answer: bytes) -> None:
    peer.body(request)
    peer.send(answer)
