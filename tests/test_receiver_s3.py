"""Tests for object storage that speaks S3: what is sent, and what is made of what comes back."""

from __future__ import annotations

import sys
from base64 import b64encode
from collections.abc import Coroutine
from hashlib import md5, sha256
from itertools import pairwise
from random import Random
from typing import Any
from unittest.mock import patch

from botocore.credentials import Credentials
from twisted.internet.defer import CancelledError, Deferred

from tests.objects_rig import ODD
from tests.s3_rig import FACTS, NOW, S3TestCase, signature_in, signature_of
from txresumable.receiver.objects.interface import (
    Conflict,
    Contended,
    Forbidden,
    Missing,
    Multipart,
    Part,
    Rejected,
    Stat,
    Unavailable,
    Unreadable,
)
from txresumable.receiver.objects.s3 import S3Objects

MIB = 1 << 20


def error(code: str, message: str = "") -> bytes:
    said = f"<Code>{code}</Code><Message>{message}</Message>"
    return f"<?xml version='1.0'?><Error>{said}</Error>".encode()


class RequestTests(S3TestCase):
    """What goes over the wire."""

    def test_put(self) -> None:
        """All that is said of an object is in its fields, and is signed; its body is as given."""
        given = {"Sha256": "ab", "name": "a  b"}
        put = self.objects.put("k", [b"con", b"tent"], metadata=given, type="text/x", absent=True)
        waiting = self.begin(put)
        asked = self.asked()
        self.assertEqual((asked.method, asked.target, asked.body), ("PUT", "/bucket/k", b"content"))
        headers = asked.headers
        expected = {
            "host": "127.0.0.1:9000",
            "content-length": "7",
            "content-md5": b64encode(md5(b"content").digest()).decode(),
            "content-type": "text/x",
            "if-none-match": "*",
            "x-amz-meta-sha256": "ab",
            "x-amz-meta-name": "a  b",
            "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
        }
        self.assertEqual({name: headers.get(name) for name in expected}, expected)
        signed = headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
        unsigned = set(headers) - set(signed.split(";"))
        self.assertEqual(unsigned, {"authorization", "content-length", "accept-encoding"})
        self.assertEqual(signature_in(asked), signature_of(asked))
        self.respond(200)
        stat = self.successResultOf(waiting)
        metadata = {"sha256": "ab", "name": "a  b"}
        self.assertEqual(
            stat, Stat(key="k", etag="abc", size=7, modified=NOW, now=NOW, metadata=metadata)
        )

    def test_every_request_is_signed(self) -> None:
        """So is every other request, whatever its key and parameters."""
        objects, part = self.objects, Part(number=1, etag="e&e")
        for name in ODD:
            every: list[Coroutine[Any, Any, Any]] = [
                objects.head(name),
                objects.get(name),
                objects.read(name, 0, 9, bool),
                objects.put(name, b"x", match="y"),
                objects.list(name, after=name),
                objects.delete(name),
                objects.begin_multipart(name),
                objects.put_part(name, name, 1, b"x"),
                objects.copy_part(name, name, 1, name, 0, 9),
                objects.complete_multipart(name, name, [part]),
                objects.abort_multipart(name, name),
                objects.list_multiparts(name),
            ]
            for asking in every:
                waiting = self.begin(asking)
                asked = self.asked()
                self.assertEqual(signature_in(asked), signature_of(asked), asked.target)
                self.assertTrue(asked.target.isascii())
                self.respond(500)
                self.failureResultOf(waiting, Unavailable)
        self.assertEqual(len(self.transports), 1)

    def test_keys(self) -> None:
        """A key is escaped once, and slashes in it are not."""
        self.begin(self.objects.head("a b/c+d%20/ü"))
        self.assertEqual(self.asked().target, "/bucket/a%20b/c%2Bd%2520/%C3%BC")
        self.begin(self.objects.copy_part("k", "id", 1, "a b/ü", 0, 9))
        self.assertEqual(self.asked().headers["x-amz-copy-source"], "/bucket/a%20b/%C3%BC")

    def test_match(self) -> None:
        """An ETag is compared in quotes, unless that is not what the storage wants."""
        for quotes, expected in ((True, '"abc"'), (False, "abc")):
            self.objects.quotes = quotes
            waiting = self.begin(self.objects.put("k", b"x", match="abc"))
            self.assertEqual(self.asked().headers["if-match"], expected)
            self.respond(200)
            self.successResultOf(waiting)
        both = self.objects.put("k", b"x", match="abc", absent=True)
        self.failureResultOf(self.begin(both), ValueError)

    def test_md5(self) -> None:
        """An MD5 that is known is sent as it is, even if it is wrong."""
        self.begin(self.objects.put("k", b"x", md5=bytes(16)))
        self.assertEqual(self.asked().headers["content-md5"], b64encode(bytes(16)).decode())

    def test_sha256(self) -> None:
        """A SHA-256 that is known goes instead of the MD5, once the storage is known to do that."""
        known, put = sha256(b"x").hexdigest(), self.objects.put
        self.begin(put("k", b"x", sha256=known))
        headers = self.asked().headers
        self.assertNotIn("x-amz-checksum-sha256", headers)
        self.assertEqual(headers["content-md5"], b64encode(md5(b"x").digest()).decode())
        self.respond(200)
        self.objects.checks_sha256 = True
        self.begin(put("k", [b"x"], sha256=known))
        asked = self.asked()
        self.assertNotIn("content-md5", asked.headers)
        given = asked.headers["x-amz-checksum-sha256"]
        self.assertEqual(given, b64encode(bytes.fromhex(known)).decode())
        self.assertIn("x-amz-checksum-sha256", asked.headers["authorization"])
        self.assertEqual(signature_of(asked), signature_in(asked))
        self.respond(200)
        self.begin(put("k", b"x"))
        self.assertIn("content-md5", self.asked().headers)

    def test_big(self) -> None:
        """A body of any size, in pieces of any size, arrives as it is."""
        random = Random(1)
        pieces = [random.randbytes(random.choice((0, 1, 1000, 200_000))) for _ in range(100)]
        content = b"".join(pieces)
        for body in (content, bytearray(content), memoryview(content), pieces):
            waiting = self.begin(self.objects.put("k", body))
            asked = self.asked()
            self.assertEqual(asked.body, content)
            self.assertEqual(
                asked.headers["content-md5"], b64encode(md5(content).digest()).decode()
            )
            self.respond(200)
            self.assertEqual(self.successResultOf(waiting).size, len(content))

    def test_token(self) -> None:
        """A session's token goes with its requests, and is signed."""
        self.objects = self.make(credentials=Credentials("some-key", "some-secret", "token"))
        self.begin(self.objects.head("k"))
        asked = self.asked()
        self.assertEqual(asked.headers["x-amz-security-token"], "token")
        self.assertEqual(signature_in(asked), signature_of(asked))

    def test_wrong_metadata(self) -> None:
        """Metadata that a field cannot hold is refused before anything is sent."""
        for given in ({"a": "b\r\nX: y"}, {"a": "ü"}, {"a": " b"}, {"a:": "b"}, {"": "b"}):
            self.failureResultOf(self.begin(self.objects.put("k", b"", metadata=given)), ValueError)
            begun = self.begin(self.objects.begin_multipart("k", metadata=given))
            self.failureResultOf(begun, ValueError)
        self.assertEqual(self.transports, [])

    def test_parts(self) -> None:
        """Parts are put, copied, and made an object of, in their order."""
        objects = self.objects
        begun = self.begin(objects.begin_multipart("k", metadata={"a": "b"}, type="text/x"))
        asked = self.asked()
        self.assertEqual((asked.method, asked.query), ("POST", {"uploads": ""}))
        fields = (asked.headers["x-amz-meta-a"], asked.headers["content-type"])
        self.assertEqual(fields, ("b", "text/x"))
        self.respond(200, b"<R xmlns='urn:x'><UploadId>i/d+</UploadId></R>")
        self.assertEqual(self.successResultOf(begun), "i/d+")
        put = self.begin(objects.put_part("k", "i/d+", 2, b"x"))
        asked = self.asked()
        self.assertEqual(
            (asked.method, asked.query), ("PUT", {"partNumber": "2", "uploadId": "i/d+"})
        )
        self.respond(200)
        self.assertEqual(self.successResultOf(put), Part(number=2, etag="abc"))
        copy = self.begin(objects.copy_part("k", "i/d+", 1, "source", 5, 10))
        self.assertEqual(self.asked().headers["x-amz-copy-source-range"], "bytes=5-9")
        self.respond(200, b'<CopyPartResult><ETag>"d&amp;ef"</ETag></CopyPartResult>')
        self.assertEqual(self.successResultOf(copy), Part(number=1, etag="d&ef"))
        parts = [Part(number=1, etag="d&ef"), Part(number=2, etag="abc")]
        completed = self.begin(objects.complete_multipart("k", "i/d+", parts))
        asked = self.asked()
        self.assertIn(b'<Part><PartNumber>1</PartNumber><ETag>"d&amp;ef"</ETag></Part>', asked.body)
        self.assertLess(asked.body.find(b">1<"), asked.body.find(b">2<"))
        # Spaces keep the connection alive meanwhile.
        self.respond(200, b"   \n<?xml version='1.0'?><CompleteMultipartUploadResult/>")
        self.assertIsNone(self.successResultOf(completed))


