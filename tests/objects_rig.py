"""
What every object storage has to do, as tests: those that decisions rest on.
"""

from __future__ import annotations

from collections.abc import Awaitable
from hashlib import md5
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from twisted.internet.defer import Deferred, gatherResults

from txresumable.receiver.objects.interface import (
    Conflict,
    Missing,
    Objects,
    Part,
    Rejected,
    StorageError,
)

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase as _TestCase
else:
    _TestCase = object

MIB = 1 << 20
ODD = (
    "a b",
    "a+b",
    "a%20b",
    "100%",
    "ünïcode-☃-\U0001f600",
    "a&b=c?d#e",
    "quote'\"<>",
    "semi;colon,comma",
    "(paren)*!~$@:",
)


class ObjectsTests(_TestCase):
    """
    Mixed into a ``TestCase`` of trial's with a :meth:`make_objects`.

    :ivar objects: what is under test.
    :ivar prefix: of the keys of one test.
    """

    objects: Objects
    prefix: str

    def make_objects(self) -> Awaitable[Objects]:
        """A client of a bucket that no other test uses at the same time, or may."""
        raise NotImplementedError

    async def setUp(self) -> None:  # type: ignore[override]
        self.objects = await self.make_objects()
        self.prefix = f"{uuid4().hex}/"
        self.addCleanup(lambda: Deferred.fromCoroutine(self.objects.close()))

    async def keys(self, prefix: str = "", **given: Any) -> list[str]:
        """The keys of a page, without this test's prefix."""
        listing = await self.objects.list(self.prefix + prefix, **given)
        return [each.key.removeprefix(self.prefix) for each in listing.objects]

    async def fails(self, kind: type[StorageError], waiting: Awaitable[object]) -> StorageError:
        """Assert how something fails."""
        try:
            await waiting
        except kind as error:
            return error
        raise self.failureException(f"{kind.__name__} was not raised")

    async def read(self, key: str, start: int, end: int) -> bytes:
        """A part of an object."""
        pieces: list[bytes] = []
        await self.objects.read(key, start, end, pieces.append)
        return b"".join(pieces)

    async def test_absent(self) -> None:
        """What is not there is not found, and may be deleted."""
        key = self.prefix + "k"
        self.assertIsNone(await self.objects.head(key))
        self.assertIsNone(await self.objects.get(key))
        await self.fails(Missing, self.read(key, 0, 1))
        await self.objects.delete(key)

    async def test_put(self) -> None:
        """What was put is there at once, with all that was said of it."""
        key = self.prefix + "k"
        given = {"sha256": "ab" * 32, "Name": "a=b; c%20d"}
        put = await self.objects.put(key, b"content", metadata=given, type="text/x-record")
        found = await self.objects.head(key)
        got = await self.objects.get(key)
        assert found is not None and got is not None
        self.assertEqual(got, (got[0], b"content"))
        for stat in (put, found, got[0]):
            self.assertEqual(
                (stat.key, stat.size, stat.etag), (key, 7, md5(b"content").hexdigest())
            )
            self.assertIn(stat.now - stat.modified, range(30))
        for stat in (found, got[0]):
            self.assertEqual(stat.metadata, {"sha256": "ab" * 32, "name": "a=b; c%20d"})

    async def test_pieces(self) -> None:
        """A body may be in pieces, empty ones among them, or have nothing in it."""
        await self.objects.put(self.prefix + "k", [b"ab", b"", b"c"])
        await self.objects.put(self.prefix + "empty", b"")
        await self.objects.put(self.prefix + "array", bytearray(b"xyz"))
        for name, content in (("k", b"abc"), ("empty", b""), ("array", b"xyz")):
            got = await self.objects.get(self.prefix + name)
            assert got is not None
            self.assertEqual((got[0].size, got[1]), (len(content), content))

    async def test_put_absent(self) -> None:
        """Of several that want to be the first, one is."""
        key = self.prefix + "k"
        tries = [
            Deferred.fromCoroutine(self.objects.put(key, b"%d" % each, absent=True))
            for each in range(5)
        ]
        results = [await each.addErrback(lambda failure: failure.value) for each in tries]
        won = [at for at, result in enumerate(results) if not isinstance(result, Exception)]
        self.assertEqual(len(won), 1, results)
        for result in results:
            self.assertTrue(not isinstance(result, Exception) or isinstance(result, Conflict))
        got = await self.objects.get(key)
        assert got is not None
        self.assertEqual(got[1], b"%d" % won[0])

    async def test_put_match(self) -> None:
        """What was read is replaced only if nobody else has replaced it, and only once."""
        key = self.prefix + "k"
        await self.fails(Conflict, self.objects.put(key, b"0", match=md5(b"0").hexdigest()))
        first = await self.objects.put(key, b"0")
        tries = [
            Deferred.fromCoroutine(self.objects.put(key, b"%d" % each, match=first.etag))
            for each in range(1, 6)
        ]
        results = [await each.addErrback(lambda failure: failure.value) for each in tries]
        won = [result for result in results if not isinstance(result, Exception)]
        self.assertEqual(len(won), 1, results)
        found = await self.objects.head(key)
        assert found is not None
        self.assertEqual(found.etag, won[0].etag)
        await self.fails(Conflict, self.objects.put(key, b"late", match=first.etag))
        second = await self.objects.put(key, b"second", match=found.etag)
        self.assertEqual(second.etag, md5(b"second").hexdigest())

    async def test_md5(self) -> None:
        """What arrives changed is not stored."""
        key, wrong = self.prefix + "k", md5(b"other").digest()
        error = await self.fails(Rejected, self.objects.put(key, b"content", md5=wrong))
        assert isinstance(error, Rejected)
        self.assertEqual(error.code, "BadDigest")
        self.assertIsNone(await self.objects.head(key))
        await self.objects.put(key, b"content", md5=md5(b"content").digest())

    async def test_read(self) -> None:
        """Any part of an object can be read, from the first byte to the last."""
        content = bytes(range(256)) * 4096
        await self.objects.put(self.prefix + "k", content)
        for start, end in ((0, len(content)), (0, 1), (len(content) - 1, len(content)), (5, 70001)):
            self.assertEqual(await self.read(self.prefix + "k", start, end), content[start:end])
        self.assertEqual(await self.read(self.prefix + "k", 7, 7), b"")

    async def test_list(self) -> None:
        """A listing has what is there, in order, page by page."""
        names = ["a/1", "a/2", "a/3", "a0", "b"]
        for name in reversed(names):
            await self.objects.put(self.prefix + name, name.encode())
        self.assertEqual(await self.keys(), names)
        self.assertEqual(await self.keys("a/"), names[:3])
        self.assertEqual(await self.keys("a/", after=self.prefix + "a/1"), ["a/2", "a/3"])
        self.assertEqual(await self.keys("c"), [])
        found: list[str] = []
        after = ""
        for _ in range(9):
            page = await self.objects.list(self.prefix, after=after, limit=2)
            found += [each.key.removeprefix(self.prefix) for each in page.objects]
            self.assertLessEqual(len(page.objects), 2)
            after = page.next
            if not after:
                break
        self.assertEqual(found, names)
        listed = await self.objects.list(self.prefix + "b")
        stat = await self.objects.head(self.prefix + "b")
        assert stat is not None
        facts = (stat.key, stat.etag, stat.size, stat.modified)
        (each,) = listed.objects
        self.assertEqual((each.key, each.etag, each.size, each.modified), facts)

    async def test_delete(self) -> None:
        """What was deleted is gone at once, and can be put anew."""
        key = self.prefix + "k"
        await self.objects.put(key, b"1")
        await self.objects.delete(key)
        self.assertIsNone(await self.objects.head(key))
        self.assertEqual(await self.keys(), [])
        await self.objects.put(key, b"2", absent=True)

    async def test_odd_keys(self) -> None:
        """A key may have any characters in it."""
        for name in ODD:
            await self.objects.put(self.prefix + name, name.encode(), absent=True)
        for name in ODD:
            got = await self.objects.get(self.prefix + name)
            assert got is not None, name
            self.assertEqual(got[1], name.encode())
        self.assertEqual(await self.keys(), sorted(ODD, key=str.encode))
        for name in ODD:
            await self.objects.delete(self.prefix + name)
        self.assertEqual(await self.keys(), [])

    async def test_multipart(self) -> None:
        """An object may be put in parts, of which each may be put anew, and in any order."""
        key, source = self.prefix + "k", self.prefix + "source +☃"
        first, second = bytes(range(256)) * (20 << 10), b"b" * 5 * MIB
        await self.objects.put(source, b"xx" + second + b"yy")
        id = await self.objects.begin_multipart(key, metadata={"a": "b"}, type="text/plain")
        three = await self.objects.put_part(key, id, 3, [b"e", b"nd"])
        two = await self.objects.copy_part(key, id, 2, source, 2, 2 + len(second))
        one = await self.objects.put_part(key, id, 1, first, md5=md5(first).digest())
        self.assertIsNone(await self.objects.head(key))
        await self.objects.complete_multipart(key, id, [one, two, three])
        stat = await self.objects.head(key)
        assert stat is not None
        self.assertEqual((stat.size, stat.metadata), (10 * MIB + 3, {"a": "b"}))
        whole = first + second + b"end"
        self.assertEqual(await self.read(key, 0, len(whole)), whole)

    async def test_wrong_parts(self) -> None:
        """Parts that are too small, damaged, or none, make no object."""
        key = self.prefix + "k"
        id = await self.objects.begin_multipart(key)
        wrong = md5(b"other").digest()
        await self.fails(Rejected, self.objects.put_part(key, id, 1, b"content", md5=wrong))
        small = [await self.objects.put_part(key, id, n, b"%d" % n) for n in (1, 2)]
        await self.fails(Rejected, self.objects.complete_multipart(key, id, small))
        none = [Part(number=9, etag=md5(b"none").hexdigest())]
        await self.fails(Rejected, self.objects.complete_multipart(key, id, none))
        self.assertIsNone(await self.objects.head(key))
        await self.fails(Missing, self.objects.copy_part(key, id, 3, self.prefix + "no", 0, 1))
        await self.objects.abort_multipart(key, id)

    async def test_ended_multipart(self) -> None:
        """Nothing can be put to a multipart upload that was aborted."""
        key = self.prefix + "k"
        id = await self.objects.begin_multipart(key)
        part = await self.objects.put_part(key, id, 1, b"content")
        await self.objects.abort_multipart(key, id)
        await self.objects.abort_multipart(key, id)
        await self.fails(Missing, self.objects.put_part(key, id, 1, b"content"))
        await self.fails(Missing, self.objects.complete_multipart(key, id, [part]))
        self.assertIsNone(await self.objects.head(key))

    async def test_list_multiparts(self) -> None:
        """Multipart uploads can be found while they last."""
        begun = []
        for name in ("a/1", "a/1", "a/2 +☃", "b"):
            key = self.prefix + name
            begun.append((key, await self.objects.begin_multipart(key)))
        found = await self.objects.list_multiparts(self.prefix)
        self.assertEqual(sorted((each.key, each.id) for each in found), sorted(begun))
        for each in found:
            self.assertIn(each.now - each.began, range(30))
        found = await self.objects.list_multiparts(self.prefix + "a/1")
        self.assertEqual(sorted((each.key, each.id) for each in found), sorted(begun[:2]))
        self.assertEqual(len(await self.objects.list_multiparts(self.prefix, limit=2)), 2)
        for key, id in begun:
            await self.objects.abort_multipart(key, id)
        self.assertEqual(list(await self.objects.list_multiparts(self.prefix)), [])

    async def test_at_once(self) -> None:
        """Many requests may be under way at the same time."""
        keys = [f"{self.prefix}{each:02d}" for each in range(50)]
        puts = [
            Deferred.fromCoroutine(self.objects.put(key, key.encode() * 1000, absent=True))
            for key in keys
        ]
        await gatherResults(puts, consumeErrors=True)
        self.assertEqual(len(await self.keys()), 50)
