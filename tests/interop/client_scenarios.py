"""
What clients that other people wrote have to be able to do with our receiver, as test cases that
each one's tests derive from.

Tests are derived from them by the module's name, so that no test runner takes them for tests
themselves.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Mapping
from typing import Any, ClassVar

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.trial.unittest import TestCase

from tests.processes import Running
from txresumable import Resumable, ResumableChunk
from txresumable.identifiers import resumable_js

from .browser import Browser, Job
from .install import BROWSER, NODE, why_not_installed
from .recording import RecordingReceiver, stored
from .scenarios import AWKWARD_NAME, KIB, folder_for, require
from .silent import SilentProxy

__all__ = [
    "EVERY",
    "BrowserUploads",
    "ClientTestCase",
    "MoreBrowserUploads",
    "harmless",
    "sha256",
]

TWISTD = (sys.executable, "-c", "from twisted.scripts.twistd import run; run()")
CHUNK = 16 * KIB
EVERY = dict.fromkeys(range(1, 21), 1)


def sha256(content: bytes) -> str:
    """In hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def harmless(name: str) -> str:
    """What the receiver makes of a name on its disk."""
    return re.sub(r'["\n]', "_", name)


class ClientTestCase(TestCase):
    """
    A folder for our receiver, which each test starts as it likes.

    :cvar parts: what has to be installed.
    :cvar dialect: which protocol of the family.
    """

    parts: ClassVar[tuple[str, ...]]
    dialect: ClassVar[str] = "resumable"
    timeout = 60.0

    def setUp(self) -> None:
        require(self, why_not_installed(*self.parts))
        self.folder = folder_for(self)

    def receiver(self, **options: Any) -> RecordingReceiver:
        """Our receiver, in this process."""
        return RecordingReceiver(self, self.folder / "received", self.dialect, **options)

    async def twistd(self, *arguments: str) -> str:
        """Start our receiver as a service; the result is the target of uploads."""
        own = ("-n", "--pidfile=", "resumable-receive", "--directory", "received", "--port", "0")
        running = Running(self, (*TWISTD, *own, *arguments), self.folder)
        await running.has_said("Receiving at ")
        url = re.search(r"Receiving at (\S+)\s", running.written)
        assert url is not None, running.written
        return url[1]

    def received(self) -> dict[str, str]:
        """The SHA-256 of each file that has arrived, by its name."""
        return stored(self.folder / "received")


class BrowserTestCase(ClientTestCase):
    """
    A page in Chromium, which comes from another origin than the receiver's.

    :cvar options: what the library is given in all tests.
    """

    parts = (NODE, BROWSER)
    # Two of the libraries do not try again by default, and one keeps most progress to itself.
    options: ClassVar[Mapping[str, Any]] = {
        "chunkSize": CHUNK,
        "maxChunkRetries": 20,
        "chunkRetryInterval": 50,
        "progressCallbacksInterval": 0,
    }
    timeout = 60.0

    def setUp(self) -> None:
        super().setUp()
        self.browser = Browser(self)
        self.content = os.urandom(20 * CHUNK + 123)

    def receiver(self, **options: Any) -> RecordingReceiver:
        """Our receiver, which allows the page's origin."""
        return super().receiver(**{"origins": [self.browser.origin], **options})

    async def upload(
        self, url: str, file_name: str = "some.bin", job: Mapping[str, Any] = {}, **options: Any
    ) -> dict[str, Any]:
        """
        Upload the content in a browser.

        :param job: of :class:`Job` what else is not as usual.
        :param options: the library's.
        :returns: what the page said at the end.
        """
        chosen = {**self.options, "target": url, **options}
        work = Job(library=self.dialect, options=chosen, file_name=file_name, **job)
        return await self.browser.upload(work, self.content)

    def assert_completed(self, said: dict[str, Any], name: str = "some.bin") -> None:
        """The file has arrived, and the page could read what the receiver says of it."""
        digest = sha256(self.content)
        self.assertEqual(said["event"], "completed", said)
        # Of answers that come together any may be seen last.
        answers = [json.loads(answer) for answer in said["answers"]]
        answer = next(each for each in answers if each["status"] == "complete")
        self.assertEqual(answer["sha256"], digest)
        self.assertEqual(said["checksum"], f"sha256:{digest}")
        self.assertEqual(answer["file_name"], name)
        self.assertEqual(self.received(), {harmless(name): digest})