class ResponseTests(S3TestCase):
    """What is made of responses."""

    def test_head(self) -> None:
        """What is known about an object is in the fields of a response."""
        headers = {"Content-Length": "123", "X-Amz-Meta-Name": "v", "x-amz-meta-b": ""}
        stat = self.outcome(self.objects.head("k"), 200, b"", headers)
        expected = Stat(
            key="k",
            etag="abc",
            size=123,
            modified=NOW - 4,
            now=NOW,
            metadata={"name": "v", "b": ""},
        )
        self.assertEqual(stat, expected)
        self.assertIsNone(self.outcome(self.objects.head("k"), 404))

    def test_get(self) -> None:
        """An object comes with what is known about it, unless it is too big for that."""
        stat, content = self.outcome(self.objects.get("k"), 200, b"content")
        self.assertEqual((stat.size, stat.etag, content), (7, "abc", b"content"))
        self.assertIsNone(self.outcome(self.objects.get("k"), 404, error("NoSuchKey")))
        for body in (b"", b"<html>not found</html>", error("NoSuchWebsite")):
            # A proxy says so, and the object may be there.
            self.assertIsInstance(self.outcome(self.objects.get("k"), 404, body), Unreadable)
        content = bytes(MIB)
        self.assertEqual(self.outcome(self.objects.get("k"), 200, content)[1], content)
        for size in (MIB + 1, 5 * MIB):
            got = self.outcome(self.objects.get("k"), 200, bytes(size))
            self.assertIsInstance(got, Rejected)

    def test_read(self) -> None:
        """
        A range is read by few requests, of one object, and handed over as it arrives: nothing of it
        is kept.
        """
        content = Random(1).randbytes(35 * MIB)
        taken: list[bytes] = []
        reading = self.begin(self.objects.read("k", 1, 35 * MIB, taken.append))
        edges = [1, 16 * MIB + 1, 32 * MIB + 1, 35 * MIB]
        for at, (start, end) in enumerate(pairwise(edges)):
            asked = self.asked()
            self.assertEqual(asked.headers["range"], f"bytes={start}-{end - 1}")
            self.assertEqual(asked.headers.get("if-match"), '"abc"' if at else None)
            self.respond(206, content[start : end - 1], {"Content-Length": str(end - start)})
            self.assertEqual(sum(map(len, taken)), end - 2)
            self.assertNoResult(reading)
            self.send(content[end - 1 : end])
        self.assertIsNone(self.successResultOf(reading))
        self.assertEqual(b"".join(taken), content[1:])
        self.assertLess(max(map(len, taken)), 65537)
        self.assertEqual(len(self.transports), 1)

    def test_read_chunked(self) -> None:
        """Bytes whose number the response does not say are counted: no others are handed over."""
        framed = {"Transfer-Encoding": "chunked"}
        for extra in b"", b"1\r\n7\r\n":
            taken: list[bytes] = []
            reading = self.begin(self.objects.read("k", 4, 10, taken.append))
            self.asked()
            lines = "".join(f"{name}: {value}\r\n" for name, value in {**FACTS, **framed}.items())
            body = b"6\r\n123456\r\n" + extra + b"0\r\n\r\n"
            self.send(f"HTTP/1.1 206 X\r\n{lines}\r\n".encode() + body)
            if extra:
                self.failureResultOf(reading, Unavailable)
            else:
                self.assertIsNone(self.successResultOf(reading))
            self.assertEqual(taken, [b"123456"])

    def test_read_cut(self) -> None:
        """If the storage is lost within the bytes, or does not go on, reading fails in time."""
        for lose in True, False:
            taken: list[bytes] = []
            reading = self.begin(self.objects.read("k", 0, 16 * MIB, taken.append))
            self.asked()
            self.respond(206, b"1234", {"Content-Length": str(16 * MIB)})
            if lose:
                self.lose()
            else:
                self.reactor.advance(93)
                self.assertNoResult(reading)
                self.reactor.advance(2)
            self.failureResultOf(reading, Unavailable)
            self.assertEqual(taken, [b"1234"])

    def test_read_wrong(self) -> None:
        """Other bytes than those that were asked for are not taken for them."""
        taken: list[bytes] = []
        for status, body in ((206, b"12345"), (206, b"1234567"), (200, b"123456")):
            got = self.outcome(self.objects.read("k", 4, 10, taken.append), status, body)
            self.assertIsInstance(got, Unavailable)
        for status, kind in ((404, Missing), (416, Rejected), (503, Unavailable)):
            got = self.outcome(self.objects.read("k", 4, 10, taken.append), status)
            self.assertIsInstance(got, kind)
        self.assertEqual(taken, [])
        self.assertIsNone(self.outcome(self.objects.read("k", 0, 6, taken.append), 200, b"123456"))
        self.assertIsNone(self.successResultOf(self.begin(self.objects.read("k", 5, 5, bool))))

    def test_list(self) -> None:
        """A page has keys as they are, although XML could not hold them, and says how to go on."""
        each = (
            "<Contents><Key>{0}</Key><ETag>&quot;e{1}&quot;</ETag><Size>{1}</Size>"
            "<LastModified>2026-11-26T12:00:01.999Z</LastModified></Contents>"
        )
        page = (
            "<?xml version='1.0'?>\n<ListBucketResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>"
            "<EncodingType>{0}</EncodingType><IsTruncated>{1}</IsTruncated>{2}</ListBucketResult>"
        )
        contents = each.format("a+b%2B%00%C3%BC", 1) + each.format("z", 2)
        listing = self.begin(self.objects.list("a b", after="a+", limit=5000))
        expected = {
            "list-type": "2",
            "encoding-type": "url",
            "max-keys": "1000",
            "prefix": "a b",
            "start-after": "a+",
        }
        asked = self.asked()
        self.assertEqual((asked.path, asked.query), ("/bucket/", expected))
        self.respond(200, page.format("url", "true", contents).encode())
        found = self.successResultOf(listing)
        self.assertEqual([each.key for each in found.objects], ["a b+\0ü", "z"])
        self.assertEqual(found.next, "z")
        first = found.objects[0]
        facts = (first.etag, first.size, first.modified, first.now)
        self.assertEqual(facts, ("e1", 1, NOW - 4, NOW))
        found = self.outcome(
            self.objects.list(""), 200, page.format("", "false", contents).encode()
        )
        self.assertEqual(found.objects[0].key, "a+b%2B%00%C3%BC")
        self.assertEqual(found.next, "")
        wrong = [
            page.format("", "true", ""),
            page.format("", "", each.format("a", "x")),
            page.format("", "", each.format("a", 1).replace("T12", " 12")),
            page.format("url", "", each.format("%ff", 1)),
            page.format("", "", contents)[:-5],
            "<!DOCTYPE x [<!ENTITY e 'eee'>]>" + page.format("", "", each.format("&e;", 1))[22:],
            "<a>" * 100 + "</a>" * 100,
            "",
            "\0",
        ]
        for body in wrong:
            got = self.outcome(self.objects.list(""), 200, body.encode())
            self.assertIsInstance(got, Unavailable, body)

    def test_thousand(self) -> None:
        """A page may have a thousand long keys."""
        each = (
            "<Contents><Key>{0:01000d}</Key><ETag>e</ETag><Size>1</Size>"
            "<LastModified>2026-11-26T12:00:01Z</LastModified></Contents>"
        )
        body = "".join(map(each.format, range(1000)))
        found = self.outcome(self.objects.list(""), 200, f"<R>{body}</R>".encode())
        self.assertEqual(len(found.objects), 1000)

    def test_list_multiparts(self) -> None:
        """Multipart uploads are found by what their keys begin with."""
        listing = self.begin(self.objects.list_multiparts("a b", limit=7))
        expected = {"uploads": "", "max-uploads": "7", "prefix": "a b"}
        self.assertEqual(self.asked().query, expected)
        each = (
            "<Upload><Key>a b+</Key><UploadId>i+</UploadId>"
            "<Initiated>2026-11-26T12:00:01Z</Initiated></Upload>"
        )
        self.respond(200, f"<R>{each}</R>".encode())
        expected_one = Multipart(key="a b+", id="i+", began=NOW - 4, now=NOW)
        self.assertEqual(self.successResultOf(listing), [expected_one])
        got = self.outcome(self.objects.list_multiparts(""), 200, b"<R><Upload/></R>")
        self.assertIsInstance(got, Unavailable)

    def test_failures(self) -> None:
        """What is not success is told apart by what can be done about it."""
        put = self.objects.put
        table: list[tuple[Any, int, str, type[Exception]]] = [
            (lambda: put("k", b"", absent=True), 412, "PreconditionFailed", Conflict),
            (lambda: put("k", b"", absent=True), 409, "ConditionalRequestConflict", Contended),
            (lambda: put("k", b"", match="x"), 404, "NoSuchKey", Conflict),
            (lambda: put("k", b"", match="x"), 404, "NoSuchBucket", Forbidden),
            (lambda: put("k", b""), 409, "OperationAborted", Unavailable),
            (lambda: put("k", b""), 400, "BadDigest", Rejected),
            (lambda: put("k", b""), 400, "RequestTimeout", Unavailable),
            (lambda: put("k", b""), 400, "ExpiredToken", Forbidden),
            (lambda: put("k", b""), 401, "", Forbidden),
            (lambda: put("k", b""), 403, "SignatureDoesNotMatch", Forbidden),
            (lambda: put("k", b""), 404, "NoSuchBucket", Forbidden),
            (lambda: put("k", b""), 301, "PermanentRedirect", Forbidden),
            (lambda: put("k", b""), 307, "TemporaryRedirect", Unavailable),
            (lambda: put("k", b""), 500, "InternalError", Unavailable),
            (lambda: put("k", b""), 501, "NotImplemented", Rejected),
            (lambda: put("k", b""), 503, "SlowDown", Unavailable),
            (lambda: put("k", b""), 503, "", Unavailable),
            (lambda: put("k", b""), 429, "", Unavailable),
            (lambda: self.objects.put_part("k", "i", 1, b""), 404, "NoSuchUpload", Missing),
            (lambda: self.objects.copy_part("k", "i", 1, "s", 0, 1), 404, "NoSuchKey", Missing),
            (lambda: self.objects.head("k"), 403, "", Forbidden),
            (lambda: self.objects.get("k"), 404, "NoSuchBucket", Forbidden),
            (lambda: self.objects.delete("k"), 403, "AccessDenied", Forbidden),
            (lambda: self.objects.list(""), 404, "NoSuchBucket", Forbidden),
            (lambda: self.objects.complete_multipart("k", "i", []), 400, "InvalidPart", Rejected),
        ]
        for ask, status, code, kind in table:
            body = error(code, "so\x7f it is") if code else b"no <xml"
            got = self.outcome(ask(), status, b"" if status == 401 else body)
            self.assertIs(type(got), kind, (status, code, got))
            self.assertIn(str(status), str(got))
            self.assertIn(code, str(got))
            self.assertNotIn("\x7f", str(got))
        for status in (200, 204, 404):
            self.assertIsNone(self.outcome(self.objects.delete("k"), status))
            self.assertIsNone(self.outcome(self.objects.abort_multipart("k", "i"), status))

    def test_codes(self) -> None:
        """The storage's own word is there to be looked at, and when it wants to be asked again."""
        got = self.outcome(self.objects.put("k", b""), 400, error("BadDigest"))
        self.assertEqual(got.code, "BadDigest")
        for text, expected in (("7", 7.0), ("x", None), ("", None), ("9999999999", None)):
            got = self.outcome(self.objects.head("k"), 503, b"", {"Retry-After": text})
            self.assertEqual(got.retry_after, expected)
        elsewhere = {"x-amz-bucket-region": "eu-north-1"}
        got = self.outcome(self.objects.head("k"), 301, b"", elsewhere)
        self.assertIn("eu-north-1", str(got))

    def test_pages(self) -> None:
        """What is no storage, but a web site, is told from one by what is said of its response."""
        page = b"<html><head><title>Sorry</title></head></html>"
        shown = "GET k: 403 with a page that is no error of S3"
        self.assertEqual(str(self.outcome(self.objects.get("k"), 403, page)), shown)
        moved = {"Location": "https://www.example.com/\x7f"}
        shown = "GET k: 301 with a page that is no error of S3: it is elsewhere, at "
        got = self.outcome(self.objects.get("k"), 301, page, moved)
        self.assertIs(type(got), Forbidden)
        self.assertEqual(str(got), f"{shown}https://www.example.com/\\x7f")
        self.assertEqual(str(self.outcome(self.objects.head("k"), 403, b"")), "HEAD k: 403")

    def test_late_failure(self) -> None:
        """A response that began as success may yet be a failure."""
        complete = self.objects.complete_multipart
        for code, kind in (
            ("InternalError", Unavailable),
            ("SlowDown", Unavailable),
            ("NoSuchUpload", Missing),
            ("InvalidPart", Rejected),
            ("EntityTooSmall", Rejected),
        ):
            got = self.outcome(complete("k", "i", []), 200, b"  " + error(code))
            self.assertIs(type(got), kind)
        got = self.outcome(complete("k", "i", []), 200, b"   ")
        self.assertIsInstance(got, Unavailable)

    def test_facts_missing(self) -> None:
        """A response that does not say what has to be known is none."""
        for given in ({"ETag": ""}, {"Last-Modified": "today"}, {"Date": "x"}):
            got = self.outcome(self.objects.head("k"), 200, b"", given)
            self.assertIsInstance(got, Unavailable)
        for body in (b"<R/>", b"<R><UploadId/></R>"):
            got = self.outcome(self.objects.begin_multipart("k"), 200, body)
            self.assertIsInstance(got, Unavailable)


