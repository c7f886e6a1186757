import hashlib
import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from tests.strategies import hostile_names
from txresumable._engine.transfer import Transfer
from txresumable._source.fingerprint import READ_WHOLE
from txresumable.file import ResumableFile
from txresumable.identifiers import Fingerprint, content, resumable_js, safe, shared


class Listener:
    """Knows the digest of every file."""

    def digest(self, transfer: Transfer) -> Deferred[str]:
        return succeed("0123456789abcdef" * 4)


def a_file(
    path: str = "a.bin",
    *,
    size: int = 10,
    mtime: int = 1,
    sample: bytes = b"s",
    chunk: int = 5,
    ctime: int | None = 3,
    force: bool = False,
) -> ResumableFile:
    name = path.rpartition("/")[2]
    transfer = Transfer(Listener(), None, name, path, "", chunk, 1)  # type: ignore[arg-type]
    transfer.fingerprint = Fingerprint(size, mtime, sample, ctime)
    transfer.lay_out(size, force)
    return transfer.file


class SafeTests(SynchronousTestCase):
    def test_is_the_same_again(self) -> None:
        """A restarted process finds its chunks: this very text, in any process."""
        self.assertEqual(safe(a_file()), "10-9e862304c021593b4e37c6e92e56993a-abin")

    def test_differs_with_all_that_matters(self) -> None:
        """Path, size, how it is cut and content each make another identifier."""
        others = [
            a_file("b.bin"),
            a_file("d/a.bin"),
            a_file(size=11),
            a_file(sample=b"t"),
            a_file(chunk=6),
            a_file(force=True),
        ]
        self.assertEqual(len({safe(file) for file in [a_file(), *others]}), 7)

    def test_times(self) -> None:
        """Times make another identifier of a file of which only samples are looked at."""
        for size, count in ((READ_WHOLE, 1), (READ_WHOLE + 1, 4)):
            files = [
                a_file(size=size, mtime=mtime, ctime=ctime)
                for mtime, ctime in ((1, 3), (2, 3), (1, 4), (1, None))
            ]
            self.assertEqual(len({safe(file) for file in files}), count)

    def test_does_not_collide_as_the_original(self) -> None:
        """Names that clean to the same text, or to none, are still told apart."""
        self.assertNotEqual(safe(a_file("a b")), safe(a_file("ab")))
        self.assertNotEqual(safe(a_file("日本")), safe(a_file("中国")))

    @given(hostile_names, st.integers(0, 1 << 60))
    def test_is_safe_in_paths(self, name: str, size: int) -> None:
        """Whatever the name, it is short and holds letters, digits, _ and - only."""
        self.assertTrue(
            re.fullmatch(r"[0-9A-Za-z_-]{1,128}", safe(a_file(name, size=size, chunk=1 << 50)))
        )

    def test_name_is_short(self) -> None:
        """No more than 48 characters of a name are kept."""
        self.assertEqual(safe(a_file("n" * 49)).split("-")[2], "n" * 48)

    def test_cut_off(self) -> None:
        """Files are still told apart by a server that keeps 40 characters."""
        names = [f"{'n' * 60}{number}" for number in range(3)]
        kept = {safe(a_file(name, size=1 << 40))[:40] for name in names}
        self.assertEqual(len(kept), 3)


class SharedTests(SynchronousTestCase):
    """For storage that several machines have."""

    def test_times(self) -> None:
        """It is the safe one, but for the time that need not be the same everywhere."""
        big = READ_WHOLE + 1
        self.assertEqual(shared(a_file(size=big, ctime=1)), shared(a_file(size=big, ctime=2)))
        self.assertEqual(shared(a_file(size=big)), safe(a_file(size=big, ctime=None)))
        self.assertEqual(shared(a_file()), safe(a_file()))
        for other in ({"mtime": 2}, {"sample": b"t"}, {"chunk": 6}, {"path": "b/a.bin"}):
            given = {"size": big, **other}
            self.assertNotEqual(shared(a_file(**given)), shared(a_file(size=big)))  # type: ignore[arg-type]


class ContentTests(SynchronousTestCase):
    """From the content, and how it is cut, alone."""

    def identifier(self, file: ResumableFile) -> str:
        return self.successResultOf(content(file))

    def test_is_the_same_again(self) -> None:
        """From the digest of the content and the chunk size: this very text, in any process."""
        named = hashlib.sha256(b"0123456789abcdef" * 4 + b":5").hexdigest()
        self.assertEqual(self.identifier(a_file("d/some file")), "10-" + named[:32])

    def test_nothing_else_matters(self) -> None:
        """Neither name, nor times."""
        others = [a_file("b.bin"), a_file(mtime=7), a_file(ctime=8)]
        self.assertEqual(len({self.identifier(file) for file in [a_file(), *others]}), 1)

    def test_differs_with_what_moves_chunks(self) -> None:
        """Chunks of one identifier have the same bounds."""
        others = [a_file(chunk=6), a_file(force=True)]
        self.assertEqual(len({self.identifier(file) for file in [a_file(), *others]}), 3)


class ResumableJsTests(SynchronousTestCase):
    def test_as_the_browser(self) -> None:
        """Size and what is left of the path."""
        self.assertEqual(resumable_js(a_file("naïve-日本-🎉.bin")), "10-nave--bin")
        self.assertEqual(resumable_js(a_file("dir 1/sub/f.bin")), "10-dir1subfbin")