class BrowserUploads(BrowserTestCase):
    """
    What each library can do.

    :cvar absent: what a test is answered when a chunk is not there.
    :cvar patient: what of :class:`Job` notices a connection that is dead, and
    :cvar patient_options: what of the library's options.
    """

    absent: ClassVar[int]
    patient: ClassVar[Mapping[str, Any]] = {"patience": 2000}
    patient_options: ClassVar[Mapping[str, Any]] = {}

    async def test_arrives(self) -> None:
        """A file arrives, after a preflight; each chunk is tested once and sent once."""
        receiver = self.receiver()
        said = await self.upload(receiver.url, AWKWARD_NAME, {"type": "text/x-some; a=b"})
        self.assert_completed(said, AWKWARD_NAME)
        self.assertEqual(receiver.requests("GET"), EVERY)
        self.assertEqual(receiver.statuses("GET"), {self.absent})
        self.assertEqual(receiver.requests("POST").total(), 20)
        self.assertEqual(receiver.statuses("POST"), {200})
        self.assertEqual(receiver.statuses("OPTIONS"), {204})

    async def test_browser_stops_and_we_go_on(self) -> None:
        """What a page began before it was closed our client goes on with."""
        receiver = self.receiver()
        said = await self.upload(receiver.url, job={"stop_after": 7})
        self.assertEqual(said["event"], "stopped")
        await receiver.forget()
        self.assertEqual(receiver.stored(), {})
        async with self.our_client(receiver) as uploader:
            await uploader.add_file(self.content, file_name="some.bin")
        self.assertEqual(receiver.stored(), {"some.bin": sha256(self.content)})
        self.assert_rest_was_sent(receiver, said["stored"])

    async def test_we_stop_and_a_browser_goes_on(self) -> None:
        """What our client began before it was cancelled a browser goes on with."""
        receiver = self.receiver()
        uploader = self.our_client(receiver)
        upload = uploader.add_file(self.content, file_name="some.bin")
        finished: list[ResumableChunk] = []

        def stop(chunk: ResumableChunk) -> None:
            finished.append(chunk)
            if len(finished) == 7:
                upload.cancel()

        upload.chunk_completed.register(stop)
        await self.assertFailure(upload, CancelledError)
        await uploader.close()
        await receiver.forget()
        self.assertEqual(receiver.stored(), {})
        self.assert_completed(await self.upload(receiver.url))
        self.assert_rest_was_sent(receiver, 7)

    async def test_again(self) -> None:
        """A file that is there is not sent again, and completes all the same."""
        receiver = self.receiver()
        self.assert_completed(await self.upload(receiver.url))
        await receiver.forget()
        self.assert_completed(await self.upload(receiver.url))
        self.assertEqual(receiver.found(), set(EVERY))
        self.assertEqual(receiver.requests("POST").total(), 0)

    async def test_connection_dies(self) -> None:
        """
        A connection that dies in the middle of a chunk, without a FIN, holds nothing up: the chunk
        comes again over another one, though the receiver still waits for the first.
        """
        receiver = self.receiver()
        proxy = SilentProxy(self, receiver.port, silent_at=5, after=9000)
        url = receiver.url.replace(str(receiver.port), str(proxy.own_port))
        said = await self.upload(url, job=self.patient, **self.patient_options)
        self.assert_completed(said)
        # Each end still had it open: the receiver until the chunk came again.
        self.assertEqual(proxy.died, 1)
        self.assertEqual(proxy.unheard.split(b" ")[1], b"503", proxy.unheard)
        self.assertEqual(proxy.uploads, 21)

    async def test_two_tabs(self) -> None:
        """Two tabs that upload the same 60 files at the same time both end, and so do the files."""
        other = Browser(self)
        receiver = self.receiver(origins=[self.browser.origin, other.origin])
        options = {**self.options, "target": receiver.url}
        job = Job(library=self.dialect, options=options, file_name="some.bin", files=60)
        self.content = os.urandom(60 * (2 * CHUNK + 123))
        tabs = [each.upload(job, self.content) for each in (self.browser, other)]
        said = await gatherResults([Deferred.fromCoroutine(tab) for tab in tabs])
        self.assertEqual([each["event"] for each in said], ["completed"] * 2, said)
        size = len(self.content) // 60
        self.assertEqual(
            receiver.stored(),
            {
                f"{number}-some.bin": sha256(self.content[number * size : (number + 1) * size])
                for number in range(60)
            },
        )

    def our_client(self, receiver: RecordingReceiver) -> Resumable:
        """A client that calls a file what the browser does."""
        return Resumable(
            receiver.url,
            dialect=self.dialect,
            chunk_size=CHUNK,
            generate_unique_identifier=resumable_js,
        )

    def assert_rest_was_sent(self, receiver: RecordingReceiver, before: int) -> None:
        """Every chunk was tested; of the chunks at least so many were there, the rest was sent."""
        found = receiver.found()
        self.assertEqual(receiver.requests("GET"), EVERY)
        self.assertGreaterEqual(len(found), before)
        # What was still being written when its client stopped is refused for a moment.
        sent = [asked.status for asked in receiver.asked if asked.method == "POST"]
        self.assertLessEqual(set(sent), {200, 503})
        self.assertEqual(sent.count(200), 20 - len(found))


class MoreBrowserUploads(BrowserUploads):
    """What they can do besides, which need not be tried with each of those that are alike."""

    async def test_service(self) -> None:
        """A file arrives at twistd's receiver that was given the page's origin."""
        url = await self.twistd("--dialect", self.dialect, "--origin", self.browser.origin)
        self.assert_completed(await self.upload(url))

    async def test_other_origin(self) -> None:
        """A page from an origin that is not on the list uploads nothing."""
        receiver = self.receiver(origins=["https://example.com"])
        said = await self.upload(receiver.url, maxChunkRetries=1)
        self.assertEqual(said["event"], "failed")
        self.assertEqual({asked.status for asked in receiver.asked}, {403})
        self.assertEqual(receiver.stored(), {})

    async def test_octet(self) -> None:
        """Chunks that are the whole body of a request arrive."""
        receiver = self.receiver()
        said = await self.upload(receiver.url, method="octet")
        self.assert_completed(said)
        self.assertEqual(receiver.requests("POST"), EVERY)
