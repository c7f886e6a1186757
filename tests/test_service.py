"""Tests for the service that uploads."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.application.service import Application, IService
from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorFromThreads, IReactorThreads
from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from txresumable import (
    FileRejected,
    InvalidOption,
    Resumable,
    SourceChanged,
    TLSRejected,
    UploaderClosed,
)
from txresumable.service.report import Report, explain
from txresumable.service.upload import UploadService
from txresumable.testing import FakeClient, ScriptedReceiver

TARGET = "http://127.0.0.1/upload"


@implementer(IReactorThreads, IReactorFromThreads)
class HeldThreads(Clock):
    """A clock whose threads do nothing until they are told to."""

    def __init__(self) -> None:
        super().__init__()
        self.work: list[Callable[[], object]] = []

    def getThreadPool(self) -> Any:
        return self

    def callInThread(self, callable: Any, *args: Any, **kwargs: Any) -> None:
        self.callInThreadWithCallback(lambda *_: None, callable, *args, **kwargs)

    def suggestThreadPoolSize(self, size: int) -> None:
        """There are none."""

    def callFromThread(self, callable: Any, *args: Any, **kwargs: Any) -> None:
        callable(*args, **kwargs)

    def callInThreadWithCallback(self, done: Any, work: Any, *args: Any, **kwargs: Any) -> None:
        def run() -> None:
            try:
                result, is_fine = work(*args, **kwargs), True
            except Exception:
                result, is_fine = Failure(), False
            done(is_fine, result)

        self.work.append(run)


class ServiceTestCase(SynchronousTestCase):
    """A service over a fake client, with files of some chunks of ten bytes."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.events = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        self.folder = self.mktemp()
        os.mkdir(self.folder)

    def file(self, name: str, chunks: int = 3) -> str:
        """The path of a new file."""
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(name.encode().ljust(10, b".") * chunks)
        return path

    def service(self, client: Any, *paths: str, **options: Any) -> UploadService:
        """A service that is not started."""
        options = {"target": TARGET, "chunk_size": 10, "retry_policy": lambda *_: 1.0, **options}
        uploader = Resumable(client=client, reactor=self.clock, **options)
        return UploadService(uploader, paths, reactor=self.clock)

    def ended(self, service: UploadService) -> Report:
        """The report of a service that is done, and has left no timer behind."""
        report = self.successResultOf(service.when_done())
        self.successResultOf(service.stopService())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        return report

    def lines(self, level: str = "") -> list[str]:
        """What was logged."""
        return [
            formatEvent(event) for event in self.events if level in ("", event["log_level"].name)
        ]


