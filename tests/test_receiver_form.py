"""Tests for taking request bodies apart."""

from __future__ import annotations

import os
from base64 import b64encode

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txresumable.receiver import Refused
from txresumable.receiver.web.form import BodyParser, Field, Mark, MultipartBody, body_parser


def take(parser: BodyParser, *pieces: bytes) -> tuple[list[tuple[str, str]], bytes | None]:
    """The fields and the chunk of a body."""
    events = list(parser.begin())
    events += [event for piece in pieces for event in parser.parse(piece)]
    events += list(parser.end())
    fields = [(event.name, event.value) for event in events if isinstance(event, Field)]
    marks = [event for event in events if isinstance(event, Mark)]
    assert marks == [Mark.BEGIN, Mark.END]
    return fields, b"".join(event for event in events if isinstance(event, bytes))


def form(*parts: tuple[str, bytes], end: bytes = b"\r\n--B--\r\n") -> bytes:
    """A form of parts: what stands after ``form-data;`` and what is in them."""
    lines = [
        b"\r\n--B\r\nContent-Disposition: form-data; %b\r\n\r\n%b" % (head.encode(), content)
        for head, content in parts
    ]
    return b"".join(lines).lstrip() + end


FILE = 'name="file"; filename="a"'


class MultipartTests(SynchronousTestCase):
    """Forms."""

    def refused(self, body: bytes, status: int = 400) -> None:
        """Take a body that is refused, whole and byte by byte."""
        for pieces in ([body], [body[at : at + 1] for at in range(len(body))]):
            error = self.assertRaises(Refused, take, MultipartBody("B", "file"), *pieces)
            self.assertEqual(error.status, status)

    def test_whole(self) -> None:
        """Fields and the chunk come out, whichever come first."""
        first, second = ('name="a"', b"1"), ("name=b", b"\xc3\xa9\xff")
        body = form(first, (FILE, b"chunk"), second)
        expected = [("a", "1"), ("b", "\u00e9\udcff")], b"chunk"
        self.assertEqual(take(MultipartBody("B", "file"), body), expected)

    @given(st.binary(max_size=200), st.integers(1, 40))
    def test_any_bytes(self, content: bytes, size: int) -> None:
        """Any bytes come out as they went in, however the body is cut."""
        content += b"\r\n--B" * (size % 3) + b"x"
        body = form(('name="a"', b"1"), (FILE, content.replace(b"\r\n--B", b"\r\n--C")))
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        found = take(MultipartBody("B", "file"), *pieces)
        self.assertEqual(found, ([("a", "1")], content.replace(b"\r\n--B", b"\r\n--C")))

    @given(st.binary(max_size=100), st.integers(1, 40))
    def test_data_url(self, content: bytes, size: int) -> None:
        """A chunk in a base64 data: URL comes out, however the body is cut."""
        url = b"data:application/octet-stream;base64," + b64encode(content)
        body = form(('name="file"', url))
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        self.assertEqual(take(MultipartBody("B", "file"), *pieces), ([], content))

    def test_bad_data_urls(self) -> None:
        """A field that is no base64 data: URL is refused."""
        for text in (b"", b"data:", b"x" * 2000, b"data:a,b", b"http:;base64,AAAA", b"a,b"):
            self.refused(form(('name="file"', text)))
        for text in (b"AAA", b"A", b"AAAAA", b"AA!A", b"AAA\n", b"AA==AAAA", b"AA==AA==", b"=AAA"):
            self.refused(form(('name="file"', b"data:;base64," + text)))

    def test_truncated(self) -> None:
        """A body that ends anywhere before its end is refused."""
        body = form(('name="a"', b"1"), (FILE, b"chunk"), end=b"\r\n--B--")
        for end in range(len(body)):
            error = self.assertRaises(Refused, take, MultipartBody("B", "file"), body[:end])
            self.assertEqual(error.status, 400)

    def test_epilogue(self) -> None:
        """What comes after the end does not matter."""
        body = form((FILE, b"chunk"))
        self.assertEqual(take(MultipartBody("B", "file"), body, b"\r\n", b"x")[1], b"chunk")

    def test_too_much_around(self) -> None:
        """What stands before, between and after the parts is bounded."""
        for start, end in ((b"x", b""), (form((FILE, b"x")), b"x"), (form((FILE, b"x")), b"--B")):
            parser = MultipartBody("B", "file")
            pieces = [start, *[bytes(65536)] * 65, end]
            error = self.assertRaises(Refused, take, parser, *pieces)
            self.assertEqual((error.status, "too much" in str(error)), (400, True))

    def test_parts(self) -> None:
        """A form has one chunk, and not hundreds of fields or very long ones."""
        self.refused(form(('name="a"', b"1")))
        self.refused(form((FILE, b"1"), (FILE, b"2")))
        self.refused(form(*[('name="a"', b"1")] * 100, (FILE, b"1")))
        body = form(('name="a"', bytes(65_537)), (FILE, b"1"))
        self.assertRaises(Refused, take, MultipartBody("B", "file"), body)

    def test_malformed(self) -> None:
        """What is no form is refused."""
        self.refused(b"")
        self.refused(b"what")
        self.refused(b"--B\r\n\r\n\r\n--B--\r\n")
        self.refused(form(('name="' + "a" * 20_000 + '"', b"1"), (FILE, b"1")))
        for boundary in ("", "a\nb"):
            self.assertRaises(Refused, MultipartBody, boundary, "file")

    @given(st.lists(st.binary(max_size=50)))
    def test_total(self, pieces: list[bytes]) -> None:
        """Any bytes whatever are understood or refused, and nothing else happens."""
        try:
            take(MultipartBody("B", "file"), b"--B\r\n", *pieces)
        except Refused as error:
            self.assertEqual(error.status, 400)

    def test_newlines(self) -> None:
        """A chunk of nothing but line ends takes no longer than others."""
        body = form((FILE, b"\n" * 8_000_000 + b"\r\n" * 4_000_000))
        parser = MultipartBody("B", "file")
        pieces = [body[at : at + 65536] for at in range(0, len(body), 65536)]
        found = take(parser, *pieces)[1]
        self.assertEqual(len(found or b""), 16_000_000)


class BodyParserTests(SynchronousTestCase):
    """Choosing a parser."""

    def test_octet(self) -> None:
        """A body of any other type is the chunk itself, and so is one without a type."""
        content = os.urandom(100)
        for kind in ("application/octet-stream", "image/png", "", "nonsense"):
            parser = body_parser(kind, "file")
            self.assertEqual(take(parser, content[:50], content[50:]), ([], content))
            self.assertEqual(take(body_parser(kind, "file")), ([], b""))

    def test_multipart(self) -> None:
        """Forms are recognised, in any spelling."""
        for kind in ('multipart/form-data; boundary="B"', "Multipart/Form-Data;boundary=B"):
            self.assertEqual(take(body_parser(kind, "file"), form((FILE, b"x"))), ([], b"x"))

    def test_refused(self) -> None:
        """A form without a boundary, or of another kind, is refused."""
        for kind, status in (
            ("multipart/form-data", 400),
            ("application/x-www-form-urlencoded; charset=utf-8", 415),
        ):
            error = self.assertRaises(Refused, body_parser, kind, "file")
            self.assertEqual(error.status, status)