class ExchangeTests(S3TestCase):
    """Limits, and ends."""

    def test_deadline(self) -> None:
        """No request takes longer than the deadline; its connection is aborted."""
        waiting = self.begin(self.objects.head("k"))
        self.asked()
        self.reactor.advance(29.9)
        self.assertNoResult(waiting)
        self.reactor.advance(0.2)
        self.assertIn("within 30 s", str(self.failureResultOf(waiting, Unavailable).value))
        self.assertTrue(self.transports[0][0].aborted)
        self.begin(self.objects.head("k"))
        self.assertEqual(len(self.transports), 2)

    def test_trickle(self) -> None:
        """A response that trickles is not waited for either."""
        waiting = self.begin(self.objects.get("k"))
        self.asked()
        self.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(40):
            self.reactor.advance(1)
            if not self.transports[0][0].aborted:
                self.send(b"x")
        self.failureResultOf(waiting, Unavailable)

    def test_deadline_by_size(self) -> None:
        """What moves more bytes may take longer."""
        waiting = self.begin(self.objects.put("k", bytes(MIB)))
        self.asked()
        self.reactor.advance(33.9)
        self.assertNoResult(waiting)
        self.reactor.advance(0.2)
        self.failureResultOf(waiting, Unavailable)

    def test_deadline_of_many_parts(self) -> None:
        """Making an object of its parts may take the storage a while."""
        waiting = self.begin(self.objects.complete_multipart("k", "i", []))
        self.asked()
        self.reactor.advance(119)
        self.assertNoResult(waiting)
        self.reactor.advance(2)
        self.failureResultOf(waiting, Unavailable)

    def test_not_connected(self) -> None:
        """Where nothing listens, or nothing responds, it is unavailable."""
        waiting: Deferred[Any] = Deferred.fromCoroutine(self.objects.head("k"))
        self.refuse()
        self.failureResultOf(waiting, Unavailable)
        waiting = Deferred.fromCoroutine(self.objects.head("k"))
        self.reactor.advance(30.1)
        self.failureResultOf(waiting, Unavailable)

    def test_cut(self) -> None:
        """A connection that ends before the response is whole is not replaced by another."""
        for data in (
            b"",
            b"HTTP/1.1 200 OK\r\nContent-Le",
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx",
        ):
            waiting = self.begin(self.objects.put("k", b"x"))
            self.asked()
            self.send(data)
            self.lose()
            self.failureResultOf(waiting, Unavailable)
            self.assertEqual(self.reactor.tcpClients, [])

    def test_garbage(self) -> None:
        """What is not HTTP makes it unavailable."""
        waiting = self.begin(self.objects.head("k"))
        self.asked()
        self.send(b"SSH-2.0-x\r\n\r\n")
        self.failureResultOf(waiting, Unavailable)

    def test_stale(self) -> None:
        """A connection that was closed while it was idle fails its next request, once."""
        self.outcome(self.objects.head("k"), 200)
        waiting = self.begin(self.objects.put("k", b"x"))
        self.assertEqual(len(self.transports), 1)
        self.lose()
        self.failureResultOf(waiting, Unavailable)
        self.begin(self.objects.put("k", b"x"))
        self.assertEqual(len(self.transports), 2)

    def test_cancelled(self) -> None:
        """To cancel aborts the connection."""
        waiting = self.begin(self.objects.put("k", b"x"))
        self.asked()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertTrue(self.transports[0][0].aborted)

    def test_bounded(self) -> None:
        """There are no more requests at once than allowed; the others wait for their turn."""
        self.objects = self.make(connections=2)
        waiting = [self.begin(self.objects.head("k")) for _ in range(5)]
        self.assertEqual(len(self.transports), 2)
        waiting[2].cancel()
        self.failureResultOf(waiting[2], CancelledError)
        self.asked(0)
        self.respond(200, at=0)
        self.successResultOf(waiting[0])
        self.asked(0)
        self.respond(200, at=0)
        self.successResultOf(waiting[3])
        self.reactor.advance(31)
        for at in (1, 4):
            self.failureResultOf(waiting[at], Unavailable)
        self.assertEqual(len(self.transports), 2)

    def test_small_ones_pass(self) -> None:
        """Big ones, however many wait, leave some connections to small ones, such as of a lease."""
        self.objects = self.make(connections=4)
        big = [self.begin(self.objects.put("k", bytes(MIB))) for _ in range(5)]
        self.assertEqual(len(self.transports), 3)
        waiting = self.begin(self.objects.get("k"))
        self.assertEqual(len(self.transports), 4)
        self.respond(200, b"record")
        self.assertEqual(self.successResultOf(waiting)[1], b"record")
        self.reactor.advance(40)
        for each in big:
            self.failureResultOf(each, Unavailable)

    def test_response_before_the_body(self) -> None:
        """A refusal that comes before the body was sent is the response."""
        waiting = self.begin(self.objects.put("k", bytes(9 * MIB)))
        self.respond(403, error("AccessDenied"), {"Connection": "close"})
        self.lose()
        self.assertIn("AccessDenied", str(self.failureResultOf(waiting, Forbidden).value))

    def test_close(self) -> None:
        """To close ends what is under way, and nothing begins any more."""
        waiting = self.begin(self.objects.head("k"))
        closed = self.begin(self.objects.close())
        self.failureResultOf(waiting, CancelledError)
        self.assertTrue(self.transports[0][0].aborted)
        self.lose()
        self.assertIsNone(self.successResultOf(closed))
        self.failureResultOf(self.begin(self.objects.head("k")), Unavailable)
        self.assertEqual(self.reactor.getDelayedCalls(), [])


