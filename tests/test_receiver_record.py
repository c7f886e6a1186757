"""Tests for what is written down about an upload."""

from __future__ import annotations

import json
from typing import Any

from attrs import asdict, evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txresumable._protocol.layout import ChunkLayout
from txresumable.receiver import ReceivedFile
from txresumable.receiver.store.chunk import Chunk
from txresumable.receiver.store.record import Done, Record, encode_time

CHUNK = Chunk(
    identifier="an identifier",
    offset=0,
    layout=ChunkLayout(35, 10),
    file_name="file.dat",
    relative_path="a/file.dat",
    type="text/plain",
)
RECORD = Record.of("somebody", CHUNK, "a/file.dat")
DONE = Done(
    record=RECORD, name="file-1.dat", sha256="ab" * 32, size=35, mtime=8, inode=2**64 - 1, ctime=9
)


class RecordTests(SynchronousTestCase):
    """What is fixed about an upload."""

    def test_received(self) -> None:
        """A file that was received is what its first request said."""
        self.assertEqual(RECORD.layout, CHUNK.layout)
        self.assertIs(RECORD.fits(CHUNK.layout), True)
        for other in (ChunkLayout(36, 10), ChunkLayout(35, 11), ChunkLayout(35, 10, True)):
            self.assertIs(RECORD.fits(other), False)
        self.assertEqual(
            RECORD.received_as("/there/file-1.dat", "ab" * 32),
            ReceivedFile(
                path="/there/file-1.dat",
                location="/there/file-1.dat",
                size=35,
                sha256="ab" * 32,
                identifier="an identifier",
                file_name="file.dat",
                relative_path="a/file.dat",
                owner="somebody",
                type="text/plain",
            ),
        )

    @given(
        st.text(),
        st.integers(0, 2**70),
        st.integers(1, 2**70),
        st.booleans(),
        st.binary(max_size=9),
    )
    def test_read_back(
        self, text: str, size: int, chunk_size: int, force: bool, present: bytes
    ) -> None:
        """It is read back as it was, if there is a byte for each chunk."""
        record = Record(
            id=text,
            owner=text,
            identifier=text,
            file_name=text,
            relative_path=text,
            path="a/b",
            type=text,
            parameters={text: text},
            size=size,
            chunk_size=max(chunk_size, size // 9 + 1),
            force=force,
        )
        count = record.layout.count
        chunks = present.ljust(count, b"\1")[:count]
        found, there, mtime = Record.decode(record.encode() + chunks)
        self.assertEqual((found, mtime), (record, None))
        self.assertEqual(there.encode(), bytes(each == 1 for each in chunks))

    def test_time(self) -> None:
        """A time that follows is read back; one that was not written to its end is none."""
        line, time = RECORD.encode() + b"\1\0\1", encode_time(2**62 + 1)
        self.assertEqual(len(time), 8)
        for length in range(9):
            _, present, mtime = Record.decode(line + time[:length])
            self.assertEqual(
                (present.encode(), mtime), (b"\1\0\1", 2**62 + 1 if length == 8 else None)
            )
        self.assertEqual(Record.decode(line + encode_time(-1))[2], -1)
        self.assertIsNone(Record.decode(line + bytes(8))[2])

    def test_other_length(self) -> None:
        """Too few bytes for its chunks, or too many, are no record."""
        for chunks in (b"", b"\1\1", bytes(12)):
            self.assertRaises(ValueError, Record.decode, RECORD.encode() + chunks)

    def test_limits(self) -> None:
        """The least sizes are none at all, and chunks of a byte."""
        for size, chunk_size in ((0, 1), (1, 1)):
            record = evolve(RECORD, size=size, chunk_size=chunk_size)
            self.assertEqual(Record.decode(record.encode() + b"\0")[0], record)

    def test_no_record(self) -> None:
        """Whatever else stands there is no record."""
        good = asdict(RECORD)
        lines: list[Any] = [None, 5, "text", [], {}, [good], {**good, "more": 1}]
        lines += [{name: value for name, value in good.items() if name != each} for each in good]
        for name in good:
            for value in (None, [], {}, -1, 1.5, "" if name.endswith("size") else 0):
                if value != good[name]:
                    lines.append({**good, name: value})
        lines += [{**good, "parameters": each} for each in ({"a": 1}, {"a": None}, [["a", "b"]])]
        lines += [{**good, "chunk_size": 0}, {**good, "size": 35.0}]
        written = [json.dumps(line).encode() for line in lines]
        written += [b"", b"\xff", b"{", b"[" * 10**5, b"1" * 10**5]
        for line in written:
            for rest in (b"", b"\n", b"\n\0\0\0", b"\n" + bytes(8)):
                self.assertRaises(ValueError, Record.decode, line + rest)
                self.assertRaises(ValueError, Done.decode, line + rest)


class DoneTests(SynchronousTestCase):
    """What is kept at the end."""

    def test_read_back(self) -> None:
        """It is read back as it was, its state too."""
        found = Done.decode(DONE.encode())
        self.assertEqual((found, found.inode, found.ctime), (DONE, 2**64 - 1, 9))
        self.assertEqual(DONE.encode_identity(), b"\xff" * 8 + encode_time(9))
        self.assertTrue(DONE.encode().endswith(b"\n" + DONE.encode_identity()))

    def test_state_is_unknown(self) -> None:
        """Until the state of a file is known it is 0, and that makes no other end."""
        unknown = Done(
            record=RECORD,
            name=DONE.name,
            sha256=DONE.sha256,
            size=DONE.size,
            mtime=DONE.mtime,
            inode=7,
        )
        self.assertEqual(unknown.encode(), DONE.encode()[:-16] + bytes(7) + b"\7" + bytes(8))
        self.assertEqual(unknown, DONE)

    def test_no_end(self) -> None:
        """Whatever else stands there is no end."""
        line = json.loads(DONE.encode()[:-17])
        lines: list[dict[str, Any]] = [{**line, "more": 1}, {**line, "ctime": 1, "record": 1}]
        lines += [{name: value for name, value in line.items() if name != each} for each in line]
        for name in line:
            for value in (None, [], {}, 1.5, "" if name in ("name", "size", "mtime") else 0):
                lines.append({**line, name: value})
        for name, value in (("size", -1), ("size", 35.0), ("chunk_size", 0)):
            lines.append({**line, "record": {**line["record"], name: value}})
        paths = (".", "..", "/", "a\0", "\ud800", "a/..", "../a", "a//b", "a/", "/a", "a/./b")
        lines += [{**line, "name": path} for path in paths]
        for each in lines:
            written = json.dumps(each).encode() + b"\n" + bytes(16)
            self.assertRaises(ValueError, Done.decode, written)
        for length in (0, 8, 15, 17):
            written = json.dumps(line).encode() + b"\n" + bytes(length)
            self.assertRaises(ValueError, Done.decode, written)
        for name in ("...", ".a", "a.", "\\", "a\nb", "a/b", "a/.../.b/c"):
            written = json.dumps({**line, "name": name}).encode() + b"\n" + bytes(16)
            self.assertEqual(Done.decode(written).name, name)
