"""
Tests for ``docs/contracts.rst``, beside its examples: what it lists happens as it is listed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from threading import Thread, current_thread
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.examples import ROOT
from txresumable import Resumable, ResumableFile, RetriesExhausted
from txresumable.retry import full_jitter
from txresumable.testing import FakeClient, ScriptedReceiver

PAGE = (ROOT / "docs" / "contracts.rst").read_text(encoding="utf-8")
OPTIONS = (ROOT / "docs" / "configuration.rst").read_text(encoding="utf-8")
TARGET = "https://example.com/upload"


class OrderTests(SynchronousTestCase):
    """The end of the last file."""

    def test_order(self) -> None:
        """Those who are notified when a file is complete are notified in the order of the page."""
        _, listed = PAGE.split("\n.. order:\n")
        expected = re.findall(r"^#\. ``([\w.()]+)``", listed, re.MULTILINE)
        client, seen = FakeClient(), []
        uploader = Resumable(TARGET, client=client, reactor=Clock())
        upload = uploader.add_file(b"content", file_name="a.txt")
        file = upload.file

        def note(name: str) -> Callable[..., None]:
            def noted(*_: object) -> None:
                self.assertEqual((file.is_completed, file.fraction_completed), (True, 1.0), name)
                seen.append(name)

            return noted

        client.respond(404)
        observed: dict[str, object] = {"uploader": uploader, "file": file}
        for name in expected:
            owner, _, attribute = name.partition(".")
            observer: Any = note(name)
            if owner == "upload":
                upload.addCallback(observer)
            elif owner == "chunk":
                file.chunks[0].when_completed().addCallback(observer)
            elif attribute.endswith("()"):
                getattr(observed[owner], attribute[:-2])().addCallback(observer)
            else:
                getattr(observed[owner], attribute).register(observer)
        client.respond(200)
        self.assertEqual(len(expected), 11)
        self.assertEqual(seen, expected)


class TimeTests(SynchronousTestCase):
    """How long an upload may take."""

    def test_all_retries(self) -> None:
        """A chunk that is refused each time fails its file after about as long as is said."""
        minutes = {int(each) for each in re.findall(r"after\s+about (\d+) minutes", PAGE + OPTIONS)}
        clock, receiver = Clock(), ScriptedReceiver(rule=lambda request: 503)
        uploader = Resumable(
            TARGET,
            client=receiver,
            reactor=clock,
            test_chunks=False,
            retry_policy=full_jitter(uniform=lambda least, most: (least + most) / 2),
        )
        upload = uploader.add_file(b"content", file_name="a.txt")
        while not upload.called:
            clock.advance(1)
        error = self.failureResultOf(upload, RetriesExhausted).value
        self.assertEqual((error.attempts, len(receiver.sent)), (101, 101))
        self.assertEqual({round(clock.seconds() / 600) * 10}, minutes)


class ThreadTests(TestCase):
    """Who is called in which thread."""

    async def test_reactor_thread(self) -> None:
        """Observers, hooks and iterables run in the reactor's thread, and reads in others."""
        here: set[Thread] = set()
        reads: set[Thread] = set()

        def note(*_: object) -> None:
            here.add(current_thread())

        def of_file(file: ResumableFile) -> str:
            note()
            return file.file_name

        class Noted(BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                reads.add(current_thread())
                return super().read(size)

        def sources() -> Any:
            note()
            yield {"source": Noted(b"content"), "file_name": "a.txt"}

        client = ScriptedReceiver()
        uploader = Resumable(
            TARGET,
            client=client,
            reactor=reactor,
            preprocess=note,
            preprocess_file=note,
            generate_unique_identifier=of_file,
            headers=lambda file, chunk: {"X-Thread": of_file(file)},
        )
        self.addCleanup(uploader.close)
        uploader.catch_all.register(note)
        waiting: Deferred[int] = uploader.feed(sources())
        waiting.addCallback(note)
        await waiting
        self.assertEqual(client.stored("a.txt").content, b"content")
        self.assertEqual(here, {current_thread()})
        self.assertNotIn(current_thread(), reads)
