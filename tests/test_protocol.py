import re
from email.message import Message
from email.parser import BytesParser
from urllib.parse import unquote, urlsplit

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.strategies import hostile_names
from txresumable._protocol.dialect import (
    DIALECTS,
    ParameterNames,
    Verdict,
    classify,
    parse_ranges,
    without_query,
)
from txresumable._protocol.encoding import encode_component, js_string
from txresumable._protocol.request import (
    MOST_OUTLINES,
    ChunkFacts,
    FileFacts,
    Rendering,
    Template,
)


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


class ClassifyTests(SynchronousTestCase):
    @given(st.integers(-1000, 10000), st.booleans(), st.sampled_from(sorted(DIALECTS)))
    def test_is_total(self, status: int, test: bool, name: str) -> None:
        """Every number has a verdict, and only a listed one means stored."""
        dialect = DIALECTS[name]
        permanent = dialect.test_permanent if test else dialect.permanent
        verdict = classify(status, stored=dialect.stored, permanent=permanent, test=test)
        self.assertEqual(verdict is Verdict.STORED, status in dialect.stored)
        self.assertEqual(verdict is Verdict.REJECTED, status in permanent)

    def test_as_resumable_js(self) -> None:
        """200 and 201 are success, eight are permanent, redirects too; all else tries again."""
        dialect = DIALECTS["resumable"]
        found: dict[Verdict, list[int]] = {}
        for status in range(200, 600):
            verdict = classify(status, stored=dialect.stored, permanent=dialect.permanent)
            found.setdefault(verdict, []).append(status)
        self.assertEqual(found[Verdict.STORED], [200, 201])
        self.assertEqual(found[Verdict.REJECTED], [400, 401, 403, 404, 409, 415, 500, 501])
        self.assertEqual(found[Verdict.REDIRECTED], list(range(300, 400)))
        self.assertIn(204, found[Verdict.RETRY])

    def test_as_flow_js(self) -> None:
        """202 is success too, five are permanent, of tests as well."""
        for name in ("flow", "simple"):
            dialect = DIALECTS[name]
            found: dict[Verdict, list[int]] = {}
            for status in range(200, 600):
                verdict = classify(status, stored=dialect.stored, permanent=dialect.permanent)
                found.setdefault(verdict, []).append(status)
            self.assertEqual(found[Verdict.STORED], [200, 201, 202])
            self.assertEqual(found[Verdict.REJECTED], [404, 413, 415, 500, 501])
            self.assertEqual(dialect.test_permanent, dialect.permanent)
            self.assertEqual((dialect.custom_query_first, dialect.in_url), (True, False))
        dialect = DIALECTS["resumable"]
        self.assertEqual((dialect.custom_query_first, dialect.in_url), (False, True))
        self.assertEqual(dialect.test_permanent, frozenset())

    def test_an_upload_is_asked_if_not_told(self) -> None:
        """A status that is not listed is something to try again, not a chunk to send."""
        none: frozenset[int] = frozenset()
        self.assertIs(classify(404, stored=none, permanent=none), Verdict.RETRY)
        for status, verdict in (
            (299, Verdict.RETRY),
            (300, Verdict.REDIRECTED),
            (399, Verdict.REDIRECTED),
            (400, Verdict.RETRY),
        ):
            self.assertIs(classify(status, stored=none, permanent=none), verdict)

    def test_tests_never_fail_a_file(self) -> None:
        """Whatever a test is answered, the chunk is sent if it is not there."""
        dialect = DIALECTS["resumable"]
        for status in (204, 302, 400, 404, 500, 503):
            verdict = classify(
                status, stored=dialect.stored, permanent=dialect.test_permanent, test=True
            )
            self.assertIs(verdict, Verdict.ABSENT)


