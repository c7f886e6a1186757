"""
The uploads that every receiver has to take, as a test case that each one's tests derive from.

Tests are derived from it by the module's name, so that no test runner takes it for a test itself.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from twisted.internet.defer import CancelledError, DeferredList
from twisted.trial.unittest import SkipTest, TestCase

from tests.figures import note
from txresumable import ChunkRejected, Resumable, ResumableChunk, ResumableFile
from txresumable.doctor import examine

from .install import why_not_installed
from .receivers import Receiver, RunningReceiver, start

__all__ = [
    "AWKWARD_NAME",
    "KIB",
    "MIB",
    "Examined",
    "ReceiverTestCase",
    "RememberedUploads",
    "Uploads",
]

KIB = 1024
MIB = 1024 * KIB

RUNS = int(os.environ.get("INTEROP_RUNS", "2"))
FILES = 8
CHUNKS = 6
CHUNK = 20_000

AWKWARD_NAME = 'naïve "q" — 文件 №1; ü%20&+=.bin'


def is_required() -> bool:
    """Whether a receiver that is not installed is a failure, as it is where CI runs these tests."""
    return os.environ.get("INTEROP_REQUIRED") == "1"


def require(case: TestCase, missing: str | None) -> None:
    """
    Skip a test that needs what is not installed, or fail it where CI runs these tests.

    :param case: the test.
    :param missing: why it cannot run, if it cannot.
    """
    if missing is not None:
        if is_required():
            case.fail(missing)
        raise SkipTest(missing)


def folder_for(case: TestCase) -> Path:
    """A folder for a test, gone after it."""
    folder = Path(case.mktemp()).resolve()
    folder.mkdir(parents=True)
    case.addCleanup(shutil.rmtree, folder)
    return folder


class ReceiverTestCase(TestCase):
    """
    A receiver for each test.

    :cvar receiver: which one.
    :cvar options: how it wants to be spoken to.
    :cvar slots: as many chunks at once as it can take.
    """

    receiver: ClassVar[Receiver]
    options: ClassVar[Mapping[str, Any]] = {}
    slots: ClassVar[int] = 3

    timeout = 90.0
    server: RunningReceiver

    async def setUp(self) -> None:
        require(self, why_not_installed(self.receiver.part, *self.receiver.also))
        self.folder = folder_for(self)
        await self.start_server()

    async def start_server(self) -> None:
        """Start the receiver, or start it again in the folder of the one that has been stopped."""
        from twisted.internet import reactor

        self.server = await start(self.receiver, self.folder / "receiver", reactor)
        self.addCleanup(self.server.stop)

    def uploader(self, **options: Any) -> Resumable:
        """A client of the receiver, closed at the end of the test."""
        chosen: dict[str, Any] = {
            "simultaneous_uploads": self.slots,
            "headers": self.server.headers,
            "query": self.server.query,
            "max_chunk_retries": 3,
            **self.options,
            **options,
        }
        uploader = Resumable(self.server.url, **chosen)
        self.addCleanup(uploader.close)
        return uploader

    def random_file(self, size: int, name: str = "some.bin") -> tuple[Path, str]:
        """
        Make a file of random bytes.

        :returns: where it is, and its SHA-256.
        """
        content = os.urandom(size)
        path = self.folder / name
        path.write_bytes(content)
        return path, hashlib.sha256(content).hexdigest()

    async def upload(self, path: Path, **options: Any) -> ResumableFile:
        """Upload one file and stop the receiver, so that all it has to tell is told."""
        file: ResumableFile = await self.uploader(**options).add_file(path)
        await self.server.stop()
        return file

    def assert_each_sent_once(self, chunks: int) -> None:
        """Every chunk was tested once, not found, and sent once."""
        every = dict.fromkeys(range(1, chunks + 1), 1)
        self.assertEqual(dict(self.server.requests("GET")), every)
        self.assertEqual(dict(self.server.requests("POST")), every)


class Uploads(ReceiverTestCase):
    """What every receiver can do."""

    def stored_name(self, name: str, size: int) -> str | None:
        """What it calls a finished file; :obj:`None` when that does not depend on the name."""
        return None

    async def test_small_file(self) -> None:
        """A file smaller than a chunk arrives in one request."""
        path, digest = self.random_file(1000)
        file = await self.upload(path)
        self.assertTrue(file.is_completed)
        self.assertEqual(list(self.server.stored().values()), [digest])
        self.assert_each_sent_once(1)

    async def test_last_chunk_takes_the_rest(self) -> None:
        """By the floor rule a file of 3.4 MiB is three chunks, and the last one is the largest."""
        path, digest = self.random_file(3 * MIB + 400 * KIB + 1)
        file = await self.upload(path, chunk_size=MIB)
        self.assertEqual(list(self.server.stored().values()), [digest])
        self.assertEqual([chunk.size for chunk in file.chunks], [MIB, MIB, MIB + 400 * KIB + 1])
        self.assert_each_sent_once(3)

    async def test_many_chunks(self) -> None:
        """Forty small chunks arrive, as many at once as the receiver can take, none twice."""
        path, digest = self.random_file(40 * 10_000)
        await self.upload(path, chunk_size=10_000)
        self.assertEqual(list(self.server.stored().values()), [digest])
        self.assert_each_sent_once(40)

    async def test_first_and_last_chunk_first(self) -> None:
        """The order of the chunks does not matter to the receiver."""
        path, digest = self.random_file(6 * 10_000 + 1)
        ends_first = {"prioritize_first_and_last_chunk": True, "last_chunk_alone": None}
        await self.upload(path, chunk_size=10_000, **ends_first)
        self.assertEqual(list(self.server.stored().values()), [digest])
        self.assert_each_sent_once(6)

    async def test_awkward_name(self) -> None:
        """A name with quotes, signs and letters of three scripts reaches the receiver as it is."""
        path, digest = self.random_file(30_000, AWKWARD_NAME)
        await self.upload(path, chunk_size=10_000)
        self.assertEqual(self.server.file_names(), {AWKWARD_NAME})
        (name,) = self.server.stored()
        self.assertEqual(self.server.stored()[name], digest)
        self.assertIn(self.stored_name(AWKWARD_NAME, 30_000), (name, None))

    async def test_several_files(self) -> None:
        """Three files of one uploader arrive each as it is."""
        files = [self.random_file(25_000 + size, f"{size}.bin") for size in (0, 7, 9)]
        uploader = self.uploader(chunk_size=10_000)
        uploader.add_files([path for path, _ in files])
        await uploader.join()
        self.assertEqual(
            sorted(self.server.stored().values()), sorted(digest for _, digest in files)
        )

    async def test_goes_on_where_it_stopped(self) -> None:
        """After a cancelled upload, and a restart of the receiver, only what is missing is sent."""
        path, digest = self.random_file(20 * 16 * KIB)
        await self.interrupted_upload(path, after=5)
        self.assertNotIn(digest, self.server.stored().values())
        await self.start_server()
        await self.upload(path, chunk_size=16 * KIB)
        found = self.server.found()
        self.assertGreaterEqual(len(found), 5)
        self.assertEqual(
            dict(self.server.requests("POST")), dict.fromkeys(set(range(1, 21)) - found, 1)
        )
        self.assertEqual(list(self.server.stored().values()), [digest])

    async def interrupted_upload(self, path: Path, after: int) -> None:
        """
        Cancel an upload when a number of its chunks are stored, and stop the receiver.

        One chunk at a time, so that none is under way when the receiver ends: most of them write a
        chunk in its place, and take what they had written of it for the whole when they are back.
        """
        uploader = self.uploader(chunk_size=16 * KIB, simultaneous_uploads=1)
        upload = uploader.add_file(path)
        stored: list[ResumableChunk] = []

        def interrupt(chunk: ResumableChunk) -> None:
            stored.append(chunk)
            if len(stored) == after:
                upload.cancel()

        upload.chunk_completed.register(interrupt)
        await self.assertFailure(upload, CancelledError)
        await uploader.close()
        await self.server.stop()
        self.assertEqual(dict(self.server.requests("POST")), dict.fromkeys(range(1, after + 1), 1))


class RememberedUploads(Uploads):
    """What receivers can do besides that keep the chunks of a finished file, or know of it."""

    async def test_finished_file_is_not_sent_again(self) -> None:
        """When every chunk is found nothing is uploaded, and the upload completes all the same."""
        path, digest = self.random_file(5 * 10_000)
        await self.upload(path, chunk_size=10_000)
        await self.start_server()
        file = await self.upload(path, chunk_size=10_000)
        self.assertTrue(file.is_completed)
        self.assertEqual(self.server.found(), set(range(1, 6)))
        self.assertEqual(dict(self.server.requests("POST")), {})
        self.assertEqual(list(self.server.stored().values()), [digest])


class Examined(ReceiverTestCase):
    """
    What the doctor finds about a receiver.

    :cvar expected: its dialect, the status for an absent chunk, where it reads parameters, how it
        counts chunks, and which order it needs.
    :cvar besides: what else is different from most.
    :cvar prescribed: the options that follow.
    """

    expected: ClassVar[tuple[str | None, ...]]
    besides: ClassVar[Mapping[str, str | None]] = {}
    prescribed: ClassVar[Mapping[str, Any]]

    async def test_findings(self) -> None:
        """That is found, nothing else is claimed, and with the options a file arrives."""
        headers, query = self.server.headers, self.server.query
        diagnosis = await examine(self.server.url, headers=headers, query=query)
        found = {each.name: each.value for each in diagnosis.findings}
        names = ("dialect", "absent", "parameters", "rule", "order")
        self.assertEqual(tuple(found.pop(name) for name in names), self.expected)
        most = {
            "receiver": "yes",
            "format": "multipart",
            "resumes": "yes",
            "multiples": "accepted",
            "race": None,
            "limit": "8 MiB or more",
            "checksum": "no",
            "list": "no",
            "folders": None,
            "cookies": "none",
            "redirects": "none",
        }
        self.assertEqual(found, {**most, **self.besides})
        self.assertEqual(diagnosis.options, self.prescribed)
        path, digest = self.random_file(45_001)
        await self.upload(path, **{**diagnosis.options, "chunk_size": 10_000})
        self.assertIn(digest, self.server.stored().values())


class ManyFiles(ReceiverTestCase):
    """
    Eight files of six chunks, six chunks at once.

    :cvar fails: whether the receiver may refuse a chunk that another one met.
    """

    slots = 6
    fails: ClassVar[bool] = False
    timeout = 60.0 + 15 * RUNS

    async def test_many_files(self) -> None:
        """Each file arrives as it is, or, where that may be, ends with an error that says why."""
        equal = failed = 0
        for run in range(RUNS):
            sent = dict(
                self.random_file(CHUNK * CHUNKS + random.randrange(1, CHUNK), f"{run}-{each}.bin")
                for each in range(FILES)
            )
            uploader = self.uploader(chunk_size=CHUNK)
            ended = await DeferredList(
                [uploader.add_file(path) for path in sent], consumeErrors=True
            )
            stored = set(self.server.stored().values())
            for digest, (succeeded, end) in zip(sent.values(), ended, strict=True):
                if succeeded:
                    self.assertEqual(len(end.chunks), CHUNKS)
                    self.assertIn(digest, stored, "a file is said to be there, and is not")
                    equal += 1
                else:
                    self.assertTrue(self.fails, end)
                    end.trap(ChunkRejected)
                    self.assertEqual(end.value.status, 500)
                    failed += 1
            await uploader.close()
        name = type(self).__name__.removesuffix("Tests")
        note(f"several files to {name}", runs=RUNS, equal=equal, refused=failed)