class UploadTests(ServiceTestCase):
    """It uploads."""

    def test_interface(self) -> None:
        """It is a service, and goes into an application."""
        service = self.service(ScriptedReceiver())
        verifyObject(IService, service)
        service.setServiceParent(Application("test"))
        verifyObject(IService, UploadService(service.uploader))

    def test_without_paths(self) -> None:
        """It uploads what is added to its uploader, until it is stopped, and then it is done."""
        service = self.service(ScriptedReceiver())
        service.startService()
        done = service.when_done()
        self.clock.advance(60)
        upload = service.uploader.add_file(self.file("a"))
        self.successResultOf(upload)
        self.clock.advance(60)
        self.assertNoResult(done)
        self.successResultOf(service.stopService())
        self.assertEqual(self.successResultOf(done), Report((), ()))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertIn("1 of 1 files are on the server; 3 chunks were sent", self.lines()[-1])

    def test_without_paths_not_started(self) -> None:
        """It is done as well if it is stopped before it was started."""
        service = self.service(ScriptedReceiver())
        self.successResultOf(service.stopService())
        self.assertEqual(self.successResultOf(service.when_done()), Report((), ()))

    def test_what_are_no_paths(self) -> None:
        """One path in the place of several is refused: its letters, such as ".", are none."""
        uploader = Resumable(TARGET, client=FakeClient(), reactor=self.clock)
        for paths in ("a.dat", Path("a.dat"), b"a.dat", [b"a.dat"], [5], [None], None):
            given: Any = paths
            self.assertRaises(TypeError, UploadService, uploader, given, reactor=self.clock)
        self.assertRaises(ValueError, UploadService, uploader, ["a\0b"], reactor=self.clock)
        service = UploadService(uploader, [FilePath(b"/no/such/file")], reactor=self.clock)
        service.startService()
        self.assertEqual([each.path for each in self.ended(service).failed], ["/no/such/file"])

    def test_what_is_no_uploader(self) -> None:
        """Its target in its place is refused, and named."""
        given: Any = TARGET
        error = self.assertRaises(TypeError, UploadService, given, ["a"], reactor=self.clock)
        self.assertIn(repr(TARGET), str(error))

    def test_what_is_no_patience(self) -> None:
        """Patience is in seconds, and may be without an end."""
        uploader = Resumable(TARGET, client=FakeClient(), reactor=self.clock)
        for given in (-1, float("nan"), None, "10"):
            patience: Any = given
            with self.assertRaises(InvalidOption) as caught:
                UploadService(uploader, reactor=self.clock, patience=patience)
            self.assertEqual((caught.exception.option, caught.exception.value), ("patience", given))
        for most in (0, 0.5, float("inf")):
            UploadService(uploader, reactor=self.clock, patience=most)

    def test_files_and_folders(self) -> None:
        """Files and all that is below folders is on the server when it is done."""
        for name in ("f/x", "f/g/y"):
            self.file(name)
        receiver = ScriptedReceiver()
        service = self.service(receiver, self.file("a"), os.path.join(self.folder, "f"))
        service.startService()
        report = self.ended(service)
        self.assertEqual(
            sorted(file.relative_path for file in report.completed), ["a", "f/g/y", "f/x"]
        )
        self.assertEqual(report.failed, ())
        self.assertEqual(receiver.stored("y").content, b"f/g/y....." * 3)
        self.assertIn(f"Uploading to {TARGET}", self.lines("info"))
        self.assertIn(
            "f/x is on the server: 30 bytes in 3 chunks, of which 0 were already stored",
            self.lines("info"),
        )
        self.assertIn(
            "3 of 3 files are on the server; 9 chunks were sent, 0 were already stored",
            self.lines("info"),
        )

    def test_goes_on(self) -> None:
        """It reports how many chunks were already stored."""
        receiver, path = ScriptedReceiver(), self.file("a")
        first = self.service(receiver, path)
        first.startService()
        self.ended(first)
        second = self.service(receiver, path)
        second.startService()
        self.ended(second)
        self.assertIn(
            "1 of 1 files are on the server; 0 chunks were sent, 3 were already stored",
            self.lines("info"),
        )

    def test_failures(self) -> None:
        """Each file that failed is named with why, and stops no other."""
        missing = os.path.join(self.folder, "missing")
        service = self.service(
            ScriptedReceiver(rule=lambda request: 403 if "=big" in request.url else None),
            *(missing, self.file("empty", 0), self.file("a"), self.file("big")),
        )
        service.startService()
        report = self.ended(service)
        self.assertEqual([file.file_name for file in report.completed], ["a"])
        self.assertEqual(
            sorted(os.path.basename(failed.path) for failed in report.failed),
            ["big", "empty", "missing"],
        )
        errors = self.lines("error")
        self.assertIn(f"{missing} is not on the server: No such file or directory", errors)
        self.assertTrue(any("Refused (min_file_size)" in line for line in errors), errors)
        self.assertTrue(any("was refused with 403" in line for line in errors), errors)

    def test_nothing(self) -> None:
        """A folder without files is done at once, with a warning."""
        service = self.service(FakeClient(), self.folder)
        service.startService()
        self.assertEqual(self.ended(service), Report((), ()))
        self.assertEqual(self.lines("warn"), [f"There is no file in {self.folder}"])

    def test_links(self) -> None:
        """Links in folders are followed if the uploader's options say so, or counted in a line."""
        folder = os.path.dirname(self.file("f/x"))
        os.symlink("x", os.path.join(folder, "link"))
        for links, count in (("follow", 0), ("skip", 1)):
            service = self.service(ScriptedReceiver(), folder, links=links)
            service.startService()
            self.assertEqual(len(self.ended(service).completed), 2 - count)
            warned = [line for line in self.lines("warn") if "symbolic link" in line]
            self.assertEqual(len(warned), count)

    def test_chosen(self) -> None:
        """Of a folder only those files are uploaded that are chosen by their path below it."""
        for name in ("f/x", "f/y", "f/g/x"):
            folder = os.path.dirname(self.file(name))
        folder = os.path.dirname(folder)
        asked: list[str] = []

        def chosen(path: str) -> bool:
            asked.append(path)
            return path.endswith("x")

        uploader = Resumable("http://127.0.0.1/", client=ScriptedReceiver(), reactor=Clock())
        service = UploadService(uploader, [folder], reactor=Clock(), chosen=chosen)
        service.startService()
        paths = [file.relative_path for file in self.ended(service).completed]
        self.assertEqual((paths, asked), (["f/g/x", "f/x"], ["g/x", "x", "y"]))

    def test_as_library(self) -> None:
        """Its uploader takes more files than it was made for, until it is stopped."""
        service = self.service(ScriptedReceiver())
        service.startService()
        self.successResultOf(service.uploader.add_file(self.file("later")))
        self.successResultOf(service.stopService())
        self.assertRaises(UploaderClosed, service.uploader.add_file, self.file("too late"))

    def test_every_waiter(self) -> None:
        """Everybody who asks is told of the end, before it and after it."""
        service = self.service(ScriptedReceiver(), self.file("a"))
        early = [service.when_done(), service.when_done()]
        service.startService()
        report = self.ended(service)
        for waiter in (*early, service.when_done()):
            self.assertIs(self.successResultOf(waiter), report)

    def test_progress(self) -> None:
        """It logs how far it is every five seconds, if that has changed."""
        client = FakeClient()
        service = self.service(client, self.file("a", 4), test_chunks=False)
        service.startService()
        client.respond(200)
        self.clock.advance(5)
        self.assertIn("25.0 % of 40 bytes in 1 files; 2 bytes/s", self.lines("info"))
        self.clock.advance(5)
        client.respond(200)
        self.clock.advance(5)
        self.assertIn("50.0 % of 40 bytes in 1 files; 2 bytes/s", self.lines("info"))
        self.assertEqual(len([line for line in self.lines() if "%" in line]), 2)
        self.successResultOf(self.stopped(service))

    def stopped(self, service: UploadService) -> Any:
        """Stop without waiting."""
        stopped = service.stopService()
        service.abort()
        self.clock.advance(1)
        self.successResultOf(service.when_done())
        return stopped

    def test_secrets(self) -> None:
        """No header, no query and no parameter of a URL is logged."""
        service = self.service(
            ScriptedReceiver(rule=lambda request: 403 if request.is_upload else None),
            self.file("a"),
            target=f"{TARGET}?key=SECRET",
            headers={"Authorization": "SECRET"},
            query={"token": "SECRET"},
        )
        service.startService()
        self.ended(service)
        for event in self.events:
            self.assertNotIn("SECRET", formatEvent(event) + repr(event))

    def test_target_by_function(self) -> None:
        """A target that is a function is not called to be logged."""
        service = self.service(ScriptedReceiver(), target=lambda _: self.fail("called"))
        service.startService()
        self.successResultOf(service.stopService())
        self.assertIn("Uploading to where a function says", self.lines())