class TextTests(SynchronousTestCase):
    def test_components(self) -> None:
        """As encodeURIComponent, and the URL layer's quote."""
        self.assertEqual(
            encode_component("a b&c=d/é+%~!*()'"), "a%20b%26c%3Dd%2F%C3%A9%2B%25~!*()%27"
        )
        self.assertEqual(encode_component("\udc80"), "%EF%BF%BD")

    def test_js_strings(self) -> None:
        """Large and small floats as JavaScript writes them."""
        for value, written in {
            0.5: "0.5",
            -0.0: "0",
            -2.0: "-2",
            100.0: "100",
            -1234.5: "-1234.5",
            1e20: "100000000000000000000",
            123456789012345680000.0: "123456789012345680000",
            1e21: "1e+21",
            -1.5e300: "-1.5e+300",
            0.1: "0.1",
            0.0123: "0.0123",
            0.000001: "0.000001",
            0.0000012: "0.0000012",
            1e-7: "1e-7",
            -1.25e-9: "-1.25e-9",
            5e-324: "5e-324",
            float("inf"): "Infinity",
            float("-inf"): "-Infinity",
        }.items():
            self.assertEqual(js_string(value), written)
        self.assertEqual(js_string(float("nan")), "NaN")

    def test_js_values(self) -> None:
        """Whatever else JavaScript's String() has a text for."""
        for value, written in [
            ("text", "text"),
            (True, "true"),
            (False, "false"),
            (None, "null"),
            (-7, "-7"),
            (10**30, "1" + "0" * 30),
            ([1, None, "x", [True, ()]], "1,,x,true,"),
            ((), ""),
        ]:
            self.assertEqual(js_string(value), written)
        for other in (b"bytes", {}, object()):
            self.assertRaises(TypeError, js_string, other)

    def test_without_query(self) -> None:
        """What may be logged has no secrets."""
        for url, shown in {
            "https://u:p@h:8/x?token=1#f": "https://h:8/x",
            "https://u:p@x@h/": "https://h/",
            "http://[::1/x?token=1#f": "http://[::1/x",
            "http://u:p@[::1/x#token": "http://[::1/x",
            "http://h/a//b?c": "http://h/a//b",
            "": "",
        }.items():
            self.assertEqual(without_query(url), shown)


class RangesTests(SynchronousTestCase):
    def test_reads_spans(self) -> None:
        """Numbers and spans from 1 become ranges from 0."""
        self.assertEqual(parse_ranges("1-3, 5", 5), [range(3), range(4, 5)])

    def test_refuses_all_of_what_is_malformed(self) -> None:
        """One bad span makes the whole list worthless."""
        for text in (
            "",
            "0",
            "3-2",
            "1-6",
            "1,,2",
            "1-",
            "-1",
            "x",
            "\uff11",
            "1-3;5",
            "+1",
            "1_0",
        ):
            self.assertEqual(parse_ranges(text, 5), [], text)

    @given(st.text(alphabet="0123456789-, x"), st.integers(1, 50))
    def test_stays_within_the_file(self, text: str, limit: int) -> None:
        """No list names a chunk that the file has not."""
        for span in parse_ranges(text, limit):
            self.assertTrue(0 <= span.start < span.stop <= limit)