class ConstructorTests(S3TestCase):
    """What it is made of."""

    def test_without_botocore(self) -> None:
        """Without botocore it says what to install."""
        with patch.dict(sys.modules, {"botocore": None}), self.assertRaises(ImportError) as caught:
            self.make()
        self.assertIn("txresumable[s3]", str(caught.exception))

    def test_wrong(self) -> None:
        """A bucket or an endpoint that cannot be is refused."""
        for given in ({"endpoint": "x"}, {"endpoint": "ftp://x"}, {"endpoint": "http://a@b"}):
            with self.assertRaises(ValueError):
                self.make(**given)
        with self.assertRaises(ValueError):
            S3Objects("a/b", endpoint=self.endpoint, reactor=self.reactor)

    def test_region(self) -> None:
        """The region is the one that is given, or configured, or the usual one."""
        for given, variables, expected in (
            ("eu-a-1", {"AWS_REGION": "eu-b-1"}, "eu-a-1"),
            (None, {"AWS_REGION": "eu-b-1", "AWS_DEFAULT_REGION": "eu-c-1"}, "eu-b-1"),
            (None, {"AWS_DEFAULT_REGION": "eu-c-1"}, "eu-c-1"),
            (None, {}, "us-east-1"),
        ):
            nowhere = {"AWS_CONFIG_FILE": self.mktemp(), **variables}
            with patch.dict("os.environ", nowhere, clear=True):
                self.objects = self.make(region=given)
            self.begin(self.objects.head("k"))
            self.assertIn(f"/{expected}/s3/", self.asked().headers["authorization"])
