"""
Responses, from the first byte to the last.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import ResponseDone
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse
from zope.interface.verify import verifyObject

from txresumable._http.fields import FIELDS
from txresumable._http.response import LIMIT, Response, ResponseParser
from txresumable.errors import MalformedResponse


class Reader(Protocol):
    """
    Keeps what is delivered.

    :ivar data: each time.
    :ivar ends: and how that ended.
    """

    def __init__(self) -> None:
        self.data: list[bytes] = []
        self.ends: list[Failure] = []

    def dataReceived(self, data: bytes) -> None:
        self.data.append(data)

    def connectionLost(self, reason: Any = None) -> None:
        self.ends.append(reason)


class ResponseTests(SynchronousTestCase):
    """
    What treq and the engine see of a response.
    """

    def response(self, body: bytes = b"", **fields: list[str]) -> Response:
        return Response((b"HTTP", 1, 1), 200, b"OK", Headers(fields), body)

    def test_interface(self) -> None:
        """It is a response as Twisted knows them."""
        verifyObject(IResponse, self.response())
        self.assertEqual(self.response(b"four").length, 4)
        response, other = self.response(), self.response()
        response.setPreviousResponse(other)
        self.assertIs(response.previousResponse, other)

    def test_text(self) -> None:
        """Its text is UTF-8, as far as it is any."""
        self.assertEqual(self.response(b"gr\xc3\xbc\xdfe").text, "gr\xfc\ufffde")

    def test_header(self) -> None:
        """The last of several values counts, of whatever bytes."""
        response = self.response(X=["1", "\xe4", "\xe5"])
        self.assertEqual(response.header("x"), "\xe5".encode().decode("latin-1"))
        self.assertIsNone(response.header("y"))

    def test_deliver(self) -> None:
        """Its body is delivered at once, if there is one, and then its end."""
        for body in (b"", b"content"):
            reader = Reader()
            self.response(body).deliverBody(reader)
            self.assertEqual(reader.data, [body] if body else [])
            self.assertEqual([end.type for end in reader.ends], [ResponseDone])


class ParserTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.parser = ResponseParser()

    def parse(self, data: bytes, bodiless: bool = False, sends: bool = False) -> ResponseParser:
        """What is made of a response that comes at once, over the same connection."""
        self.parser.begin(bodiless, sends)
        self.parser.feed(data)
        return self.parser

    def refused(self, data: bytes, words: str = "") -> None:
        """Check that this is no response, in one piece and byte by byte."""
        for step in (len(data), 1 if len(data) < 1000 else 1000):
            self.parser.begin()
            with self.assertRaises(MalformedResponse) as caught:
                for at in range(0, len(data), step):
                    self.parser.feed(data[at : at + step])
            self.assertIn(words, str(caught.exception))


class HeadTests(ParserTestCase):
    """
    Status line and fields.
    """

    def test_head(self) -> None:
        """Version, code, phrase and fields are what they are, spaces around values are not."""
        parser = self.parse(
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nX:\t a b \r\nX:c\nY: \r\n\r\n"
        )
        response = parser.response
        assert response is not None
        self.assertEqual(response.version, (b"HTTP", 1, 1))
        self.assertEqual((response.code, response.phrase), (404, b"Not Found"))
        self.assertEqual(response.headers.getRawHeaders(b"x"), [b"a b", b"c"])
        self.assertEqual(response.headers.getRawHeaders(b"y"), [b""])
        self.assertFalse(response.truncated)
        self.assertEqual((parser.over, parser.keep, parser.informed), (True, True, False))
        parser = self.parse(b"HTTP/1.0 200\r\n\r\n")
        assert parser.response is not None
        self.assertEqual(parser.response.version, (b"HTTP", 1, 0))
        self.assertEqual(parser.response.phrase, b"")

    def test_not_yet(self) -> None:
        """There is no response before its head has ended."""
        data = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        for at in range(len(data)):
            parser = ResponseParser()
            parser.feed(data[:at])
            self.assertEqual((parser.response, parser.over, parser.keep), (None, False, False))
            self.assertFalse(parser.ends_with_connection)
            parser.feed(data[at:])
            self.assertTrue(parser.over)

    def test_first_line(self) -> None:
        """Whatever is no status line is refused, and shown, but not too much of it."""
        for line in (b"HTTP/2.0 200 OK", b"HTTP/1.1 600 OK", b"HTTP/1.1  200 OK", b"SSH-2.0", b""):
            self.refused(line + b"\r\nX: 1\r\n\r\n", f"its first line is {line.decode()!r}")
        long = b"x" * 81
        self.refused(long + b"\r\n\r\n", f"its first line is {'x' * 80!r}")

    def test_fields(self) -> None:
        """So is a line that is no field."""
        for line in (b"no colon", b" folded: 1", b"a b: 1", b": 1", b"X: a\rb", b"X: \0"):
            self.refused(b"HTTP/1.1 200 OK\r\nX: 1\r\n" + line + b"\r\n\r\n", "a line of its head")

    def test_many_fields(self) -> None:
        """There are 256 fields at most."""
        line = b"HTTP/1.1 200 OK\r\n"
        self.assertIsNotNone(self.parse(line + b"X: 1\r\n" * 256 + b"\r\n").response)
        self.refused(line + b"X: 1\r\n" * 257 + b"\r\n", f"more than {FIELDS} fields")

    def test_long_head(self) -> None:
        """There are 64 KiB of a head at most, with all that comes before it."""
        for before in (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3):
            head = before + b"HTTP/1.1 200 OK\r\nX: %b\r\n\r\n"
            fits = 65536 - len(head % b"")
            self.assertIsNotNone(self.parse(head % (b"x" * fits)).response)
            self.refused(head % (b"x" * (fits + 1)), f"its head has more than {LIMIT} bytes")
            begun = (head % (b"x" * fits))[:-4]
            parser = self.parse(begun + b"x" * 4)
            self.assertIsNone(parser.response)
            self.assertRaises(MalformedResponse, parser.feed, b"x")

    def test_informed(self) -> None:
        """What only informs is no response, but that it came is known."""
        for before in (b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 199 So\r\nX: 1\r\n\r\n"):
            self.setUp()
            for _ in range(2):
                self.assertIsNone(self.parse(before).response)
                self.parser.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                assert self.parser.response is not None
                self.assertEqual(self.parser.response.code, 200)
                self.assertIs(self.parser.informed, before != b"")

    def test_switches(self) -> None:
        """Nobody asked for another protocol; other informational codes are fine."""
        self.refused(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "it switches protocols")
        for code in (b"100", b"102"):
            self.assertIsNone(self.parse(b"HTTP/1.1 %b No\r\n\r\n" % code).response)

    def test_encoded(self) -> None:
        """Nor for an encoding, which would not be decoded."""
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Encoding: %b\r\n\r\n"
        for coding in (b"", b"identity", b" IDENTITY "):
            self.assertTrue(self.parse(head % coding).over)
        self.refused(head % b"gzip", "its body is encoded as b'gzip'")
        self.refused(head % (b"x" * 41), f"encoded as b'{'x' * 40}'")

    def test_keep(self) -> None:
        """Whether a connection goes on is what the server says, or what its version implies."""
        for version, field, keep in (
            (b"1.1", b"", True),
            (b"1.1", b"Connection: close\r\n", False),
            (b"1.1", b"Connection: X, Close\r\n", False),
            (b"1.1", b"Connection: keep-alive\r\nConnection: ,close\r\n", False),
            (b"1.0", b"", False),
            (b"1.0", b"Connection: keep-alive\r\n", True),
            (b"1.0", b"Connection: keep-alive, close\r\n", False),
        ):
            head = b"HTTP/%b 200 OK\r\n%bContent-Length: 0\r\n\r\n" % (version, field)
            self.assertIs(self.parse(head).keep, keep, head)

    def test_same_again(self) -> None:
        """A head that is the same as the last one is not parsed again."""
        data = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        responses = [self.parse(data).response for _ in range(2)]
        assert responses[0] is not None and responses[1] is not None
        self.assertIsNot(responses[0], responses[1])
        self.assertIs(responses[0].headers, responses[1].headers)

    def test_same_again_by_turns(self) -> None:
        """Nor is one that is the same as the last one to a request of its kind."""
        absent = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        stored = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
        for end in (b"ok", b""):  # at once, or in pieces
            before: dict[int, Headers] = {}
            for _ in range(2):
                for data, sends in ((absent, False), (stored + end, True)):
                    parser = self.parse(data, sends=sends)
                    if not parser.over:
                        parser.feed(b"ok")
                    response = parser.response
                    assert response is not None and parser.over
                    self.assertEqual(response.body, b"ok" if sends else b"")
                    code = 200 if sends else 404
                    self.assertEqual(response.code, code)
                    self.assertIs(before.setdefault(code, response.headers), response.headers)

    def test_same_again_in_pieces(self) -> None:
        """Neither more than one response nor less is taken for one, though its head is known."""
        data = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"
        known = self.parse(data).response
        assert known is not None
        for at in range(1, len(data)):
            self.parser.begin()
            self.parser.feed(data[:at])
            self.assertFalse(self.parser.over)
            self.parser.feed(data[at:])
            response = self.parser.response
            assert response is not None
            self.assertTrue(self.parser.over)
            self.assertEqual((response.body, self.parser.buffer), (b"ab", b""))
            self.assertIs(response.headers, known.headers)
        self.assertEqual(self.parse(data + b"c").buffer, b"c")
        informed = self.parse(b"HTTP/1.1 100 Continue\r\n\r\n" + data)
        self.assertEqual((informed.over, informed.informed), (True, True))
        self.assertFalse(self.parse(data).informed)

    def test_fields_stay(self) -> None:
        """What an agent says that it has decoded changes nothing for the next response."""
        response = self.parse(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").response
        assert response is not None
        response.headers.setRawHeaders(b"content-encoding", [b""])
        self.assertIsNone(response.headers.getRawHeaders(b"content-encoding"))
        for _ in range(2):
            self.assertIsNone(response.header("content-encoding"))
            self.assertEqual(response.header("Content-Length"), "0")

    def test_one_after_the_other(self) -> None:
        """A response is read for itself, whatever came before it, and whatever was asked."""
        small = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
        other = b"HTTP/1.1 201 Made\r\nContent-Length: 1\r\nConnection: close\r\n\r\n"
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        for head, body, bodiless, content, keep in (
            (small, b"ab", False, b"ab", True),
            (small, b"cd", False, b"cd", True),
            (small, b"", True, b"", True),
            (small, b"ef", False, b"ef", True),
            (other, b"x", False, b"x", False),
            (other, b"y", False, b"y", False),
            (other, b"", True, b"", False),
            (chunked, b"", True, b"", True),
            (chunked, b"1\r\na\r\n0\r\n\r\n", False, b"a", True),
            (chunked, b"1\r\nb\r\n0\r\n\r\n", False, b"b", True),
            (small, b"gh", False, b"gh", True),
        ):
            parser = self.parse(head + body, bodiless)
            response = parser.response
            assert response is not None
            self.assertTrue(parser.over)
            self.assertEqual((response.body, parser.keep), (content, keep))
            self.assertEqual(
                (response.code, response.phrase), (int(head[9:12]), head[13:17].strip())
            )
            self.assertEqual(parser.buffer, b"")


class TakenTests(ParserTestCase):
    """
    A body that is taken while it arrives.
    """

    def taken(self, data: bytes, *, step: int, most: int = 4) -> tuple[Any, list[bytes], list[str]]:
        """
        Parse a response over a connection that had one like it before.

        :returns: the parser, what was taken, and what was known of the response before that.
        """
        parser, taken, heads = ResponseParser(most), list[bytes](), list[str]()
        parser.feed(data)

        def take(response: Response) -> Any:
            heads.append(f"{response.code} {response.header('content-length')} {response.length}")
            return None if response.code >= 400 else taken.append

        parser.begin(taker=take)
        for at in range(0, len(data), step):
            parser.feed(data[at : at + step])
        return parser, taken, heads

    def test_taken(self) -> None:
        """It is handed over as it arrives, however long it is, and none of it is kept."""
        data = b"HTTP/1.1 206 X\r\nContent-Length: 10\r\n\r\n0123456789"
        for step in 1, 3, len(data):
            parser, taken, heads = self.taken(data, step=step)
            self.assertEqual((b"".join(taken), heads), (b"0123456789", ["206 10 0"]))
            self.assertLess(max(map(len, taken)), step + 1)
            self.assertEqual((parser.over, parser.keep, parser.buffer), (True, True, b""))
            self.assertEqual((parser.response.body, parser.response.truncated), (b"", False))

    def test_taken_chunked(self) -> None:
        """So is one in chunks, without what is around them."""
        head = b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n"
        data = head + b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
        for step in 1, len(data):
            parser, taken, heads = self.taken(data, step=step)
            self.assertEqual((b"".join(taken), heads), (b"abcdefg", ["200 None 0"]))
            self.assertEqual((parser.over, parser.keep), (True, True))

    def test_not_taken(self) -> None:
        """One that is not wanted is kept, up to a bound; and so is that of the next response."""
        data = b"HTTP/1.1 404 X\r\nContent-Length: 5\r\n\r\nabcde"
        parser, taken, heads = self.taken(data, step=7)
        self.assertEqual((taken, heads), ([], ["404 5 0"]))
        self.assertEqual((parser.response.body, parser.response.truncated), (b"abcd", True))
        ok = b"HTTP/1.1 200 X\r\nContent-Length: 3\r\n\r\nabc"
        parser, taken, heads = self.taken(ok, step=len(ok))
        parser.begin()
        parser.feed(ok)
        self.assertEqual((parser.response.body, taken), (b"abc", [b"abc"]))


class BodyTests(ParserTestCase):
    """
    Where a body ends.
    """

    def body(self, data: bytes, *, step: int = 0, bodiless: bool = False) -> Any:
        """
        Parse a response, piece by piece.

        :returns: its body, whether the connection goes on, and what was left; or nothing if the
            response has not ended.
        """
        self.parser.begin(bodiless)
        step = step or len(data)
        for at in range(0, len(data), step):
            self.parser.feed(data[at : at + step])
        response = self.parser.response
        assert response is not None
        return self.parser.over and (response.body, self.parser.keep, self.parser.buffer)

    def test_length(self) -> None:
        """A body that has a length ends there, however it comes."""
        for lengths in (b"5", b"5, 5", b"5\r\nContent-Length: 5", b"005"):
            data = b"HTTP/1.1 200 OK\r\nContent-Length: %b\r\n\r\n12345" % lengths
            for step in (1, 2, 0):
                self.assertEqual(self.body(data, step=step), (b"12345", True, b""))
            self.assertIs(self.body(data[:-1]), False)
            self.assertEqual(self.body(data + b"H"), (b"12345", True, b"H"))

    def test_no_length(self) -> None:
        """What is no single number is no length."""
        for lengths in (b"5, 6", b"5\r\nContent-Length: 6", b"-5", b"+5", b"", b"5,", b"1" * 19):
            self.refused(
                b"HTTP/1.1 200 OK\r\nContent-Length: %b\r\n\r\n" % lengths,
                "its Content-Length is no single number",
            )
        self.assertIs(
            self.body(b"HTTP/1.1 200 OK\r\nContent-Length: %b\r\n\r\n" % (b"9" * 18)), False
        )

    def test_until_the_end(self) -> None:
        """One that has no length ends with the connection."""
        self.assertIs(self.body(b"HTTP/1.1 200 OK\r\n\r\n123", step=1), False)
        self.assertTrue(self.parser.ends_with_connection)
        self.assertFalse(self.parser.keep)
        self.parser.feed(b"45")
        self.parser.finish()
        assert self.parser.response is not None
        self.assertEqual((self.parser.over, self.parser.response.body), (True, b"12345"))
        for field in (b"Content-Length: 5", b"Transfer-Encoding: chunked"):
            self.body(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % field)
            self.assertFalse(self.parser.ends_with_connection)

    def test_none(self) -> None:
        """Some responses have no body, whatever their fields say of one."""
        for code, bodiless in ((204, False), (304, False), (200, True), (404, True)):
            for field in (b"X: 1", b"Content-Length: 5", b"Transfer-Encoding: chunked"):
                data = b"HTTP/1.1 %d So\r\n%b\r\n\r\n" % (code, field)
                keep = code != 204 or field == b"X: 1"
                self.assertEqual(self.body(data, bodiless=bodiless), (b"", keep, b""), data)
        data = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"
        self.assertEqual(self.body(data), (b"", True, b""))
        for code in (203, 205, 303, 305):
            self.assertIs(self.body(b"HTTP/1.1 %d So\r\nContent-Length: 5\r\n\r\n" % code), False)

    def test_two_framings(self) -> None:
        """A body has one end: nobody may understand another one than we do."""
        for fields in (
            b"Transfer-Encoding: gzip",
            b"Transfer-Encoding: gzip, chunked",
            b"Transfer-Encoding: chunked, chunked",
            b"Transfer-Encoding: chunked\r\nContent-Length: 5",
        ):
            self.refused(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % fields, "framed in more ways than one")

    def chunked(self, framed: bytes, version: bytes = b"1.1") -> bytes:
        head = b"HTTP/%b 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: Chunked\r\n\r\n"
        return head % version + framed

    def test_chunked(self) -> None:
        """Chunks are put together, without extensions and trailers."""
        framed = b"5\r\n12345\r\nB ;x=y\r\n6789012345\n\r\n01\r\nx\r\n000\r\nX: 1\r\nY: 2\r\n\r\n"
        for step in (0, 1, 2, 3, 7):
            found = self.body(self.chunked(framed), step=step)
            self.assertEqual(found, (b"123456789012345\nx", True, b""))
        self.assertEqual(self.body(self.chunked(b"0\r\n\r\nHT")), (b"", True, b"HT"))
        self.assertEqual(self.body(self.chunked(b"0\r\n\r\n", b"1.0")), (b"", False, b""))
        for at in range(len(framed)):
            self.assertIs(self.body(self.chunked(framed[:at])), False)

    def test_badly_chunked(self) -> None:
        """What is no chunk, or is longer than it says, is refused."""
        for framed, words in (
            (b"5\n12345\r\n", "a line of its body's framing ends without CR"),
            (b"\n", "a line of its body's framing ends without CR"),
            (b"1\r\nx\n", "a line of its body's framing ends without CR"),
            (b"0\r\n\n", "a line of its body's framing ends without CR"),
            (b"5\r\n123456\r\n", "a chunk of its body is longer than it says"),
            (b"\r\n", "a chunk of its body has the size ''"),
            (b"-1\r\n", "a chunk of its body has the size '-1'"),
            (b"0x5\r\n", "a chunk of its body has the size '0x5'"),
            (b"%b\r\n" % (b"1" * 16), "a chunk of its body has the size '1111111111111111'"),
        ):
            self.refused(self.chunked(framed), words)

    def test_long_framing(self) -> None:
        """There are 64 KiB of framing at most, of all chunks together, ended or not."""
        chunk = b"1;%b\r\nx\r\n"
        for number in (1, 2):
            size = 65536 // number - len(chunk % b"") + 1  # the byte x is content
            framed = (chunk % (b"y" * size)) * number
            self.assertIs(self.body(self.chunked(framed)), False)
            self.refused(self.chunked(framed + b"1\r\n"), "the framing of its body does not end")
            self.refused(self.chunked(framed + b"1"), "the framing of its body does not end")
        self.refused(self.chunked(b"1;" + b"y" * 65535), "the framing of its body does not end")
        self.assertIs(self.body(self.chunked(b"1;" + b"y" * 65534)), False)

    def test_long_body(self) -> None:
        """Of a body 64 KiB are kept; if there is more, it is over, and so is its connection."""
        for more in (0, 1, 1000):
            content = b"x" * (65536 + more)
            for step in (0, 65536, 5000):
                with_length = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content)
                framed = self.chunked(b"%x\r\n%b\r\n0\r\n\r\n" % (len(content), content))
                for data in (with_length + content, framed):
                    self.parser.begin()
                    for at in range(0, len(data), step or len(data)):
                        if not self.parser.over:
                            self.parser.feed(data[at : at + (step or len(data))])
                    response = self.parser.response
                    assert response is not None
                    self.assertTrue(self.parser.over)
                    self.assertEqual(response.body, b"x" * 65536)
                    self.assertIs(response.truncated, more > 0)
                    self.assertIs(self.parser.keep, more == 0)

    def test_other_limit(self) -> None:
        """More of a body is kept by those who want more, whatever pieces it comes in."""
        most = 3 * LIMIT
        self.parser = ResponseParser(most)
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
        for size in (most, most + 1):
            body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
            for step in (size, 50_000):
                self.parser.begin()
                self.parser.feed(head % size)
                for at in range(0, size, step):
                    self.parser.feed(body[at : at + step])
                response = self.parser.response
                assert response is not None
                self.assertTrue(self.parser.over)
                self.assertEqual((response.body, response.truncated), (body[:most], size > most))

    def test_long_body_that_goes_on(self) -> None:
        """A body that is over for us is so at once, whatever else of it comes, or does not."""
        content = b"x" * 65537
        for data in (
            b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + content,
            b"HTTP/1.1 200 OK\r\n\r\n" + content,
            self.chunked(b"%x\r\n%bgarbage\r\n" % (len(content), content)),
        ):
            found = self.body(data)
            self.assertEqual(found[:2], (b"x" * 65536, False))