class StopTests(ServiceTestCase):
    """It ends with care."""

    def start(self, **options: Any) -> tuple[UploadService, FakeClient]:
        """A service with three of ten chunks under way, and another file behind them."""
        client = FakeClient()
        options = {"test_chunks": False, **options}
        service = self.service(client, self.file("a", 10), self.file("b"), **options)
        service.startService()
        self.assertEqual(len(client.waiting), 3)
        return service, client

    def test_drains(self) -> None:
        """Chunks under way may finish, no other is started, and it ends when they have."""
        service, client = self.start()
        stopped = service.stopService()
        for _ in range(3):
            self.clock.advance(1)
            self.assertNoResult(stopped)
            client.respond(200)
        self.clock.advance(0.05)
        self.successResultOf(stopped)
        self.assertEqual(len(client.sent), 3)
        report = self.successResultOf(service.when_done())
        self.assertEqual(report.completed, ())
        self.assertEqual([type(each.error) for each in report.failed], [CancelledError] * 2)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertIn("Stopping; 3 chunks under way may take 10 s to finish", self.lines())
        self.assertEqual(self.lines("error"), [])

    def test_patience(self) -> None:
        """C26: After ten seconds, what is still under way is aborted."""
        service, client = self.start()
        stopped = service.stopService()
        for _ in range(199):
            self.clock.advance(0.05)
        self.assertNoResult(stopped)
        self.clock.advance(0.1)
        self.successResultOf(stopped)
        self.assertTrue(all(request.given_up for request in client.sent))
        self.assertIn("Aborting 3 chunks under way", self.lines("warn"))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopped_twice(self) -> None:
        """Stopping it once more gives no more time, and both are notified of the same end."""
        service, client = self.start()
        first = service.stopService()
        self.clock.pump([0.05] * 190)
        second = service.stopService()
        self.assertNoResult(second)
        self.clock.pump([0.05] * 11)
        self.successResultOf(first)
        self.successResultOf(second)
        self.assertTrue(all(request.given_up for request in client.sent))
        self.assertEqual(len([line for line in self.lines() if line.startswith("Stopping")]), 1)
        self.successResultOf(service.stopService())

    def test_abort(self) -> None:
        """Told to, it ends at once."""
        service, client = self.start()
        stopped = service.stopService()
        service.abort()
        self.clock.advance(0.05)
        self.successResultOf(stopped)
        self.assertTrue(all(request.given_up for request in client.sent))

    def test_no_retries(self) -> None:
        """A chunk that has to be tried again is not waited for."""
        service, client = self.start()
        stopped = service.stopService()
        for _ in range(3):
            client.respond(503)
        self.clock.advance(0.05)
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_last_chunks(self) -> None:
        """A file whose last chunks were under way is on the server."""
        client = FakeClient()
        service = self.service(client, self.file("a", 2), test_chunks=False, last_chunk_alone=False)
        service.startService()
        stopped = service.stopService()
        client.respond(200)
        client.respond(200)
        self.clock.advance(0.05)
        self.successResultOf(stopped)
        report = self.successResultOf(service.when_done())
        self.assertEqual((len(report.completed), report.failed), (1, ()))

    def test_while_looking(self) -> None:
        """Files that were not even looked at when it stops are reported as not done."""
        self.clock = threads = HeldThreads()
        service = self.service(FakeClient(), self.file("a"), self.folder)
        service.startService()
        self.successResultOf(service.stopService())
        report = self.successResultOf(service.when_done())
        self.assertEqual([type(each.error) for each in report.failed], [CancelledError] * 2)
        for work in threads.work:
            work()

    def test_while_walking(self) -> None:
        """Files of a folder that is found only after it was stopped are not begun."""
        self.clock = threads = HeldThreads()
        client = FakeClient()
        service = self.service(client, os.path.dirname(self.file("f/x")))
        service.startService()
        threads.work.pop(0)()
        service.stopService()
        while threads.work:
            threads.work.pop(0)()
        self.successResultOf(service.when_done())
        self.assertEqual(client.sent, [])

    def test_file_let_in_late(self) -> None:
        """A file that is accepted while it stops is not begun."""
        client = FakeClient()
        service = self.service(client, self.file("a"), test_chunks=False, last_chunk_alone=False)
        service.startService()
        stopped = service.stopService()
        service.uploader.add_file(self.file("late")).addErrback(lambda _: None)
        for _ in range(3):
            client.respond(200)
        self.clock.advance(0.05)
        self.successResultOf(stopped)
        self.assertEqual(len(client.sent), 3)

    def test_before_start(self) -> None:
        """One that never started stops, is done by that, and begins nothing any more."""
        client = FakeClient()
        service = self.service(client, self.file("a"), self.file("b"))
        self.successResultOf(service.stopService())
        failed = self.ended(service).failed
        self.assertEqual([type(each.error) for each in failed], [CancelledError] * 2)
        self.assertRaises(UploaderClosed, service.startService)
        self.assertEqual((client.sent, self.clock.getDelayedCalls()), ([], []))

    def test_started_twice(self) -> None:
        """The second time, nothing begins."""
        service = self.service(ScriptedReceiver(), self.file("a"))
        service.startService()
        service.startService()
        self.assertEqual(len(self.ended(service).completed), 1)
        self.assertEqual(len([line for line in self.lines() if line.startswith("a is on")]), 1)

    def test_repr(self) -> None:
        """It is shown with whether it runs, and with its uploader."""
        service = self.service(ScriptedReceiver(), self.file("a"))
        self.assertRegex(repr(service), "^<UploadService not started, <Resumable '.*>>$")
        service.startService()
        self.assertIn("running", repr(service))
        self.ended(service)
        self.assertIn("stopped", repr(service))

    def test_started_again(self) -> None:
        """It starts once: after its end, starting it is an error, and it is not running."""
        service = self.service(ScriptedReceiver(), self.file("a"))
        service.startService()
        self.ended(service)
        self.assertRaises(UploaderClosed, service.startService)
        self.assertFalse(service.running)

    def test_closed_before_start(self) -> None:
        """Each file that an uploader does not take any more is in the report."""
        folder = os.path.dirname(self.file("folder/c"))
        service = self.service(FakeClient(), self.file("a"), self.file("b"), folder)
        service.uploader.close()
        service.startService()
        failed = self.ended(service).failed
        self.assertEqual([os.path.basename(each.path) for each in failed], ["a", "b", "folder"])
        for each in failed:
            self.assertIsInstance(each.error, UploaderClosed)


class ExplainTests(SynchronousTestCase):
    """Errors for people."""

    def test_sentences(self) -> None:
        """Every error is a sentence without the file's name, and none is empty."""
        for error, text in (
            (CancelledError(), "Stopped before it was complete"),
            (FileRejected("a", "max_files", "too many"), "Refused (max_files): too many"),
            (FileNotFoundError(2, "No such file", "a"), "No such file"),
            (OSError("odd"), "odd"),
            (SourceChanged("a", "it grew"), "'a' changed while it was being uploaded: it grew"),
            (TLSRejected(), (TLSRejected.__doc__ or "").strip()),
        ):
            self.assertEqual(explain(error), text)
