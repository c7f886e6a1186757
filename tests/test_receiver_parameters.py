"""Tests for reading what a request says about a chunk."""

from __future__ import annotations

from attrs import asdict
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txresumable._protocol.dialect import DIALECTS, ParameterNames
from txresumable._protocol.layout import ChunkLayout
from txresumable._protocol.request import ChunkFacts, FileFacts, RequestEncoder
from txresumable.receiver import Refused
from txresumable.receiver.store.chunk import Chunk
from txresumable.receiver.web.parameters import LONGEST_NAME, merged, read_chunk, standard_names

NAMES = ParameterNames()
GIVEN = {
    "resumableChunkNumber": "2",
    "resumableChunkSize": "10",
    "resumableCurrentChunkSize": "15",
    "resumableTotalSize": "25",
    "resumableType": "text/plain",
    "resumableIdentifier": "25-a",
    "resumableFilename": "a",
    "resumableRelativePath": "b/a",
    "resumableTotalChunks": "2",
}
NUMBERS = (
    "resumableChunkNumber",
    "resumableChunkSize",
    "resumableCurrentChunkSize",
    "resumableTotalSize",
    "resumableTotalChunks",
)


class ReadTests(SynchronousTestCase):
    """Reading parameters."""

    def refused(self, **changes: str | None) -> str:
        """Why parameters are refused, always with 400."""
        given = {name: value for name, value in (GIVEN | changes).items() if value is not None}
        error = self.assertRaises(Refused, read_chunk, given, NAMES)
        self.assertEqual(error.status, 400)
        return str(error)

    def test_read(self) -> None:
        """Good parameters are understood."""
        self.assertEqual(read_chunk(GIVEN, NAMES, ["album"]).parameters, {})
        given = GIVEN | {"album": "summer", "tag": "x"}
        self.assertEqual(read_chunk(given, NAMES, ["album"]).parameters, {"album": "summer"})
        self.assertRaises(Refused, read_chunk, GIVEN | {"album": "x" * 4097}, NAMES, ["album"])
        found = read_chunk(GIVEN, NAMES)
        self.assertEqual(
            found,
            Chunk(
                identifier="25-a",
                offset=1,
                layout=ChunkLayout(25, 10),
                file_name="a",
                relative_path="b/a",
                type="text/plain",
            ),
        )
        self.assertEqual(found.length, 15)

    def test_strict_numbers(self) -> None:
        """Numbers are ASCII digits; what else Python would take for one is refused."""
        bad = ["", "-1", "+1", "1.0", " 1", "1 ", "1_0", "\uff11", "\u0661", "1\n", "0x1", "1e3"]
        for name in NUMBERS:
            for text in [*bad, "9" * 19, "1" * 5000]:
                self.assertIn(name, self.refused(**{name: text}))

    def test_out_of_range(self) -> None:
        """Chunks and layouts that cannot be are refused."""
        for name, text in (
            ("resumableChunkNumber", "0"),
            ("resumableChunkNumber", "3"),
            ("resumableChunkSize", "0"),
            ("resumableTotalChunks", "4"),
            ("resumableTotalChunks", "0"),
            ("resumableCurrentChunkSize", "10"),
            ("resumableTotalSize", "35"),
        ):
            self.refused(**{name: text})

    def test_how_many_chunks(self) -> None:
        """The refusal says how many chunks there may be."""
        for size, either in (("25", "2 or 3"), ("20", "2")):
            said = self.refused(resumableTotalSize=size, resumableTotalChunks="4")
            self.assertEqual(said, f"resumableTotalChunks must be {either}")

    def test_missing(self) -> None:
        """What is needed must be there."""
        for name in ("ChunkNumber", "ChunkSize", "TotalSize", "Identifier"):
            self.assertIn("missing", self.refused(**{f"resumable{name}": None}))
        self.refused(resumableIdentifier="")

    def test_optional(self) -> None:
        """What can be done without may be left out."""
        for name in ("CurrentChunkSize", "TotalChunks", "Filename", "RelativePath", "Type"):
            given = dict(GIVEN)
            del given[f"resumable{name}"]
            self.assertEqual(read_chunk(given, NAMES).offset, 1)

    def test_long_names(self) -> None:
        """What is kept of a request has at most 4 KiB each, in UTF-8."""
        for name in ("Identifier", "Filename", "RelativePath", "Type"):
            for letter, size in (("a", 1), ("\u00e9", 2), ("\U0001f600", 4)):
                longest = letter * (LONGEST_NAME // size)
                read_chunk(GIVEN | {f"resumable{name}": longest}, NAMES)
                said = self.refused(**{f"resumable{name}": longest + "a"})
                self.assertEqual(said, f"resumable{name} is longer than 4096 bytes")

    def test_checksum(self) -> None:
        """A checksum is SHA-256 in hexadecimal, of either case."""
        found = read_chunk(GIVEN | {"resumableChunkChecksum": "sha256:" + "AB" * 32}, NAMES)
        self.assertEqual(found.checksum, "ab" * 32)
        for text in ("x", "md5:00", "sha256:", "sha256:" + "0" * 63, "sha256:" + "g" * 64):
            self.refused(resumableChunkChecksum=text)

    @given(st.integers(0, 10**6), st.integers(1, 10**6), st.booleans(), st.data())
    def test_what_clients_say(
        self, size: int, chunk_size: int, force: bool, data: st.DataObject
    ) -> None:
        """What our client says about any chunk in any dialect is understood."""
        layout = ChunkLayout(size, chunk_size, force)
        offset = data.draw(st.integers(0, layout.count - 1))
        start, end = layout.range(offset)
        file = FileFacts(
            file_name="a",
            relative_path="b/a",
            identifier="i",
            type="",
            size=size,
            total_chunks=layout.count,
        )
        for dialect in DIALECTS.values():
            encoder = RequestEncoder(names=dialect.names, chunk_size=chunk_size)
            pairs = encoder.parameters(file, ChunkFacts(offset + 1, end - start))
            found = read_chunk(dict(pairs), dialect.names)
            self.assertEqual((found.offset, found.length), (offset, end - start))
            self.assertEqual(found.layout.count, layout.count)

    @given(st.dictionaries(st.sampled_from(sorted(GIVEN)), st.text(max_size=30)))
    def test_total(self, changes: dict[str, str]) -> None:
        """Any text whatever is understood or refused, and nothing else happens."""
        try:
            found = read_chunk(GIVEN | changes, NAMES)
        except Refused as error:
            self.assertEqual(error.status, 400)
        else:
            self.assertGreaterEqual(found.length, 0)


class MergedTests(SynchronousTestCase):
    """Parameters of URL and body together."""

    KNOWN = standard_names(NAMES)

    def test_known(self) -> None:
        """The names that mean something are all but the file part's."""
        self.assertEqual(self.KNOWN, frozenset(asdict(NAMES).values()) - {"file"})
        self.assertNotIn("", standard_names(ParameterNames(type="")))

    def test_either(self) -> None:
        """They may stand in one or the other; others do not matter."""
        url = {"resumableType": "a", "token": "1"}
        found = merged(url, [("resumableFilename", "b"), ("token", "2")], self.KNOWN)
        self.assertEqual(found, {"resumableType": "a", "resumableFilename": "b"})

    def test_disagree(self) -> None:
        """Where they stand in both they must agree."""
        for body in ("b", "a ", "A", ""):
            with self.assertRaises(Refused):
                merged({"resumableType": "a"}, [("resumableType", body)], self.KNOWN)
        with self.assertRaises(Refused):
            merged({}, [("resumableType", "a"), ("resumableType", "b")], self.KNOWN)

    def test_not_text(self) -> None:
        """A value that is not UTF-8 is refused, wherever it stands; others do not matter."""
        bad = b"a\xe9".decode("utf-8", "surrogateescape")
        for name in ("resumableIdentifier", "resumableFilename"):
            for url, body in (({name: bad}, []), ({}, [(name, bad)])):
                error = self.assertRaises(Refused, merged, url, body, self.KNOWN)
                self.assertEqual(error.status, 400)
        self.assertEqual(merged({"token": bad}, [], self.KNOWN), {})

    def test_line_ends(self) -> None:
        """Line ends do not count, since browsers change them."""
        for end in ("\n", "\r", "\r\n"):
            url = {"resumableFilename": f"a{end}b"}
            found = merged(url, [("resumableFilename", "a\r\nb")], self.KNOWN)
            self.assertEqual(found, url)