class TemplateTests(SynchronousTestCase):
    NINE = (
        "resumableChunkNumber=2&resumableChunkSize=1000&resumableCurrentChunkSize=1000"
        "&resumableTotalSize=3017&resumableType=&resumableIdentifier=3017-filebin"
        "&resumableFilename=file.bin&resumableRelativePath=file.bin&resumableTotalChunks=3"
    )
    chunk = ChunkFacts(2, 1000)

    def test_tests_have_the_custom_query_first(self) -> None:
        """Everything stands in the query string."""
        template = Template(Rendering(chunk_size=1000), facts())
        url = template.test_url("http://h/u", self.chunk, [("a", "b")])
        self.assertEqual(url, "http://h/u?a=b&" + self.NINE)

    def test_uploads_have_it_last(self) -> None:
        """And a target with a query is gone on with."""
        template = Template(Rendering(chunk_size=1000), facts())
        url = template.upload("http://h/u?x=1", self.chunk, [("a", "b")]).url
        self.assertEqual(url, "http://h/u?x=1&" + self.NINE + "&a=b")

    def test_numbers_come_first(self) -> None:
        """A custom query in the order in which JavaScript walks an object."""
        query = [(name, "") for name in ("b", "10", "2", "a", "01", "4294967295", "4294967294")]
        order = ["2", "10", "4294967294", "b", "a", "01", "4294967295"]
        template = Template(Rendering(), facts())
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
        template = Template(Rendering(chunk_size=1000), facts())
        for target, start in {
            "http://h": "http://h/?",
            "http://h/é %2F'{a}?ä='#f": "http://h/%C3%A9%20%2F'%7Ba%7D?%C3%A4=%27&",
            "https://bücher.example:8/": "https://xn--bcher-kva.example:8/?",
            "http://h/x?": "http://h/x?&",
        }.items():
            self.assertEqual(template.test_url(target, self.chunk, ()), start + self.NINE)

    def test_pairs(self) -> None:
        """Who makes a URL of one's own is given what would stand in ours."""
        template = Template(Rendering(chunk_size=1000), facts())
        query = [("a", "b")]
        for pairs, url in (
            (template.test_pairs, template.test_url("http://h/", self.chunk, query)),
            (template.upload_pairs, template.upload("http://h/", self.chunk, query).url),
        ):
            self.assertEqual("&".join(pairs(self.chunk, query)), urlsplit(url).query)

    def test_boundaries(self) -> None:
        """Each file has a boundary of its own, which nothing in it will contain by chance."""
        boundaries = {Template(Rendering(), facts()).boundary for _ in range(200)}
        self.assertEqual(len(boundaries), 200)
        for boundary in boundaries:
            self.assertTrue(re.fullmatch("----txresumable[0-9a-f]{32}", boundary), boundary)

    def test_defaults(self) -> None:
        """As resumable.js writes requests by default."""
        self.assertEqual(
            Rendering(),
            Rendering(
                names=ParameterNames(),
                namespace="",
                chunk_size=1048576,
                octet=False,
                base64=False,
                type_from_file=False,
                checksum=False,
                custom_query_first=False,
                in_url=True,
            ),
        )

    def test_outlines(self) -> None:
        """Thirty-two outlines are kept, then all are made anew; they are nobody's business."""
        rendering = Rendering()
        first = rendering.outline("test", "http://h/", ())
        for number in range(31):
            rendering.outline("test", "http://h/", [("n", str(number))])
        self.assertIs(rendering.outline("test", "http://h/", ()), first)
        sizes = []
        for number in range(100):
            rendering.outline("body", "", [("n", str(number))])
            sizes.append(len(rendering._outlines))
        self.assertEqual((sizes[0], max(sizes)), (1, 32))
        self.assertEqual((rendering, repr(rendering)), (Rendering(), repr(Rendering())))
        self.assertNotIn("outlines", repr(rendering))
        self.assertRaises(TypeError, Rendering, outlines={})

    def test_is_filled_once(self) -> None:
        """What is known of a file is written once for all its chunks."""
        template = Template(Rendering(), facts())
        template.test_url("http://h/", self.chunk, ())
        filled = template._filled["test"]
        template.test_url("http://h/", ChunkFacts(3, 1017), ())
        self.assertIs(template._filled["test"], filled)

    def test_one_chunk(self) -> None:
        """For a file of one chunk the same is written, and nothing is kept for others."""
        for total in (1, 2):
            file, rendering = facts("é", total=total), Rendering()
            template, query = Template(rendering, file), [("a", "b")]
            self.assertEqual(
                template.test_url("http://h/", self.chunk, query),
                "http://h/?" + "&".join(rendering.test_pairs(file, self.chunk, query)),
            )
            fields = rendering.upload_fields(file, self.chunk, query)
            head, tail = rendering.multipart(file, fields, template.boundary)
            request = template.upload_to("u", self.chunk, query)
            self.assertEqual((request.head, request.tail), (head, tail))
            self.assertEqual(len(template._filled), 0 if total == 1 else 2)

    def test_remembers_one_of_a_kind(self) -> None:
        """A custom query that is new for each chunk does not fill the memory."""
        template = Template(Rendering(), facts())
        for number in range(100):
            query = [("n", str(number))]
            for url in (
                template.test_url("http://h/u", self.chunk, query),
                template.upload("http://h/u", self.chunk, query).url,
            ):
                self.assertIn(f"n={number}", url)
            self.assertIn(b"%d" % number, template.upload_to("u", self.chunk, query).head)
        self.assertEqual(len(template._filled), 3)
        self.assertLessEqual(len(template.rendering._outlines), MOST_OUTLINES)

    def test_fragments_are_left_out(self) -> None:
        """Parameters after a fragment would not be sent."""
        template = Template(Rendering(chunk_size=1000), facts())
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
        template = Template(Rendering(names=names, namespace="ns_"), facts())
        url = template.test_url("http://h/u", self.chunk, [("q", "1")])
        self.assertEqual(url, "http://h/u?ns_q=1&ns_n=2&ns_i=3017-filebin")

    def test_a_custom_name_replaces_a_standard_one(self) -> None:
        """In uploads in its place; in tests it is sent twice."""
        template = Template(Rendering(chunk_size=1000), facts())
        query = [("resumableType", "mine")]
        url = template.upload("http://h/", self.chunk, query).url
        self.assertIn("resumableTotalSize=3017&resumableType=mine&resumableIdentifier", url)
        self.assertEqual(url.count("resumableType"), 1)
        self.assertEqual(
            template.test_url("http://h/", self.chunk, query).count("resumableType"), 2
        )

    def test_multipart(self) -> None:
        """The nine, the custom query, then the chunk with its name and type."""
        template = Template(Rendering(chunk_size=1000), facts('a"\r\nb\\%.bin'))
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
        rendering = Rendering(type_from_file=True)
        head = Template(rendering, facts(type="text/plain")).upload_to("u", self.chunk, ()).head
        self.assertTrue(head.endswith(b"Content-Type: text/plain\r\n\r\n"))
        head = Template(rendering, facts(type="a\r\nb: c")).upload_to("u", self.chunk, ()).head
        self.assertTrue(head.endswith(b"Content-Type: application/octet-stream\r\n\r\n"))

    def test_octet(self) -> None:
        """The body is the bare chunk; the parameters are in the URL."""
        template = Template(Rendering(octet=True, chunk_size=1000), facts())
        request = template.upload("http://h/", self.chunk, ())
        self.assertEqual((request.head, request.tail), (b"", b""))
        self.assertEqual(request.content_type, "application/octet-stream")
        elsewhere = template.upload_to("http://b.example/", ChunkFacts(2, 5), ())
        self.assertEqual(elsewhere, request._replace(url="http://b.example/"))
        self.assertEqual(request.url, "http://h/?" + self.NINE)

    def test_base64(self) -> None:
        """A data: URL in a field without a file name."""
        rendering = Rendering(base64=True)
        head = Template(rendering, facts()).upload_to("u", self.chunk, ()).head
        self.assertTrue(
            head.endswith(b'name="file"\r\n\r\ndata:application/octet-stream;base64,'), head
        )
        for size in range(10):
            self.assertEqual(len(rendering.encode_chunk(b"x" * size)), rendering.encoded_size(size))

    def test_checksum(self) -> None:
        """One more parameter at the end, of tests and uploads."""
        template = Template(Rendering(checksum=True, chunk_size=1000), facts())
        chunk = ChunkFacts(2, 1000, "ab" * 32)
        end = "&resumableChunkChecksum=sha256%3A" + "ab" * 32
        self.assertTrue(template.test_url("http://h/", chunk, ()).endswith(end))
        self.assertTrue(template.upload("http://h/", chunk, ()).url.endswith(end))
        self.assertIn(b"\r\n\r\nsha256:" + b"ab" * 32, template.upload_to("u", chunk, ()).head)

    def test_flow(self) -> None:
        """flow.js puts the parameters into the body only, its custom query first."""
        dialect = DIALECTS["flow"]
        rendering = Rendering(
            names=dialect.names,
            custom_query_first=dialect.custom_query_first,
            in_url=dialect.in_url,
        )
        template = Template(rendering, facts())
        self.assertEqual(template.upload("http://h/u", self.chunk, [("a", "b")]).url, "http://h/u")
        url = template.upload("http://h/u?x=1", self.chunk, [("a", "b")]).url
        self.assertEqual(url, "http://h/u?x=1")
        parts = body_of(*_split(template.upload_to("http://h/u", self.chunk, [("a", "b")])))
        names = [part.get_param("name", header="Content-Disposition") for part in parts]
        self.assertEqual(names[:3], ["a", "flowChunkNumber", "flowChunkSize"])

    @given(hostile_names, hostile_names)
    def test_no_name_breaks_out(self, name: str, value: str) -> None:
        """Whatever a file is called, and whatever the query says, the structure stays."""
        template = Template(Rendering(chunk_size=1000), facts(name))
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
        """What is joined from pieces is what rendering that chunk anew gives."""
        file, rendering = facts("é \udc80.bin", path="d/é"), Rendering(chunk_size=1000)
        chunk = ChunkFacts(number, size)
        template = Template(rendering, file)
        anew = "http://h/?" + "&".join(rendering.test_pairs(file, chunk, [("a", "b")]))
        self.assertEqual(template.test_url("http://h/", chunk, [("a", "b")]), anew)
        fields = rendering.upload_fields(file, chunk, [("a", "b")])
        head, tail = rendering.multipart(file, fields, template.boundary)
        request = template.upload_to("u", chunk, [("a", "b")])
        self.assertEqual((request.head, request.tail), (head, tail))


def _split(request: object) -> tuple[bytes, bytes, bytes, str]:
    return request.head, b"CHUNK", request.tail, request.content_type  # type: ignore[attr-defined]
