"""An uploader between a fake client and a fake clock, for tests."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable import Resumable, ResumableFile
from txresumable.file import transfer_of
from txresumable.testing import FakeClient, ScriptedReceiver
from txresumable.uploader import engine_of

TARGET = "http://receiver.example/upload"


class UploaderTestCase(SynchronousTestCase):
    """
    Makes uploaders, and checks after each test that nothing is left of them.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.client = FakeClient()
        self.receiver = ScriptedReceiver()
        self._uploaders: list[tuple[Resumable, FakeClient]] = []
        self._added: list[ResumableFile] = []

    def uploader(self, client: FakeClient | None = None, **options: Any) -> Resumable:
        """
        A new uploader.

        :param client: the one whose requests are answered by hand, if not told otherwise.
        """
        chosen: dict[str, Any] = {"chunk_size": 10, **options}
        if "retry_policy" not in options:
            chosen.setdefault("chunk_retry_interval", 1.0)
        client = client or self.client
        uploader = Resumable(
            chosen.pop("target", TARGET), reactor=self.clock, client=client, **chosen
        )
        self._uploaders.append((uploader, client))
        uploader.file_added.register(self._added.append)
        return uploader

    def tearDown(self) -> None:
        for uploader, client in self._uploaders:
            self.assert_idle(uploader, client)
            sent = len(client.sent)
            self.assertIsNone(self.successResultOf(uploader.close()))
            self.assertEqual(len(client.sent), sent)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def assert_idle(self, uploader: Resumable, client: FakeClient) -> None:
        """
        Check that an uploader has nothing under way and holds nothing.
        """
        self.assertEqual(client.waiting, [])
        engine = engine_of(uploader)
        scheduler = engine.scheduler
        self.assertEqual(scheduler.slots.tokens, scheduler.slots.number)
        if scheduler.tests is not None:
            self.assertEqual(scheduler.tests.tokens, scheduler.tests.number)
        self.assertEqual((scheduler._jobs, scheduler._timers), ({}, {}))
        self.assertEqual(scheduler._lending.lent, {})
        self.assertEqual(
            (engine_of(uploader).admission.transfers, engine_of(uploader).roster.identifiers),
            ([], []),
        )
        self.assertEqual(engine_of(uploader).completion.unfinished, 0)
        self.assertFalse(uploader.is_uploading)
        for file in self._added:
            self.assertFalse(transfer_of(file).source.is_open, file)
            self.assertIsNone(transfer_of(file).handle, file)

    def file(self, content: bytes, name: str = "file.bin") -> str:
        """
        A file on the disk.

        :returns: its path.
        """
        path = self.mktemp() + name
        with open(path, "wb") as file:
            file.write(content)
        return path

    def answer_all(self, status: int = 200) -> None:
        """
        Answer requests until there are none.
        """
        while self.client.waiting:
            self.client.respond(status)

    def assert_cancelled(self, *waiting: Deferred[Any]) -> None:
        """
        Check that all who wait are told that somebody cancelled.
        """
        for each in waiting:
            self.failureResultOf(each, CancelledError)
