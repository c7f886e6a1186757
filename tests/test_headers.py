"""
Tests for headers that may change while an upload runs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from txresumable import Resumable, ResumableChunk
from txresumable._cli.headers import HeaderFile, RenewedHeaders, headers_in, joined
from txresumable.testing import ScriptedReceiver


class TextTests(SynchronousTestCase):
    """
    Headers from text.
    """

    def test_lines(self) -> None:
        """Each line is a header; empty ones and comments are skipped."""
        text = "# a comment\r\n\r\nAuthorization:  Bearer x: y \nX-Empty:\n\n"
        self.assertEqual(headers_in(text), {"Authorization": "Bearer x: y", "X-Empty": ""})

    def test_others(self) -> None:
        """What is no header is named by its line alone, since it may be a secret."""
        for text in ("A: b\ns3cret", "A: b\n: s3cret"):
            error = self.assertRaises(ValueError, headers_in, text)
            self.assertIn("line 2", str(error))
            self.assertNotIn("s3cret", str(error))

    def test_joined(self) -> None:
        """Of names that differ in case, the last one counts."""
        self.assertEqual(joined({"A": "1", "b": "2"}, {"B": "3"}, {}), {"A": "1", "B": "3"})


class Source:
    """A source that takes its time."""

    def __init__(self) -> None:
        self.headers: Mapping[str, str] = {}
        self.waiting: list[Deferred[None]] = []

    def renew(self, chunk: ResumableChunk | None) -> Deferred[None]:
        self.waiting.append(Deferred())
        return self.waiting[-1]


class RenewedTests(SynchronousTestCase):
    """
    Headers from several sources.
    """

    def test_all(self) -> None:
        """Every source is up to date before any headers are used, and the fixed ones win."""
        one, two = Source(), Source()
        headers = RenewedHeaders((one, two), {"c": "fixed"})
        asked = ensureDeferred(headers(None, None))
        one.headers = {"A": "one", "B": "one"}
        one.waiting[0].callback(None)
        self.assertNoResult(asked)
        two.headers = {"b": "two", "C": "two"}
        two.waiting[0].callback(None)
        self.assertEqual(self.successResultOf(asked), {"A": "one", "b": "two", "c": "fixed"})


class FileTests(SynchronousTestCase):
    """
    Headers from a file.
    """

    def setUp(self) -> None:
        self.path = self.mktemp()
        self.write("X-Token: one")
        self.file = HeaderFile(self.path)

    def write(self, text: str) -> None:
        with open(self.path, "w") as file:
            file.write(text)

    def renewed(self, refused: int = 0) -> Mapping[str, str]:
        """The headers of a request."""
        chunk: Any = ResumableChunk(None, 0, refused)  # type: ignore[arg-type]
        self.file.renew(chunk)
        return self.file.headers

    def test_read_once(self) -> None:
        """As long as it is the same, it is not read again, unless a request is refused."""
        times = os.stat(self.path)
        self.assertEqual(self.renewed(), {"X-Token": "one"})
        self.write("X-Token: two")
        os.utime(self.path, ns=(times.st_atime_ns, times.st_mtime_ns))
        real = os.stat

        def same(path: str) -> os.stat_result:
            return times if path == os.path.abspath(self.path) else real(path)

        self.patch(os, "stat", same)
        self.assertEqual(self.renewed(), {"X-Token": "one"})
        self.assertEqual(self.renewed(401), {"X-Token": "two"})

    def test_changed(self) -> None:
        """It is read again when it is written, or another one takes its place."""
        self.write("X-Token: longer")
        self.assertEqual(self.renewed(), {"X-Token": "longer"})
        other = self.mktemp()
        with open(other, "w") as file:
            file.write("X-Token: others")
        os.replace(other, self.path)
        self.assertEqual(self.renewed(), {"X-Token": "others"})

    def heard(self) -> list[Any]:
        """What is logged from now on."""
        said: list[Any] = []
        observer: Any = said.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        return said

    def test_unreadable(self) -> None:
        """What it had before counts while it cannot be read, which is said once."""
        said = self.heard()
        for _ in range(2):
            for spoil in (lambda: os.remove(self.path), lambda: self.write("s3cret")):
                spoil()
                for refused in (0, 401):
                    self.assertEqual(self.renewed(refused), {"X-Token": "one"})
            self.assertEqual(len(said), 1)
            self.assertNotIn("s3cret", repr(said))
            self.write("X-Token: one")
            self.renewed()
            del said[:]

    def test_emptied(self) -> None:
        """A file that is empty is one that is being written."""
        self.write("")
        self.assertEqual(self.renewed(401), {"X-Token": "one"})

    def test_pipe(self) -> None:
        """What another command writes into a pipe is read once."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        os.write(writing, b"X-Token: piped")
        os.close(writing)
        self.file, said = HeaderFile(f"/dev/fd/{reading}"), self.heard()
        for refused in (0, 401):
            self.assertEqual(self.renewed(refused), {"X-Token": "piped"})
        self.assertEqual(said, [])

    def test_other_folder(self) -> None:
        """It is found where it was, also when the working directory changes."""
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir("/")
        self.assertEqual(self.renewed(401), {"X-Token": "one"})

    def test_upload(self) -> None:
        """A token that is replaced while a file is uploaded does not fail it."""
        used: list[str | None] = []

        def rule(request: Any) -> int | None:
            used.append(request.header("X-Token"))
            if len(used) == 3:
                self.write("X-Token: another")
            return 401 if len(used) >= 3 and used[-1] == "one" else None

        headers = RenewedHeaders((self.file,), {})
        uploader = Resumable(
            "http://a.example/",
            client=ScriptedReceiver(rule=rule),
            reactor=Clock(),
            headers=headers,
            test_chunks=False,
            chunk_size=10,
            simultaneous_uploads=1,
        )
        self.successResultOf(uploader.add_file(b"x" * 50, file_name="a"))
        self.assertEqual(used, ["one"] * 3 + ["another"] * 3)
