"""Requests, and their templates."""

from __future__ import annotations

import re
from email.message import Message
from email.parser import BytesParser
from urllib.parse import unquote, urlsplit

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.strategies import hostile_names
from txresumable._protocol.dialect import DIALECTS, ParameterNames
from txresumable._protocol.request import MOST_OUTLINES, ChunkFacts, FileFacts, RequestEncoder
from txresumable._protocol.template import Template


def facts(
    name: str = "file.bin", *, path: str | None = None, type: str = "", total: int = 3
) -> FileFacts:
    return FileFacts(
        file_name=name,
        relative_path=path or name,
        identifier="3017-filebin",
        type=type,
        size=3017,
        total_chunks=total,
    )


def body_of(head: bytes, content: bytes, tail: bytes, content_type: str) -> list[Message]:
    whole = b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + head + content + tail
    parts = BytesParser().parsebytes(whole).get_payload()
    assert isinstance(parts, list)
    return parts


class TemplateTests(SynchronousTestCase):
    NINE = (
        "resumableChunkNumber=2&resumableChunkSize=1000&resumableCurrentChunkSize=1000"
        "&resumableTotalSize=3017&resumableType=&resumableIdentifier=3017-filebin"
        "&resumableFilename=file.bin&resumableRelativePath=file.bin&resumableTotalChunks=3"
    )
    chunk = ChunkFacts(2, 1000)

    def test_tests_have_the_custom_query_first(self) -> None:
        """Everything stands in the query string."""
        template = Template(RequestEncoder(chunk_size=1000), facts())
        url = template.test_url("http://h/u", self.chunk, [("a", "b")])
        self.assertEqual(url, "http://h/u?a=b&" + self.NINE)

    def test_uploads_have_it_last(self) -> None:
        """And a target with a query is gone on with."""
        template = Template(RequestEncoder(chunk_size=1000), facts())
        url = template.upload("http://h/u?x=1", self.chunk, [("a", "b")]).url
        self.assertEqual(url, "http://h/u?x=1&" + self.NINE + "&a=b")

    def test_numbers_come_first(self) -> None:
        """A custom query in the order in which JavaScript walks an object."""
        query = [(name, "") for name in ("b", "10", "2", "a", "01", "4294967295", "4294967294")]
        order = ["2", "10", "4294967294", "b", "a", "01", "4294967295"]
        template = Template(RequestEncoder(), facts())
        url = template.test_url("http://h/u", self.chunk, query)
        pairs = urlsplit(url).query.split("&")
        self.assertEqual([pair.partition("=")[0] for pair in pairs][:7], order)
        pairs = template.upload_pairs(self.chunk, query)
        names = [pair.partition("=")[0] for pair in pairs]
        self.assertEqual([*names[:3], *names[-4:]], order)
        url = template.test_url("http://h/u", self.chunk, [("b", "1"), ("a", "2")])
        self.assertTrue(url.startswith("http://h/u?b=1&a=2&"), url)

    def test_targets_become_ascii(self) -> None:
        """As a browser's URL layer has it: host, path and query each in its own way."""
        template = Template(RequestEncoder(chunk_size=1000), facts())
        for target, start in {
            "http://h": "http://h/?",
            "http://h/é %2F'{a}?ä='#f": "http://h/%C3%A9%20%2F'%7Ba%7D?%C3%A4=%27&",
            "https://bücher.example:8/": "https://xn--bcher-kva.example:8/?",
            "http://h/x?": "http://h/x?&",
        }.items():
            self.assertEqual(template.test_url(target, self.chunk, ()), start + self.NINE)

    def test_pairs(self) -> None:
        """Who makes a URL of one's own is given what would stand in ours."""
        template = Template(RequestEncoder(chunk_size=1000), facts())
        query = [("a", "b")]
        for pairs, url in (
            (template.test_pairs, template.test_url("http://h/", self.chunk, query)),
            (template.upload_pairs, template.upload("http://h/", self.chunk, query).url),
        ):
            self.assertEqual("&".join(pairs(self.chunk, query)), urlsplit(url).query)

    def test_boundaries(self) -> None:
        """Each file has a boundary of its own, which nothing in it will contain by chance."""
        boundaries = {Template(RequestEncoder(), facts()).boundary for _ in range(200)}
        self.assertEqual(len(boundaries), 200)
        for boundary in boundaries:
            self.assertTrue(re.fullmatch("----txresumable[0-9a-f]{32}", boundary), boundary)

    def test_defaults(self) -> None:
        """As resumable.js writes requests by default."""
        self.assertEqual(
            RequestEncoder(),
            RequestEncoder(
                names=ParameterNames(),
                namespace="",
                chunk_size=1048576,
                octet=False,
                base64=False,
                type_from_file=False,
                checksum=False,
                tests_merged=False,
                custom_query_first=False,
                in_url=True,
            ),
        )

    def test_outlines(self) -> None:
        """Thirty-two outlines are kept, then all are made anew; they are nobody's business."""
        encoder = RequestEncoder()
        first = encoder.outline("test", "http://h/", ())
        for number in range(31):
            encoder.outline("test", "http://h/", [("n", str(number))])
        self.assertIs(encoder.outline("test", "http://h/", ()), first)
        sizes = []
        for number in range(100):
            encoder.outline("body", "", [("n", str(number))])
            sizes.append(len(encoder._outlines))
        self.assertEqual((sizes[0], max(sizes)), (1, 32))
        self.assertEqual((encoder, repr(encoder)), (RequestEncoder(), repr(RequestEncoder())))
        self.assertNotIn("outlines", repr(encoder))
        self.assertRaises(TypeError, RequestEncoder, outlines={})

    def test_is_filled_once(self) -> None:
        """What is known of a file is written once for all its chunks."""
        template = Template(RequestEncoder(), facts())
        template.test_url("http://h/", self.chunk, ())
        filled = template._filled["test"]
        template.test_url("http://h/", ChunkFacts(3, 1017), ())
        self.assertIs(template._filled["test"], filled)

    def test_one_chunk(self) -> None:
        """For a file of one chunk the same is written, and nothing is kept for others."""
        for total in (1, 2):
            file, encoder = facts("é", total=total), RequestEncoder()
            template, query = Template(encoder, file), [("a", "b")]
            self.assertEqual(
                template.test_url("http://h/", self.chunk, query),
                "http://h/?" + "&".join(encoder.test_pairs(file, self.chunk, query)),
            )
            fields = encoder.upload_fields(file, self.chunk, query)
            head, tail = encoder.multipart(file, fields, template.boundary)
            request = template.upload_to("u", self.chunk, query)
            self.assertEqual((request.head, request.tail), (head, tail))
            self.assertEqual(len(template._filled), 0 if total == 1 else 2)

    def test_remembers_one_of_a_kind(self) -> None:
        """A custom query that is new for each chunk does not fill the memory."""
        template = Template(RequestEncoder(), facts())
        for number in range(100):
            query = [("n", str(number))]
            for url in (
                template.test_url("http://h/u", self.chunk, query),
                template.upload("http://h/u", self.chunk, query).url,
            ):
                self.assertIn(f"n={number}", url)
            self.assertIn(b"%d" % number, template.upload_to("u", self.chunk, query).head)
        self.assertEqual(len(template._filled), 3)
        self.assertLessEqual(len(template.encoder._outlines), MOST_OUTLINES)

    def test_fragments_are_left_out(self) -> None:
        """Parameters after a fragment would not be sent."""
        template = Template(RequestEncoder(chunk_size=1000), facts())
        self.assertEqual(
            template.test_url("http://h/u#f", self.chunk, ()), "http://h/u?" + self.NINE
        )

    def test_renamed_dropped_and_spaced(self) -> None:
        """Names can be changed, left out, and prefixed."""
        names = ParameterNames(
            chunk_number="n",
            chunk_size="",
            current_chunk_size="",
            total_size="",
            type="",
            identifier="i",
            file_name="",
            relative_path="",
            total_chunks="",
        )
        template = Template(RequestEncoder(names=names, namespace="ns_"), facts())
        url = template.test_url("http://h/u", self.chunk, [("q", "1")])
        self.assertEqual(url, "http://h/u?ns_q=1&ns_n=2&ns_i=3017-filebin")

    def test_a_custom_name_replaces_a_standard_one(self) -> None:
        """In uploads in its place; in tests it is sent twice."""
        template = Template(RequestEncoder(chunk_size=1000), facts())
        query = [("resumableType", "mine")]
        url = template.upload("http://h/", self.chunk, query).url
        self.assertIn("resumableTotalSize=3017&resumableType=mine&resumableIdentifier", url)
        self.assertEqual(url.count("resumableType"), 1)
        self.assertEqual(
            template.test_url("http://h/", self.chunk, query).count("resumableType"), 2
        )

    def test_multipart(self) -> None:
        """The nine, the custom query, then the chunk with its name and type."""
        template = Template(RequestEncoder(chunk_size=1000), facts('a"\r\nb\\%.bin'))
        request = template.upload_to("http://h/", self.chunk, [("k\n", "v\rw")])
        parts = body_of(request.head, b"CHUNK", request.tail, request.content_type)
        self.assertEqual(len(parts), 11)
        self.assertEqual(parts[0].get_payload(), "2")
        self.assertIn(b'name="k%0D%0A"\r\n\r\nv\r\nw\r\n', request.head)
        self.assertIn(b'name="file"; filename="a%22%0D%0Ab\\%.bin"\r\n', request.head)
        self.assertEqual(parts[-1].get_content_type(), "application/octet-stream")
        self.assertEqual(parts[-1].get_payload(), "CHUNK")

    def test_type_from_file(self) -> None:
        """The part's type is the file's, if that can stand in a header."""
        encoder = RequestEncoder(type_from_file=True)
        head = Template(encoder, facts(type="text/plain")).upload_to("u", self.chunk, ()).head
        self.assertTrue(head.endswith(b"Content-Type: text/plain\r\n\r\n"))
        head = Template(encoder, facts(type="a\r\nb: c")).upload_to("u", self.chunk, ()).head
        self.assertTrue(head.endswith(b"Content-Type: application/octet-stream\r\n\r\n"))

    def test_octet(self) -> None:
        """The body is the bare chunk; the parameters are in the URL."""
        template = Template(RequestEncoder(octet=True, chunk_size=1000), facts())
        request = template.upload("http://h/", self.chunk, ())
        self.assertEqual((request.head, request.tail), (b"", b""))
        self.assertEqual(request.content_type, "application/octet-stream")
        elsewhere = template.upload_to("http://b.example/", ChunkFacts(2, 5), ())
        self.assertEqual(elsewhere, evolve(request, url="http://b.example/"))
        self.assertEqual(request.url, "http://h/?" + self.NINE)

    def test_type_of_octets(self) -> None:
        """The type of a bare chunk is the file's, but for what servers would take apart."""
        for octet, kind, sent in (
            (True, "Text/Plain", "text/plain"),
            (True, "", "application/octet-stream"),
            (True, "multipart/form-data", "application/octet-stream"),
            (True, "multipart/mixed; boundary=x", "application/octet-stream"),
            (True, "application/x-www-form-urlencoded", "application/octet-stream"),
            (False, "multipart/mixed", "multipart/mixed"),
        ):
            encoder = RequestEncoder(octet=octet, type_from_file=True)
            self.assertEqual(encoder.chunk_type(facts(type=kind)), sent)
            if octet:
                request = Template(encoder, facts(type=kind)).upload_to("u", self.chunk, ())
                self.assertEqual(request.content_type, sent)

    def test_base64(self) -> None:
        """A data: URL in a field without a file name."""
        encoder = RequestEncoder(base64=True)
        head = Template(encoder, facts()).upload_to("u", self.chunk, ()).head
        self.assertTrue(
            head.endswith(b'name="file"\r\n\r\ndata:application/octet-stream;base64,'), head
        )
        for size in range(10):
            self.assertEqual(len(encoder.encode_chunk(b"x" * size)), encoder.encoded_size(size))

    def test_checksum(self) -> None:
        """One more parameter at the end, of tests and uploads."""
        template = Template(RequestEncoder(checksum=True, chunk_size=1000), facts())
        chunk = ChunkFacts(2, 1000, "ab" * 32)
        end = "&resumableChunkChecksum=sha256%3A" + "ab" * 32
        self.assertTrue(template.test_url("http://h/", chunk, ()).endswith(end))
        self.assertTrue(template.upload("http://h/", chunk, ()).url.endswith(end))
        self.assertIn(b"\r\n\r\nsha256:" + b"ab" * 32, template.upload_to("u", chunk, ()).head)

    def test_flow(self) -> None:
        """flow.js puts the parameters into the body only, its custom query first."""
        dialect = DIALECTS["flow"]
        encoder = RequestEncoder(
            names=dialect.names,
            custom_query_first=dialect.custom_query_first,
            in_url=dialect.in_url,
        )
        template = Template(encoder, facts())
        self.assertEqual(template.upload("http://h/u", self.chunk, [("a", "b")]).url, "http://h/u")
        url = template.upload("http://h/u?x=1", self.chunk, [("a", "b")]).url
        self.assertEqual(url, "http://h/u?x=1")
        parts = body_of(*_split(template.upload_to("http://h/u", self.chunk, [("a", "b")])))
        names = [part.get_param("name", header="Content-Disposition") for part in parts]
        self.assertEqual(names[:3], ["a", "flowChunkNumber", "flowChunkSize"])

    def test_merged_tests(self) -> None:
        """flow.js and its relative send each parameter of a test once; which replaces differs."""
        query = [("a#", "b"), ("flowTotalSize", "77"), ("totalSize", "77")]
        for name, start, end in (
            ("flow", "a%23=b&flowTotalSize=3017&totalSize=77&flowChunkNumber=2&", "Chunks=3"),
            ("simple", "chunkNumber=2&", "&a%23=b&flowTotalSize=77"),
        ):
            dialect = DIALECTS[name]
            encoder = RequestEncoder(
                names=dialect.names,
                tests_merged=dialect.tests_merged,
                custom_query_first=dialect.custom_query_first,
                octet=True,
            )
            template = Template(encoder, facts())
            url = template.test_url("http://h/u", self.chunk, query)
            self.assertTrue(url.startswith("http://h/u?" + start), url)
            self.assertTrue(url.endswith(end), url)
            self.assertEqual(url.count("otalSize="), 2)
            self.assertIn("&totalSize=77", url)
            self.assertEqual(template.upload("http://h/u", self.chunk, query).url, url)

    @given(hostile_names, hostile_names)
    def test_no_name_breaks_out(self, name: str, value: str) -> None:
        """Whatever a file is called, and whatever the query says, the structure stays."""
        template = Template(RequestEncoder(chunk_size=1000), facts(name))
        for number in (1, 2, 77):
            chunk = ChunkFacts(number, 1000)
            url = template.upload("http://h/u", chunk, [("k", value)]).url
            self.assertTrue(re.fullmatch(r"[\x21-\x7e]+", url))
            pairs = [pair.split("=") for pair in urlsplit(url).query.split("&")]
            self.assertEqual([len(pair) for pair in pairs], [2] * 10)
            self.assertEqual(pairs[0][1], str(number))
            expected = re.sub("[\ud800-\udfff]", "\ufffd", name)
            self.assertEqual(unquote(pairs[6][1]), expected)
            request = template.upload_to(url, chunk, [("k", value)])
            boundary = request.content_type.partition("boundary=")[2].encode()
            self.assertEqual(request.head.count(b"--" + boundary + b"\r\n"), 11)
            self.assertEqual(request.head.count(b"\r\nContent-Disposition: form-data; name="), 11)

    @given(st.integers(1, 10**7), st.integers(0, 10**12))
    def test_cut_is_the_same_as_rendered(self, number: int, size: int) -> None:
        """What is joined from pieces is what encoding that chunk anew gives."""
        file, encoder = facts("é \udc80.bin", path="d/é"), RequestEncoder(chunk_size=1000)
        chunk = ChunkFacts(number, size)
        template = Template(encoder, file)
        anew = "http://h/?" + "&".join(encoder.test_pairs(file, chunk, [("a", "b")]))
        self.assertEqual(template.test_url("http://h/", chunk, [("a", "b")]), anew)
        fields = encoder.upload_fields(file, chunk, [("a", "b")])
        head, tail = encoder.multipart(file, fields, template.boundary)
        request = template.upload_to("u", chunk, [("a", "b")])
        self.assertEqual((request.head, request.tail), (head, tail))


def _split(request: object) -> tuple[bytes, bytes, bytes, str]:
    return request.head, b"CHUNK", request.tail, request.content_type  # type: ignore[attr-defined]
